/**
 * Ordered byte key-value store: what the dispute coordinator's seed assumes (write, read, iterate by prefix), plus
 * atomic batches. A custom store is three methods; `testing/StoreTest.ts` proves it.
 *
 * The contract: keys are 1 to `maximumKeyBytes` bytes, ordered as unsigned bytes; values are 0 bytes or more. A batch
 * is applied as a whole or not at all, in its own order (the last write to a key wins), and is on disk when it returns.
 * Reads see every batch that has returned. Bytes handed out belong to the caller, bytes handed in are copied.
 */
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"
import { memoryStore } from "./memory/MemoryStore.ts"

/** The longest key that every store takes; prefixes of `layerPrefixed` come on top. */
export const maximumKeyBytes = 1024

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
export class StoreCorrupt extends Schema.TaggedError<StoreCorrupt>()("Corrupt", {
  key: Schema.String,
  why: Schema.String
}) {}
/** There is no room for what was to be written; what was written before is all there. */
export class StoreFull extends Schema.TaggedError<StoreFull>()("Full", { why: Schema.String }) {}
/** The records were written by another program, or by a version of it that this one cannot read. */
export class StoreForeign extends Schema.TaggedError<StoreForeign>()("Foreign", { why: Schema.String }) {}
/** The store was closed before the operation. */
export class StoreClosed extends Schema.TaggedError<StoreClosed>()("Closed", {}) {}

/** The one public error of `Store`. */
export class StoreError extends Schema.TaggedError<StoreError>()("StoreError", {
  operation: Schema.Literals(["open", "get", "batch", "iterate"]),
  path: Schema.String,
  reason: Schema.Union([StoreIo, StoreFull, StoreCorrupt, StoreForeign, StoreClosed])
}) {
  override get message() {
    const reason = this.reason
    const where = `store ${this.path}: ${this.operation} failed`
    switch (reason._tag) {
      case "Io":
        return `${where}: ${reason.cause instanceof Error ? reason.cause.message : String(reason.cause)}`
      case "Full":
        return `${where}: the disk is full: ${reason.why}; nothing that was written before is lost: make room and start again`
      case "Foreign":
        return `${where}: ${reason.why}`
      case "Corrupt":
        return `${where}: the record at ${reason.key} is corrupt (${reason.why}); restore the data directory from a backup or delete it`
      case "Closed":
        return `${where}: the store is closed`
    }
  }
  /** A later try may succeed without anybody doing anything: a full disk may be emptied, a damaged record stays so. */
  get retryable() {
    return this.reason._tag === "Io" || this.reason._tag === "Full"
  }
}

/** Which entries `iterate` gives, and in which order. */
export interface IterateOptions {
  /** Highest key first. */
  readonly reverse?: boolean
  /** Where to begin, inclusive: the first key at or above it (with `reverse`: at or below it). */
  readonly from?: Uint8Array
  /** Entries, at most: those beyond are not even read. */
  readonly limit?: number
}

/** Shape of a store. */
export interface Service {
  readonly get: (key: Uint8Array) => Effect.Effect<Option.Option<Uint8Array>, StoreError>
  /** All or nothing, in the given order; returns when it is on disk. An empty batch is accepted. */
  readonly batch: (writes: ReadonlyArray<Write>) => Effect.Effect<void, StoreError>
  /**
   * Every entry whose key starts with `prefix`, in lexicographic order of keys, from one consistent view: what is
   * written after the stream began is not seen.
   */
  readonly iterate: (prefix: Uint8Array, options?: IterateOptions) => Stream.Stream<Entry, StoreError>
}

/** Where everything durable lives. */
export class Store extends Context.Service<Store, Service>()("@ephor/store/Store") {}

/** The write that puts `value` at `key`. */
export const put = (key: Uint8Array, value: Uint8Array): Write => ({ _tag: "Put", key, value })

/** The write that deletes `key`; deleting what is not there is accepted. */
export const remove = (key: Uint8Array): Write => ({ _tag: "Delete", key })

/** A store in memory, gone with its scope: for tests, and for chains that are followed from scratch each time. */
export const layerMemory: Layer.Layer<Store> = Layer.effect(
  Store,
  Effect.acquireRelease(Effect.sync(memoryStore), (memory) => Effect.sync(memory.close)).pipe(
    Effect.map((memory): Service => {
      const guarded = <A>(operation: StoreError["operation"], use: () => A) =>
        Effect.suspend(() =>
          memory.closed()
            ? Effect.fail(new StoreError({ operation, path: "(memory)", reason: new StoreClosed({}) }))
            : Effect.sync(use)
        )
      return {
        get: (key) => guarded("get", () => Option.fromUndefinedOr(memory.get(key))),
        batch: (writes) => guarded("batch", () => memory.batch(writes)),
        iterate: (prefix, options) =>
          Stream.unwrap(
            guarded("iterate", () => Stream.fromIterable(memory.range(prefix, options), { chunkSize: 256 }))
          )
      }
    })
  )
)

/** The part of a store whose keys start with `prefix`, seen as a store of its own. */
export const prefixed = (store: Service, prefix: Uint8Array | string): Service => {
  const head = typeof prefix === "string" ? new TextEncoder().encode(prefix) : prefix
  const inner = (key: Uint8Array) => {
    const whole = new Uint8Array(head.length + key.length)
    whole.set(head)
    whole.set(key, head.length)
    return whole
  }
  return {
    get: (key) => store.get(inner(key)),
    batch: (writes) => store.batch(writes.map((write) => ({ ...write, key: inner(write.key) }))),
    iterate: (key, { from, ...options } = {}) =>
      store
        .iterate(inner(key), from === undefined ? options : { ...options, from: inner(from) })
        .pipe(Stream.map((entry) => ({ key: entry.key.slice(head.length), value: entry.value })))
  }
}

/**
 * A store inside the store of the program: one per chain, one per subsystem. End text prefixes with a separator
 * (`"901/"`), else `"90"` would contain `"901"`.
 */
export const layerPrefixed = (prefix: Uint8Array | string): Layer.Layer<Store, never, Store> =>
  Layer.effect(
    Store,
    Effect.map(Store, (store) => prefixed(store, prefix))
  )
