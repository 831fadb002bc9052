/**
 * Ordered byte key-value store: what the dispute coordinator's seed assumes (write, read, iterate by prefix), plus
 * atomic batches. A custom store is three methods; `testing/StoreTest.ts` proves it.
 */
import { Context, type Effect, type Option, Schema, type Stream } from "effect"

/** One write of a batch: a value to put, or a key to delete. */
export type Write =
  | { readonly _tag: "Put"; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly _tag: "Delete"; readonly key: Uint8Array }

/** A key with its value. */
export interface Entry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Reading or writing the disk failed. */
export class StoreIo extends Schema.TaggedError<StoreIo>()("Io", { cause: Schema.Defect() }) {}
/** A stored record does not decode: the file was damaged, or written by another version. */
export class StoreCorrupt extends Schema.TaggedError<StoreCorrupt>()("Corrupt", { key: Schema.String, why: Schema.String }) {}
/** The store was closed before the operation. */
export class StoreClosed extends Schema.TaggedError<StoreClosed>()("Closed", {}) {}

/** The one public error of `Store`. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.Literals(["open", "get", "batch", "iterate"]),
  path: Schema.String,
  reason: Schema.Union([StoreIo, StoreCorrupt, StoreClosed])
}) {
  override get message() {
    const reason = this.reason
    const where = `store ${this.path}: ${this.operation} failed`
    switch (reason._tag) {
      case "Io":
        return `${where}: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
      case "Corrupt":
        return `${where}: the record at ${reason.key} is corrupt (${reason.why}); restore the data directory from a backup or delete it`
      case "Closed":
        return `${where}: the store is closed`
    }
  }
}

/** Shape of a store. */
export interface Service {
  readonly get: (key: Uint8Array) => Effect.Effect<Option.Option<Uint8Array>, StoreError>
  /** All or nothing, in the given order; returns when it is on disk. An empty batch is accepted. */
  readonly batch: (writes: ReadonlyArray<Write>) => Effect.Effect<void, StoreError>
  /** Every entry whose key starts with `prefix`, in lexicographic order of keys, from one consistent view. */
  readonly iterate: (prefix: Uint8Array, options?: { readonly reverse?: boolean }) => Stream.Stream<Entry, StoreError>
}

/** Where everything durable lives. */
export class Store extends Context.Service<Store, Service>()("@ephor/chain/Store") {}
