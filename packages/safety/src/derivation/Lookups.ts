/** What a derivation database tells of a block. */
import { Result } from "effect"
import { type BlockId, type BlockRef, BlockSeal } from "@ephor/types"
import { future, refuse, show, type Verdict } from "../Fault.ts"
import { type DerivationDb, type DerivationEntry, partition, type Revision } from "./Entries.ts"

const zeroHash = `0x${"0".repeat(64)}` as const

/** The revision in which a height is canonical. */
export const revisionOf = (db: DerivationDb, number: number): Revision => {
  const count = partition(db, (entry) => entry.revision <= number)
  return count === 0 ? 0 : db[count - 1]!.revision
}

/**
 * The canonical entry of a height: its `first` occurrence tells the L1 block it came from, its `last` the newest L1
 * block with which it still was the tip.
 */
export const canonical = (
  db: DerivationDb,
  number: number,
  which: "first" | "last"
): Verdict<DerivationEntry> => {
  const start = db[0]
  const end = db.at(-1)
  if (start === undefined || end === undefined) return refuse("Uninitialized", "no block is known to be safe")
  if (number > end.derived.number) return future(`block ${number} is after ${show(end.derived)}`)
  if (number < start.derived.number)
    return refuse("Skipped", `block ${number} is before ${show(start.derived)}`)
  const revision = revisionOf(db, number)
  const before = (entry: DerivationEntry) =>
    entry.revision !== revision ? entry.revision < revision : entry.derived.number < number
  const upTo = (entry: DerivationEntry) =>
    entry.revision !== revision ? entry.revision < revision : entry.derived.number <= number
  const entry = db[which === "first" ? partition(db, before) : partition(db, upTo) - 1]
  if (entry === undefined || entry.revision !== revision || entry.derived.number !== number) {
    return refuse("NotExact", `block ${number} has no entry in revision ${revision}`)
  }
  return entry.invalidated
    ? refuse("AwaitReplacement", `block ${show(entry.derived)} waits for its replacement`)
    : Result.succeed(entry)
}

/** The canonical entry of a block, checked against its hash. */
export const ofDerived = (db: DerivationDb, id: BlockId, which: "first" | "last"): Verdict<DerivationEntry> =>
  Result.flatMap(canonical(db, id.number, which), (entry) =>
    entry.derived.hash === id.hash
      ? Result.succeed(entry)
      : refuse("Conflict", `block ${show(id)}, but have ${show(entry.derived)}`)
  )

/** The last entry as of an L1 block: what was derived when all of it was consumed. */
export const lastAtSource = (db: DerivationDb, source: BlockId): Verdict<DerivationEntry> => {
  const start = db[0]
  const end = db.at(-1)
  if (start === undefined || end === undefined) return refuse("Uninitialized", "no block is known to be safe")
  if (source.number > end.source.number) return future(`source ${show(source)} is after ${show(end.source)}`)
  if (source.number < start.source.number)
    return refuse("Skipped", `source ${show(source)} is before ${show(start.source)}`)
  const entry = db[partition(db, (entry) => entry.source.number <= source.number) - 1]!
  if (entry.source.number !== source.number) return refuse("NotExact", `source ${show(source)} has no entry`)
  if (entry.source.hash !== source.hash) {
    return refuse("Conflict", `source ${show(source)}, but have ${show(entry.source)}`)
  }
  return entry.invalidated
    ? refuse("AwaitReplacement", `block ${show(entry.derived)} waits for its replacement`)
    : Result.succeed(entry)
}

/** The L1 block after `source`, with `source` as its parent; `Future` when none is known yet. */
export const nextSource = (db: DerivationDb, source: BlockId): Verdict<BlockRef> => {
  const at = lastAtSource(db, source)
  if (Result.isFailure(at) && at.failure._tag !== "AwaitReplacement") return Result.fail(at.failure)
  const entry = db[partition(db, (entry) => entry.source.number <= source.number)]
  return entry === undefined
    ? future(`no L1 block after ${show(source)} is known`)
    : Result.succeed({ ...entry.source, parentHash: source.hash })
}

/** The L1 block before the source of an entry. Before block 0 there is the zero block. */
export const previousSource = (db: DerivationDb, source: BlockSeal): Verdict<BlockSeal> => {
  const index = partition(db, (entry) => entry.source.number < source.number)
  if (index > 0) return Result.succeed(db[index - 1]!.source)
  return source.number === 0
    ? Result.succeed({ hash: zeroHash, number: 0, timestamp: 0 })
    : refuse("PreviousToFirst", `no L1 block before ${show(source)} is known`)
}
