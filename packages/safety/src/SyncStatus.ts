/**
 * What the supervisor answers about its chains.
 */
import type { BlockId, ChainId, Hash, Timestamp } from "@ephor/types"

export { ChainStatus, SyncStatus } from "@ephor/types"

/** The outputs of all chains at a time, committed to by one root. */
export interface SuperRoot {
  /** The highest L1 block that one of the blocks needs to be cross-safe. */
  readonly crossSafeDerivedFrom: BlockId
  readonly timestamp: Timestamp
  readonly superRoot: Hash
  readonly chains: ReadonlyArray<{
    readonly chainId: ChainId
    /** Output root of the block. */
    readonly canonical: Hash
    /** Preimage (128 bytes) of the output root of the block that it replaced, or of itself. */
    readonly pending: `0x${string}`
  }>
}

/** Counted since the supervisor started. */
export interface Counters {
  /** Executing messages in indexed blocks. */
  readonly executingMessages: number
  readonly invalidatedBlocks: number
}
