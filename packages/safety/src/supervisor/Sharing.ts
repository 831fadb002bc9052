/**
 * The databases in memory, each part of them once: a block is told in several places, in texts of its own each time, and
 * half of what a block takes would be copies of its hashes.
 */
import { Result } from "effect"
import type { BlockSeal } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import * as LogsDb from "../LogsDb.ts"

const slabHashes = 2048

/** Puts the hashes of many blocks into one piece of memory: one for each block takes more than a few hashes do. */
export const makeSlabs = () => {
  let slab = new LogsDb.HashSlab(slabHashes)
  return (hashes: LogsDb.PackedHashes): LogsDb.PackedHashes => {
    if (hashes.length > slabHashes / 8) return hashes
    if (slab.free < hashes.length) slab = new LogsDb.HashSlab(slabHashes)
    return slab.add(hashes)
  }
}
export type Slabs = ReturnType<typeof makeSlabs>

const isSame = (a: BlockSeal | undefined, b: BlockSeal) => a?.number === b.number && a.hash === b.hash

/** A sealed block upon the one before it. */
export const sharedBlock = (
  block: LogsDb.SealedBlock,
  before: LogsDb.SealedBlock | undefined,
  slabs: Slabs
): LogsDb.SealedBlock => ({
  ...block,
  parentHash: before?.hash === block.parentHash ? before.hash : block.parentHash,
  logs: slabs(LogsDb.pack(block.logs))
})

/** An entry after another one of its database, with the seals that `known` entries have. */
const sharedEntry = (
  entry: DerivationDb.DerivationEntry,
  known: ReadonlyArray<DerivationDb.DerivationEntry | undefined>
): DerivationDb.DerivationEntry => ({
  ...entry,
  source: known.find((other) => isSame(other?.source, entry.source))?.source ?? entry.source,
  derived: known.find((other) => isSame(other?.derived, entry.derived))?.derived ?? entry.derived
})

/** A local-safe entry. */
export const sharedLocal = (
  entry: DerivationDb.DerivationEntry,
  before: DerivationDb.DerivationEntry | undefined,
  logs: LogsDb.LogsDb
): DerivationDb.DerivationEntry => {
  const shared = sharedEntry(entry, [before])
  const block = LogsDb.at(logs, entry.derived.number)
  if (shared.derived !== entry.derived || block?.hash !== entry.derived.hash) return shared
  return { ...shared, derived: { ...entry.derived, hash: block.hash } }
}

/** A cross-safe entry: what it holds is in the local-safe database, too. */
export const sharedCross = (
  entry: DerivationDb.DerivationEntry,
  before: DerivationDb.DerivationEntry | undefined,
  local: DerivationDb.DerivationDb
): DerivationDb.DerivationEntry => {
  const found = DerivationDb.canonical(local, entry.derived.number, "last")
  return sharedEntry(entry, [before, Result.getOrUndefined(found)])
}
