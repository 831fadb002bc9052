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

/** Why a chain does not get any further at the moment. */
export interface Wait {
  readonly why: string
  /** The chain whose progress it waits for. */
  readonly on?: ChainId | undefined
}

/** A block that broke the rules. */
export interface Invalidation {
  readonly chainId: ChainId
  readonly block: BlockId
  readonly why: string
}

/** What happens between the chains, for a person who looks on. Counts since the supervisor started. */
export interface Overview {
  readonly waits: { readonly [id: ChainId]: Wait }
  /** The L1 block that derivation of each chain is at. */
  readonly l1: { readonly [id: ChainId]: BlockId }
  /** Executing messages in indexed blocks, by the chains that they come from and go to. */
  readonly messages: ReadonlyArray<{ readonly from: ChainId; readonly to: ChainId; readonly count: number }>
  /** The last ones, oldest first. */
  readonly invalidations: ReadonlyArray<Invalidation>
  readonly isStopped: boolean
}

/** Counted since the supervisor started. */
export interface Counters {
  /** Executing messages in indexed blocks. */
  readonly executingMessages: number
  readonly invalidatedBlocks: number
}
