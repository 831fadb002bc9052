/**
 * The manifest in a database, and what follows from it when a directory is opened: it is refused, migrated, or used as it
 * is. The manifest lies under a key that users of the store do not see.
 */
import { Effect, Metric, Option, Result, Schema, Stream } from "effect"
import { compareBytes } from "../keys/ByteOrder.ts"
import * as Manifest from "../Manifest.ts"
import { migratedRecords } from "../Metrics.ts"
import * as Migration from "../Migration.ts"
import { put, type Service, StoreCorrupt, StoreError, StoreForeign, StoreIo, type Write } from "../Store.ts"
import { checksummed, seal, unseal } from "./NodeChecksum.ts"

/** Where the manifest lies: a key that comes before all text. */
export const manifestKey = new TextEncoder().encode("\0ephor/manifest")

const nothing = new Uint8Array(0)
/** Whether this is the key of the manifest. */
export const isManifest = (key: Uint8Array): boolean => compareBytes(key, manifestKey) === 0
const covers = (prefix: Uint8Array): boolean =>
  prefix.length <= manifestKey.length && compareBytes(prefix, manifestKey.subarray(0, prefix.length)) === 0

const codec = Schema.fromJsonString(Manifest.Manifest)
const encode = Schema.encodeSync(codec)
const decode = Schema.decodeUnknownResult(codec)

/** The write that puts a manifest; its form never changes, so that every version can read what any other wrote. */
const manifestWrite = (manifest: Manifest.Manifest): Write =>
  put(manifestKey, seal(manifestKey, new TextEncoder().encode(encode(manifest))))

/** The manifest of a store of bytes; none in a directory of format 1, or a new one. */
export const readManifest = Effect.fnUntraced(function* (bytes: Service, path: string) {
  const found = yield* bytes.get(manifestKey)
  if (Option.isNone(found)) return undefined
  const text = unseal(manifestKey, found.value)
  const manifest = text === undefined ? undefined : decode(new TextDecoder().decode(text))
  if (manifest !== undefined && Result.isSuccess(manifest)) return manifest.success
  const reason = new StoreCorrupt({ key: "manifest", why: "it cannot be read" })
  return yield* new StoreError({ operation: "open", path, reason })
})

/** Hides the manifest from those who use the store. */
const hidden = (store: Service, path: string): Service => ({
  get: (key) => (isManifest(key) ? Effect.succeedNone : store.get(key)),
  batch: (writes) =>
    writes.some(({ key }) => isManifest(key))
      ? Effect.fail(
          new StoreError({
            operation: "batch",
            path,
            reason: new StoreIo({ cause: new RangeError("the key of the manifest is the store's own") })
          })
        )
      : store.batch(writes),
  iterate: (prefix, options = {}) => {
    if (!covers(prefix)) return store.iterate(prefix, options)
    const { limit, ...rest } = options
    const all = store
      .iterate(prefix, limit === undefined ? rest : { ...rest, limit: limit + 1 })
      .pipe(Stream.filter(({ key }) => !isManifest(key)))
    return limit === undefined ? all : Stream.take(all, limit)
  }
})

/** The step from format 1 to 2: each record gets its checksum. */
const sealing: Manifest.Step = {
  family: {
    name: "format",
    version: 2,
    startOf: (key) => (isManifest(key) ? undefined : 0),
    read: () => {},
    migrations: []
  },
  migration: { to: 2, migrate: ({ key, value }) => [put(key, value)] }
}

/** What opening asks of a directory. */
export interface Options {
  readonly path: string
  readonly contents?: Manifest.Contents | undefined
  readonly readOnly: boolean
  /** Run when a record is read whose checksum is wrong. */
  readonly onDamaged?: Effect.Effect<void>
}

/** The lowest and the highest key, to see whose directory without a manifest this is; none if there are no records. */
const ends = (bytes: Service) =>
  Effect.map(
    Effect.all([
      Stream.runCollect(bytes.iterate(nothing, { limit: 1 })),
      Stream.runCollect(bytes.iterate(nothing, { limit: 1, reverse: true }))
    ]),
    (found) => found.flat().map(({ key }) => key)
  )

/** The store in a directory, over the bytes that its database keeps; fails with a sentence if it must not be used. */
export const openManifest = Effect.fnUntraced(function* (
  bytes: Service,
  { contents, onDamaged, path, readOnly }: Options
): Effect.fn.Return<Service, StoreError> {
  const foreign = (why: string) =>
    new StoreError({ operation: "open", path, reason: new StoreForeign({ why }) })
  const sealed = checksummed(bytes, path, onDamaged)
  const opened = hidden(sealed, path)
  const stored = yield* readManifest(bytes, path)
  const keys = stored === undefined ? yield* ends(bytes) : []
  const stranger = Manifest.strangerIn(keys, contents)
  if (stranger !== undefined) return yield* foreign(stranger)
  const before = stored ?? (keys.length === 0 ? Manifest.fresh(contents) : Manifest.ofFormat1(contents))
  const planned = Manifest.plan(before, contents)
  if (Result.isFailure(planned)) return yield* foreign(planned.failure)
  const steps = planned.success
  if (readOnly) {
    return before.format < Manifest.format || before.migrating !== undefined || steps.length > 0
      ? yield* foreign(
          `it was written by an earlier release: start ${contents?.program ?? "its program"} on it once, which brings it up to date`
        )
      : opened
  }

  const sealedWrite = (write: Write): Write =>
    write._tag === "Put" ? put(write.key, seal(write.key, write.value)) : write
  const write = (writes: ReadonlyArray<Write>, manifest: Manifest.Manifest) =>
    bytes.batch([...writes.map(sealedWrite), manifestWrite(manifest)])
  const report = ({ family, migration }: Manifest.Step, records: number) =>
    Effect.logInfo(`migrated the ${family.name} of ${path} to version ${migration.to}`, { records }).pipe(
      Effect.andThen(Metric.update(migratedRecords, records))
    )
  let manifest = before
  if (manifest.format === 1) {
    // The format is not a family: where it has got to stands in its own field.
    const formatted = ({ families: { format = 1, ...families }, ...rest }: Manifest.Manifest) => ({
      ...rest,
      families,
      format
    })
    const done = yield* Migration.run(bytes, manifest, sealing, (writes, next) =>
      write(writes, formatted(next))
    )
    manifest = formatted(done.manifest)
    yield* report(sealing, done.records)
  }
  for (const step of steps) {
    const done = yield* Migration.run(opened, manifest, step, write)
    manifest = done.manifest
    yield* report(step, done.records)
  }
  const current = Manifest.current(manifest, contents)
  if (stored === undefined || encode(current) !== encode(manifest))
    yield* bytes.batch([manifestWrite(current)])
  return opened
})
