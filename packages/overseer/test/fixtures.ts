/** Blocks with names instead of hashes. */
import type { ChainEvent } from "@ephor/chain"
import type { BlockRef, Hash, L2BlockRef } from "@ephor/types"

/** "B1" becomes a hash that still says so. */
export const hash = (name: string): Hash => `0x${Buffer.from(name).toString("hex").padEnd(64, "0")}`

export const nameOf = (of: Hash): string => Buffer.from(of.slice(2), "hex").toString().replace(/\0+$/, "")

export const block = (name: string, number: number, parent = "genesis"): BlockRef => ({
  hash: hash(name),
  number,
  parentHash: hash(parent),
  timestamp: number * 6
})

const l2 = (ref: BlockRef): L2BlockRef => ({
  ...ref,
  l1origin: { hash: hash("l1"), number: 0 },
  sequenceNumber: 0
})

export const imported = (ref: BlockRef): ChainEvent => ({ _tag: "Imported", block: l2(ref) })

export const finalized = (ref: BlockRef): ChainEvent => ({ _tag: "Promoted", level: "Finalized", block: ref })

export const reverted = (head: BlockRef, removed: ReadonlyArray<BlockRef>): ChainEvent => ({
  _tag: "Reverted",
  head,
  removed,
  reason: "test",
  commanded: false
})

export const replaced = (
  invalidated: BlockRef,
  removed: ReadonlyArray<BlockRef>,
  replacement: BlockRef
): ChainEvent => ({ _tag: "Replaced", invalidated, removed, replacement: l2(replacement) })
