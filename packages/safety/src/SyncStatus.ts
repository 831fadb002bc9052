/**
 * What the supervisor answers about its chains, and the names of safety levels on the wire.
 */
import { Schema } from "effect"
import { BlockId, BlockRef, ChainId, Hash, type SafetyLevel, Timestamp } from "@ephor/types"

/** Five heads of one chain. `safe` is cross-safe. Unknown finality is the zero block. */
export const ChainStatus = Schema.Struct({
  localUnsafe: BlockRef,
  localSafe: BlockId,
  crossUnsafe: BlockId,
  safe: BlockId,
  finalized: BlockId
})
export interface ChainStatus extends Schema.Schema.Type<typeof ChainStatus> {}

/** All chains at one moment; L1 block and times are the lowest over all chains, times in seconds. */
export const SyncStatus = Schema.Struct({
  minSyncedL1: BlockRef,
  safeTimestamp: Timestamp,
  finalizedTimestamp: Timestamp,
  chains: Schema.Record(ChainId, ChainStatus)
})
export interface SyncStatus extends Schema.Schema.Type<typeof SyncStatus> {}

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

/** Levels by their wire names, which are case-sensitive. */
export const levelNames: { readonly [name: string]: SafetyLevel } = {
  unsafe: "LocalUnsafe",
  "cross-unsafe": "CrossUnsafe",
  "local-safe": "LocalSafe",
  safe: "CrossSafe",
  finalized: "Finalized"
}

/** The level of a wire name; none for `invalid` and for what is no name. */
export const levelOf = (name: string): SafetyLevel | undefined =>
  Object.hasOwn(levelNames, name) ? levelNames[name] : undefined
