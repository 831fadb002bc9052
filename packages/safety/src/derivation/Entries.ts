/** The entries of a derivation database, and how they are edited and searched. */
import { Schema } from "effect"
import { BlockSeal } from "@ephor/types"
import { show } from "../Fault.ts"

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

export const seal = ({ hash, number, timestamp }: BlockSeal): BlockSeal => ({ hash, number, timestamp })

export const text = (entry: DerivationEntry) => `(${show(entry.source)}, ${show(entry.derived)})`

/** How many leading entries satisfy a predicate that, once false, stays false. */
export const partition = (db: DerivationDb, holds: (entry: DerivationEntry) => boolean): number => {
  let low = 0
  let high = db.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(db[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
