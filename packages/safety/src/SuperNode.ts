/**
 * What consumers of today's OP stack ask about all chains at a time, as op-supernode answers it: for op-challenger,
 * op-proposer, op-dispute-mon and op-interop-mon.
 */
import type { BlockId, BlockRef, ChainId, Hash, L2BlockRef, OutputV0, Timestamp } from "@ephor/types"

/** Where all chains are: the least over the chains. Zero where nothing is known of one of them. */
export interface Progress {
  /** The dependency set, ascending. */
  readonly chainIds: ReadonlyArray<ChainId>
  /** The L1 block that the slowest chain is processing: everything strictly below it is fully processed. */
  readonly currentL1: BlockId
  readonly safeTimestamp: Timestamp
  readonly localSafeTimestamp: Timestamp
  readonly finalizedTimestamp: Timestamp
}

/** A block of one chain, its output, and the L1 block that is needed to derive it. */
export interface OptimisticOutput {
  readonly block: L2BlockRef
  readonly output: OutputV0
  readonly requiredL1: BlockId
}

/** Output roots of all chains at a time, ascending by chain id, and what commits to them. */
export interface CommittedOutputs {
  readonly timestamp: Timestamp
  readonly chains: ReadonlyArray<{ readonly chainId: ChainId; readonly output: Hash }>
  readonly superRoot: Hash
}

/** All chains at a time. */
export interface SuperRootAtTimestamp extends Progress {
  /**
   * What the chains would be if every check of a message succeeded: where a block was replaced, it is the block that
   * was replaced. A chain whose block cannot be derived from the L1 blocks processed so far is absent.
   */
  readonly optimistic: { readonly [id: ChainId]: OptimisticOutput }
  /** What is cross-safe on every chain; absent until every chain is. */
  readonly verified?: (CommittedOutputs & { readonly requiredL1: BlockId }) | undefined
}

/** One chain in the words of op-node. What is not known is zero. */
export interface ChainSyncStatus {
  readonly currentL1: BlockRef
  readonly headL1: BlockRef
  readonly finalizedL1: BlockRef
  readonly unsafe: L2BlockRef
  readonly crossUnsafe: L2BlockRef
  readonly localSafe: L2BlockRef
  readonly crossSafe: L2BlockRef
  readonly finalized: L2BlockRef
}

/** All chains now. */
export interface SuperNodeStatus extends Progress {
  readonly chains: { readonly [id: ChainId]: ChainSyncStatus }
}
