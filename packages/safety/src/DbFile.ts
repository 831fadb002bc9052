/**
 * The derivation database as op-supervisor keeps it in the files `local_safe.db` and `cross_safe.db`: entries of 128
 * bytes one after the other, integers big-endian. Pure.
 *
 * type (0 link, 1 invalidated), 3 zero bytes, source number, source time, revision, derived number, derived time (8
 * bytes each), source hash, derived hash (32 each), 20 bytes that are written as zero and not looked at.
 */
import { Result, Schema } from "effect"
import { type BlockSeal, toHex, writeHex } from "@ephor/types"
import type { DerivationDb, DerivationEntry } from "./DerivationDb.ts"

/** Bytes of an entry. */
export const entrySize = 128

/** Bytes that are no derivation database, with the offset of what is wrong. */
export class DbFileError extends Schema.TaggedError<DbFileError>()("DbFileError", {
  offset: Schema.Natural,
  why: Schema.String
}) {
  override get message() {
    return `not a derivation database: ${this.why} at byte ${this.offset}`
  }
}

const wrong = (offset: number, why: string) => Result.fail(new DbFileError({ offset, why }))

const types = { link: 0, invalidated: 1 } as const
const at = {
  padding: 1,
  sourceNumber: 4,
  sourceTime: 12,
  revision: 20,
  derivedNumber: 28,
  derivedTime: 36,
  sourceHash: 44,
  derivedHash: 76
} as const
const integers = ["sourceNumber", "sourceTime", "revision", "derivedNumber", "derivedTime"] as const
const twoTo32 = 2 ** 32

const writeEntry = (view: DataView, bytes: Uint8Array, start: number, entry: DerivationEntry): void => {
  const { derived, invalidated, revision, source } = entry
  const writeU64 = (offset: number, value: number) => {
    view.setUint32(start + offset, Math.floor(value / twoTo32))
    view.setUint32(start + offset + 4, value % twoTo32)
  }
  bytes[start] = invalidated ? types.invalidated : types.link
  writeU64(at.sourceNumber, source.number)
  writeU64(at.sourceTime, source.timestamp)
  writeU64(at.revision, revision)
  writeU64(at.derivedNumber, derived.number)
  writeU64(at.derivedTime, derived.timestamp)
  writeHex(source.hash, bytes, start + at.sourceHash)
  writeHex(derived.hash, bytes, start + at.derivedHash)
}

const readEntry = (
  view: DataView,
  bytes: Uint8Array,
  start: number
): Result.Result<DerivationEntry, DbFileError> => {
  if (start + entrySize > bytes.length) {
    return wrong(start, `an entry of ${bytes.length - start} instead of ${entrySize} bytes`)
  }
  const type = bytes[start]
  if (type !== types.link && type !== types.invalidated) return wrong(start, `an entry of type ${type}`)
  for (let i = at.padding; i < at.sourceNumber; i++) {
    if (bytes[start + i] !== 0) return wrong(start + i, "padding that is not zero")
  }
  const readU64 = (offset: number) =>
    view.getUint32(start + offset) * twoTo32 + view.getUint32(start + offset + 4)
  for (const name of integers) {
    if (!Number.isSafeInteger(readU64(at[name]))) return wrong(start + at[name], `${name} above 2^53 - 1`)
  }
  const seal = (hash: number, number: number, time: number): BlockSeal => ({
    hash: toHex(bytes, start + hash, start + hash + 32),
    number: readU64(number),
    timestamp: readU64(time)
  })
  return Result.succeed({
    source: seal(at.sourceHash, at.sourceNumber, at.sourceTime),
    derived: seal(at.derivedHash, at.derivedNumber, at.derivedTime),
    revision: readU64(at.revision),
    invalidated: type === types.invalidated
  })
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/** The file that holds these entries, or this part of it. */
export const encode = (db: DerivationDb): Uint8Array => {
  const bytes = new Uint8Array(db.length * entrySize)
  const view = viewOf(bytes)
  db.forEach((entry, i) => writeEntry(view, bytes, i * entrySize, entry))
  return bytes
}

/** Reads a whole file. Each entry is checked by itself; whether entries follow from each other is not. */
export const decode = (bytes: Uint8Array): Result.Result<DerivationDb, DbFileError> => {
  const view = viewOf(bytes)
  const db: Array<DerivationEntry> = []
  for (let start = 0; start < bytes.length; start += entrySize) {
    const entry = readEntry(view, bytes, start)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    db.push(entry.success)
  }
  return Result.succeed(db)
}
