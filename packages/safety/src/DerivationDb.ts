/**
 * The derivation database of a chain: which L2 block was (local- or cross-) safe as of which L1 block. A list of
 * entries, each of which advances either the source or the derived block by one. Pure: every change is an `Edit`.
 */
import { Result } from "effect"
import { type BlockRef, type DerivedBlockRefPair } from "@ephor/types"
import { future, refuse, show, type Verdict } from "./Fault.ts"
import {
  compareRevision,
  type DerivationDb,
  type DerivationEntry,
  type Edit,
  partition,
  type Revision,
  seal,
  text
} from "./derivation/Entries.ts"
import { canonical, ofDerived, lastAtSource, previousSource } from "./derivation/Lookups.ts"

export {
  apply,
  compareRevision,
  type DerivationDb,
  DerivationEntry,
  type Edit,
  isUnchanged,
  Revision
} from "./derivation/Entries.ts"
export { last, lastValid, marker } from "./derivation/Ends.ts"
export {
  revisionOf,
  canonical,
  ofDerived,
  lastAtSource,
  nextSource,
  previousSource
} from "./derivation/Lookups.ts"
export { invalidate, replace, rewindToDerived, rewindToSource } from "./derivation/Rewriting.ts"

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
 * Whether the chain stands at the source at which a block was replaced. A message that the block executed may have raised
 * that source above those from which the node, having gone back, derives its next blocks once more.
 */
const isAtRaisedSource = (db: DerivationDb, at: DerivationEntry): boolean =>
  at.revision > 0 &&
  db.some(
    ({ derived, revision, source }) =>
      derived.number === at.revision && revision === at.revision && source.hash === at.source.hash
  )

/**
 * Adds a pair after the last entry; the first rule that applies decides (13 rules, op-supervisor's order). A repetition
 * of the last entry is accepted and changes nothing. Without a `revision` the entry continues the last one's. What
 * follows a replacement from an older source counts as derived at the replacement's: op-supervisor refuses it for ever.
 */
export const add = (
  db: DerivationDb,
  pair: DerivedBlockRefPair,
  revision: Revision | "any" = "any"
): Verdict<Edit> => {
  const { derived } = pair
  const at = db.at(-1)
  // Told at the later of the two sources: nothing is safe earlier than what it builds upon.
  const isOlder = at !== undefined && pair.source.number < at.source.number && isAtRaisedSource(db, at)
  const source = isOlder ? { ...pair.source, ...at.source } : pair.source
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
  const checked = Result.flatMap(checkDerived(at, derived), () => checkSource(db, at, { derived, source }))
  if (Result.isFailure(checked)) return Result.fail(checked.failure)
  if (compareRevision(revision, at.revision) < 0) {
    return refuse("Conflict", `revision ${revision} is older than ${at.revision}`)
  }
  return Result.succeed({ keep: db.length, append: [entry(at.revision)] })
}

const zeroHash = `0x${"0".repeat(64)}` as const

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
