/**
 * The derivation database of a chain: which L2 block was (local- or cross-) safe as of which L1 block. A list of
 * entries, each of which advances either the source or the derived block by one. Pure: every change is an `Edit`.
 */
import { Result, Schema } from "effect"
import { type BlockId, type BlockRef, BlockSeal, type DerivedBlockRefPair, type Hash } from "@ephor/types"
import { future, refuse, show, type Verdict } from "./Fault.ts"

/** The L2 block after whose invalidation entries were made; 0 before any. */
export const Revision = Schema.Natural
export type Revision = typeof Revision.Type

/** `derived` is safe as of `source`; or it was found invalid there and waits for its replacement. */
export const DerivationEntry = Schema.Struct({
  source: BlockSeal,
  derived: BlockSeal,
  revision: Revision,
  invalidated: Schema.Boolean
})
export interface DerivationEntry extends Schema.Schema.Type<typeof DerivationEntry> {}

/** All entries, oldest first: sources never go back, derived blocks do only where the revision grows. */
export type DerivationDb = ReadonlyArray<DerivationEntry>

/** A change: keep the first `keep` entries, then append. */
export interface Edit {
  readonly keep: number
  readonly append: ReadonlyArray<DerivationEntry>
}

/** The database after an edit. */
export const apply = (db: DerivationDb, edit: Edit): DerivationDb => [
  ...db.slice(0, edit.keep),
  ...edit.append
]

/** Whether an edit changes nothing. */
export const isUnchanged = (db: DerivationDb, edit: Edit): boolean =>
  edit.keep === db.length && edit.append.length === 0

/** Orders revisions; `"any"` is equal to every one. */
export const compareRevision = (a: Revision | "any", b: Revision | "any"): -1 | 0 | 1 =>
  a === "any" || b === "any" || a === b ? 0 : a < b ? -1 : 1

const seal = ({ hash, number, timestamp }: BlockSeal): BlockSeal => ({ hash, number, timestamp })

const text = (entry: DerivationEntry) => `(${show(entry.source)}, ${show(entry.derived)})`

/** How many leading entries satisfy a predicate that, once false, stays false. */
const partition = (db: DerivationDb, holds: (entry: DerivationEntry) => boolean): number => {
  let low = 0
  let high = db.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(db[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}

/** The newest entry; `AwaitReplacement` while it is an invalidated one, `Uninitialized` without any. */
export const last = (db: DerivationDb): Verdict<DerivationEntry> => {
  const entry = db.at(-1)
  if (entry === undefined) return refuse("Uninitialized", "no block is known to be safe")
  return entry.invalidated
    ? refuse("AwaitReplacement", `block ${show(entry.derived)} waits for its replacement`)
    : Result.succeed(entry)
}

/** The invalidated entry at the end, while its replacement is outstanding. */
export const marker = (db: DerivationDb): DerivationEntry | undefined => {
  const entry = db.at(-1)
  return entry?.invalidated === true ? entry : undefined
}

/** The newest entry that is not an invalidated one. */
export const lastValid = (db: DerivationDb): DerivationEntry | undefined =>
  marker(db) === undefined ? db.at(-1) : db.at(-2)

/** Rules 5 to 8 of `add`: does `derived` continue the chain of the last entry? */
const checkDerived = (at: DerivationEntry, derived: BlockRef): Verdict<void> => {
  const { hash, number } = at.derived
  if (derived.number === number) {
    return derived.hash === hash
      ? Result.void
      : refuse("Conflict", `derived ${show(derived)}, but have ${show(at.derived)}`)
  }
  if (derived.number === number + 1) {
    return derived.parentHash === hash
      ? Result.void
      : refuse("Conflict", `derived ${show(derived)} does not build on ${show(at.derived)}`)
  }
  return derived.number > number
    ? future(`derived ${show(derived)} leaves a gap after ${show(at.derived)}`)
    : refuse("OutOfOrder", `derived ${show(derived)} is older than ${show(at.derived)}`)
}

/** Rules 9 to 13 of `add`: does `source` continue the chain of the last entry? */
const checkSource = (
  db: DerivationDb,
  at: DerivationEntry,
  { derived, source }: DerivedBlockRefPair
): Verdict<void> => {
  const { hash, number } = at.source
  if (source.number === number) {
    return source.hash === hash
      ? Result.void
      : refuse("Conflict", `source ${show(source)}, but have ${show(at.source)}`)
  }
  if (source.number === number + 1) {
    return source.parentHash === hash
      ? Result.void
      : refuse("Conflict", `source ${show(source)} does not build on ${show(at.source)}`)
  }
  if (source.number > number) return future(`source ${show(source)} leaves a gap after ${show(at.source)}`)
  if (derived.number !== at.derived.number) {
    return refuse("OutOfOrder", `source ${show(source)} is older than ${show(at.source)}`)
  }
  return repeated(db, { derived, source })
}

/** Rule 12: the last derived block again, at an older source. */
const repeated = (db: DerivationDb, { derived, source }: DerivedBlockRefPair): Verdict<void> => {
  const start = db[0]!
  if (source.number < start.source.number || derived.number < start.derived.number) {
    return refuse("Skipped", `source ${show(source)} is before the first entry ${text(start)}`)
  }
  for (let i = partition(db, (entry) => entry.source.number < source.number); i < db.length; i++) {
    const entry = db[i]!
    if (entry.source.number !== source.number) break
    if (entry.derived.number !== derived.number) continue
    return entry.source.hash === source.hash
      ? refuse("Ineffective", `${show(derived)} at ${show(source)} is known`)
      : refuse("Conflict", `source ${show(source)}, but have ${show(entry.source)}`)
  }
  return refuse("NotExact", `${show(derived)} was not the last block as of ${show(source)}`)
}

/**
 * Adds a pair after the last entry; the first rule that applies decides (13 rules, op-supervisor's order). A repetition
 * of the last entry is accepted and changes nothing. Without a `revision` the entry continues the last one's.
 */
export const add = (
  db: DerivationDb,
  pair: DerivedBlockRefPair,
  revision: Revision | "any" = "any"
): Verdict<Edit> => {
  const { derived, source } = pair
  const at = db.at(-1)
  const entry = (current: Revision): DerivationEntry => ({
    source: seal(source),
    derived: seal(derived),
    revision: revision === "any" ? current : revision,
    invalidated: false
  })
  if (at === undefined) return Result.succeed({ keep: 0, append: [entry(0)] })
  if (at.invalidated) return refuse("AwaitReplacement", `block ${show(at.derived)} waits for its replacement`)
  if (source.number === at.source.number + 1 && derived.number === at.derived.number + 1) {
    return refuse("OutOfOrder", `both ${show(source)} and ${show(derived)} are one after ${text(at)}`)
  }
  if (source.hash === at.source.hash && derived.hash === at.derived.hash) {
    return Result.succeed({ keep: db.length, append: [] })
  }
  const checked = Result.flatMap(checkDerived(at, derived), () => checkSource(db, at, pair))
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  if (compareRevision(revision, at.revision) < 0) {
    return refuse("Conflict", `revision ${revision} is older than ${at.revision}`)
  }
  return Result.succeed({ keep: db.length, append: [entry(at.revision)] })
}

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

const zeroHash = `0x${"0".repeat(64)}` as const

/**
 * Marks a block invalid as of the scope in which it was examined: entries from there on go, an invalidated entry with
 * a new revision comes. The first entry of a database can not be invalidated.
 */
export const invalidate = (db: DerivationDb, source: BlockSeal, derived: BlockSeal): Verdict<Edit> => {
  let index = partition(db, (entry) => entry.source.number < source.number)
  while (
    index < db.length &&
    db[index]!.source.number === source.number &&
    db[index]!.derived.number < derived.number
  ) {
    index++
  }
  const entry = db[index]
  if (entry === undefined || entry.source.number !== source.number) {
    return future(`block ${show(derived)} has no entry at or after source ${show(source)}`)
  }
  if (entry.invalidated) return refuse("Conflict", `block ${show(entry.derived)} is invalidated already`)
  if (entry.source.hash !== source.hash) {
    return refuse("Conflict", `source ${show(source)}, but have ${show(entry.source)}`)
  }
  if (entry.derived.number === derived.number && entry.derived.hash !== derived.hash) {
    return refuse("Conflict", `block ${show(derived)}, but have ${show(entry.derived)}`)
  }
  if (index === 0) return refuse("Conflict", `the first entry ${text(entry)} can not be invalidated`)
  return Result.succeed({
    keep: index,
    append: [{ source: entry.source, derived: seal(derived), revision: derived.number, invalidated: true }]
  })
}

/** Puts a replacement where the invalidated block of that hash is marked, in the same revision and at the same source. */
export const replace = (db: DerivationDb, replacement: BlockRef, invalidated: Hash): Verdict<Edit> => {
  const at = marker(db)
  if (at === undefined) return refuse("Conflict", `no block waits for the replacement ${show(replacement)}`)
  if (at.derived.hash !== invalidated) {
    return refuse(
      "Conflict",
      `${show(replacement)} replaces ${invalidated}, but ${show(at.derived)} was invalidated`
    )
  }
  if (replacement.number !== at.derived.number) {
    return refuse("Conflict", `${show(replacement)} is not at the height of ${show(at.derived)}`)
  }
  const parent = canonical(db.slice(0, -1), replacement.number - 1, "last")
  if (Result.isSuccess(parent) && parent.success.derived.hash !== replacement.parentHash) {
    return refuse("Conflict", `${show(replacement)} does not build on ${show(parent.success.derived)}`)
  }
  return Result.succeed({
    keep: db.length - 1,
    append: [{ ...at, derived: seal(replacement), invalidated: false }]
  })
}

/** Forgets every entry with a later source than this height. */
export const rewindToSource = (db: DerivationDb, number: number): Edit => ({
  keep: partition(db, (entry) => entry.source.number <= number),
  append: []
})

/** Forgets everything after the last entry of a block, which stays. A block after the last entry changes nothing. */
export const rewindToDerived = (db: DerivationDb, id: BlockId): Verdict<Edit> => {
  const found = ofDerived(db, id, "last")
  if (Result.isSuccess(found)) return Result.succeed({ keep: db.indexOf(found.success) + 1, append: [] })
  return found.failure._tag === "Future" || found.failure._tag === "Uninitialized"
    ? Result.succeed({ keep: db.length, append: [] })
    : Result.fail(found.failure)
}

/**
 * The next block to examine for cross-safety, with the L1 scope in force: the block after the last cross-safe one, if
 * local derivation reached it by that scope; else `OutOfScope`, and the scope is to be bumped.
 */
export const candidate = (local: DerivationDb, cross: DerivationDb): Verdict<DerivedBlockRefPair> => {
  const start = local[0]
  const at = cross.at(-1)
  if (start === undefined) return refuse("Uninitialized", "no block is known to be local-safe")
  if (at === undefined) {
    return Result.succeed({
      source: { ...start.source, parentHash: zeroHash },
      derived: { ...start.derived, parentHash: zeroHash }
    })
  }
  return Result.gen(function* () {
    const reached = yield* lastAtSource(local, at.source)
    if (reached.derived.number <= at.derived.number) {
      return yield* refuse(
        "OutOfScope",
        `nothing after ${show(at.derived)} is derived as of ${show(at.source)}`
      )
    }
    yield* ofDerived(local, at.derived, "last")
    const next = yield* canonical(local, at.derived.number + 1, "first")
    if (next.source.number > at.source.number) {
      return yield* refuse(
        "OutOfScope",
        `${show(next.derived)} comes from ${show(next.source)}, after ${show(at.source)}`
      )
    }
    const before = previousSource(local, at.source)
    return {
      source: { ...at.source, parentHash: Result.isSuccess(before) ? before.success.hash : zeroHash },
      derived: { ...next.derived, parentHash: at.derived.hash }
    }
  })
}
