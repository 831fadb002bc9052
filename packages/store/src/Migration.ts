/**
 * Bringing the records of a store to the versions that a program writes, batch by batch: each batch is atomic and says in
 * the manifest how far it went, so that a process that is killed goes on at its next start.
 */
import { Effect, Stream } from "effect"
import { compareBytes } from "./keys/ByteOrder.ts"
import { fromHex, toHex } from "./keys/Hex.ts"
import type { Manifest, Step } from "./Manifest.ts"
import type { Entry, Service, StoreError, Write } from "./Store.ts"

/** Bounds of one batch of a migration. */
export interface Limits {
  /** Records that are migrated at once. */
  readonly batchRecords: number
  /** Bytes of them: a batch ends with the record that exceeds this. */
  readonly batchBytes: number
}

/** Records that take a few milliseconds to write. */
export const defaults: Limits = { batchRecords: 1000, batchBytes: 4 * 1024 * 1024 }

/** The next records above a key. */
const following = (store: Service, after: Uint8Array | undefined, limits: Limits) => {
  let bytes = 0
  const from = after === undefined ? {} : { from: after }
  return store.iterate(new Uint8Array(0), { ...from, limit: limits.batchRecords + 1 }).pipe(
    // The first one may be `after` itself, which is done.
    Stream.filter(({ key }) => after === undefined || compareBytes(key, after) !== 0),
    Stream.takeWhile(({ key, value }) => {
      const room = bytes < limits.batchBytes
      bytes += key.length + value.length
      return room
    }),
    Stream.runCollect
  )
}

/**
 * Runs one step from where it was left. `write` writes a batch together with a manifest; the last one has no `migrating`.
 */
export const run = Effect.fnUntraced(function* (
  store: Service,
  manifest: Manifest,
  { family, migration }: Step,
  write: (writes: ReadonlyArray<Write>, manifest: Manifest) => Effect.Effect<void, StoreError>,
  limits: Limits = defaults
) {
  const { migrating, ...rest } = manifest
  const isBegun = migrating?.family === family.name && migrating.version === migration.to
  let after = isBegun ? fromHex(migrating.after) : undefined
  let records = 0
  while (true) {
    const entries = yield* following(store, after, limits)
    const last = entries.at(-1)
    if (last === undefined) break
    const writes = entries.flatMap((entry) => migrated(entry, { family, migration }))
    records += entries.length
    after = last.key
    yield* write(writes, {
      ...rest,
      migrating: { family: family.name, version: migration.to, after: toHex(after) }
    })
  }
  const done: Manifest = { ...rest, families: { ...rest.families, [family.name]: migration.to } }
  yield* write([], done)
  return { manifest: done, records }
})

/** What becomes of a record: nothing if it is not the family's. */
const migrated = ({ key, value }: Entry, { family, migration }: Step): ReadonlyArray<Write> => {
  const start = family.startOf(key)
  if (start === undefined) return []
  const head = key.subarray(0, start)
  return migration.migrate({ key: key.slice(start), value }).map((write) => {
    const whole = new Uint8Array(head.length + write.key.length)
    whole.set(head)
    whole.set(write.key, head.length)
    return { ...write, key: whole }
  })
}
