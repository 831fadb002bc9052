/**
 * References to blocks, as supervisor and managed node exchange them (supervisor-managed-node, "Types").
 */
import { Schema } from "effect"
import { spelled } from "./codec/Wire.ts"
import { BlockNumber, Hash, Timestamp } from "./Primitives.ts"

/** A block by hash and height. */
export const BlockId = Schema.Struct({ hash: Hash, number: BlockNumber })
export interface BlockId extends Schema.Schema.Type<typeof BlockId> {}

/** A block by hash, height and time: what a database entry is sealed with. */
export const BlockSeal = Schema.Struct({ hash: Hash, number: BlockNumber, timestamp: Timestamp })
export interface BlockSeal extends Schema.Schema.Type<typeof BlockSeal> {}

/** `BlockSeal` as supervisors spelled it until June 2025: for programs that meet such a peer. */
export const CapitalizedBlockSeal = spelled(BlockSeal, {
  hash: "Hash",
  number: "Number",
  timestamp: "Timestamp"
})
export interface CapitalizedBlockSeal extends Schema.Schema.Type<typeof CapitalizedBlockSeal> {}

/** A block with the hash of its parent: enough to link a chain. */
export const BlockRef = Schema.Struct({
  hash: Hash,
  number: BlockNumber,
  parentHash: Hash,
  timestamp: Timestamp
})
export interface BlockRef extends Schema.Schema.Type<typeof BlockRef> {}

/** An L2 block with the L1 block that it was built upon. The wire spells `l1origin` in lower case. */
export const L2BlockRef = Schema.Struct({
  hash: Hash,
  number: BlockNumber,
  parentHash: Hash,
  timestamp: Timestamp,
  l1origin: BlockId,
  sequenceNumber: BlockNumber
})
export interface L2BlockRef extends Schema.Schema.Type<typeof L2BlockRef> {}

/** The L2 block `derived` is local-safe as of the L1 block `source`. */
export const DerivedBlockRefPair = Schema.Struct({ source: BlockRef, derived: BlockRef })
export interface DerivedBlockRefPair extends Schema.Schema.Type<typeof DerivedBlockRefPair> {}

/** `DerivedBlockRefPair` without parents and times. */
export const DerivedIdPair = Schema.Struct({ source: BlockId, derived: BlockId })
export interface DerivedIdPair extends Schema.Schema.Type<typeof DerivedIdPair> {}

/** A deposits-only block took the place of an invalid one. */
export const BlockReplacement = Schema.Struct({ replacement: BlockRef, invalidated: Hash })
export interface BlockReplacement extends Schema.Schema.Type<typeof BlockReplacement> {}
