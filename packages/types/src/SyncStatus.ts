/**
 * What a supervisor answers about its chains: their heads, and the outputs of all of them at one time
 * (supervisor-managed-node; `supervisor_syncStatus`, `supervisor_superRootAtTimestamp`).
 */
import { Schema } from "effect"
import { BlockId, BlockRef } from "./Block.ts"
import { HexText, spelled } from "./codec/Wire.ts"
import { ChainId, Hash, Timestamp } from "./Primitives.ts"
import { Quantity } from "./Receipt.ts"

/** Five heads of one chain. `safe` is cross-safe. Unknown finality is the zero block. */
export const ChainStatus = Schema.Struct({
  localUnsafe: BlockRef,
  localSafe: BlockId,
  crossUnsafe: BlockId,
  safe: BlockId,
  finalized: BlockId
})
export interface ChainStatus extends Schema.Schema.Type<typeof ChainStatus> {}

/**
 * All chains at one moment, by chain id; L1 block and times are the lowest over all chains, times in seconds. Chain
 * ids are read in decimal and as `0x` quantities, and each may occur once.
 */
export const SyncStatus = Schema.Struct({
  minSyncedL1: BlockRef,
  safeTimestamp: Timestamp,
  finalizedTimestamp: Timestamp,
  chains: Schema.Record(ChainId, ChainStatus)
})
export interface SyncStatus extends Schema.Schema.Type<typeof SyncStatus> {}

/** The output of a chain inside a `SuperRootResponse`. */
export const ChainRoot = spelled(
  Schema.Struct({
    chainId: ChainId,
    /** Output root of the block. */
    canonical: Hash,
    /** Preimage (128 bytes) of the output root of the block that it replaced, or of itself. */
    pending: HexText
  }),
  { chainId: "chainID" }
)
export interface ChainRoot extends Schema.Schema.Type<typeof ChainRoot> {}

/** The outputs of all chains at a time in seconds, and the root that commits to them (`SuperV1`, version `0x01`). */
export const SuperRootResponse = Schema.Struct({
  /** The highest L1 block that one of the blocks needs to be cross-safe. */
  crossSafeDerivedFrom: BlockId,
  timestamp: Quantity,
  superRoot: Hash,
  version: HexText,
  chains: Schema.Array(ChainRoot)
})
export interface SuperRootResponse extends Schema.Schema.Type<typeof SuperRootResponse> {}
