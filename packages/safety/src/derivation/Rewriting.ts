/** Edits that take entries back: invalidation, replacement, rewinding. */
import { canonical, ofDerived } from "./Lookups.ts"
import { marker } from "./Ends.ts"
import { type DerivationDb, type Edit, partition, seal, text } from "./Entries.ts"
import { Result } from "effect"
import { type BlockId, type BlockRef, BlockSeal, type Hash } from "@ephor/types"
import { future, refuse, show, type Verdict } from "../Fault.ts"

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
