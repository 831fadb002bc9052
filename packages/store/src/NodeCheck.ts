/**
 * Looks at everything in a data directory: every page, every checksum, and whether every record is what its table says.
 * The directory is only read; a process may be writing it meanwhile.
 */
import { type Array as Arr, Effect, Result, Stream } from "effect"
import { bytesOf, openReader, reasonOf } from "./directory/NodeDatabase.ts"
import { isManifest, readManifest } from "./directory/NodeManifest.ts"
import { unseal } from "./directory/NodeChecksum.ts"
import { toHex } from "./keys/Hex.ts"
import * as Manifest from "./Manifest.ts"
import { defaults } from "./NodeStore.ts"
import { type Entry, StoreError, StoreForeign } from "./Store.ts"

/** What was found. */
export interface Report {
  /** The program that the directory belongs to. */
  readonly program: string
  readonly manifest: Manifest.Manifest
  /** Records that were read, by family; those of none as `other`. */
  readonly records: { readonly [family: string]: number }
  /** Bytes of keys and values. */
  readonly bytes: number
  /** How many records are damaged. */
  readonly damaged: number
  /** What is wrong with the first of them. */
  readonly faults: ReadonlyArray<string>
}

/** Faults that a report names. */
export const maximumFaults = 20

const faultOf = ({ key, value }: Entry, family: Manifest.Family | undefined): string | undefined => {
  const plain = unseal(key, value)
  if (plain === undefined) return "its checksum is wrong"
  if (family === undefined) return undefined
  const read = Result.try(() => family.read({ key: key.subarray(family.startOf(key)), value: plain.slice() }))
  return Result.isSuccess(read)
    ? undefined
    : read.failure instanceof Error
      ? read.failure.message.replaceAll(/\s+/g, " ")
      : String(read.failure)
}

/**
 * Reads all of the directory at `path`, which belongs to one of `programs`. What keeps it from being read at all (damaged pages, another program, an earlier
 * release) is the error; single records that are damaged are counted and named.
 */
export const check = Effect.fn("NodeCheck.check")(function* (
  path: string,
  programs: Arr.NonEmptyReadonlyArray<Manifest.Contents>
) {
  const opened = yield* Effect.acquireRelease(
    Effect.try({
      try: () => openReader(path, true),
      catch: (cause) => new StoreError({ operation: "open", path, reason: reasonOf(cause, path, 0) })
    }),
    ({ database }) => Effect.promise(() => database.close())
  )
  const store = bytesOf(opened, defaults)
  const manifest = yield* readManifest(store, path)
  const contents = programs.find(({ program }) => program === manifest?.program) ?? programs[0]
  const foreign = (why: string) =>
    new StoreError({ operation: "open", path, reason: new StoreForeign({ why }) })
  if (manifest === undefined || manifest.format < Manifest.format || manifest.migrating !== undefined) {
    return yield* foreign(
      `it was written by an earlier release, and has no checksums: start ${contents.program} on it once, which brings it up to date`
    )
  }
  const planned = Manifest.plan(manifest, contents)
  if (Result.isFailure(planned)) return yield* foreign(planned.failure)
  const records: Record<string, number> = {}
  const faults: Array<string> = []
  let bytes = 0
  let damaged = 0
  yield* Stream.runForEachArray(store.iterate(new Uint8Array(0)), (entries) =>
    Effect.sync(() => {
      for (const entry of entries) {
        if (isManifest(entry.key)) continue
        const family = contents.families.find(({ startOf }) => startOf(entry.key) !== undefined)
        const name = family?.name ?? "other"
        records[name] = (records[name] ?? 0) + 1
        bytes += entry.key.length + entry.value.length
        const fault = faultOf(entry, family)
        if (fault === undefined) continue
        damaged++
        if (faults.length < maximumFaults) faults.push(`${name}, record at ${toHex(entry.key)}: ${fault}`)
      }
    })
  )
  const report: Report = { program: contents.program, manifest, records, bytes, damaged, faults }
  return report
}, Effect.scoped)

/** A report for people: what was read, and what is wrong. */
export const render = ({ bytes, damaged, faults, manifest, program, records }: Report): string =>
  [
    `${program}, format ${manifest.format}, ${bytes} bytes`,
    ...Object.entries(records).map(([family, count]) => `${family}: ${count} records`),
    ...faults.map((fault) => `damaged: ${fault}`),
    ...(damaged > faults.length ? [`damaged: ${damaged - faults.length} more`] : [])
  ].join("\n")
