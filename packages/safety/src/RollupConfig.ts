/**
 * What the supervisor must know of a chain before it speaks to a node: where it starts and when interop begins.
 */
import { Schema } from "effect"
import { BlockSeal, type DerivedBlockRefPair, Timestamp } from "@ephor/types"
import { byChainId } from "./configuration/ByChainId.ts"

/** One chain of the rollup config set. `interop_time` absent: interop never begins. */
export const RollupConfig = Schema.Struct({
  genesis: Schema.Struct({ l1: BlockSeal, l2: BlockSeal }),
  /** Seconds between two blocks. */
  block_time: Schema.Natural.check(Schema.isGreaterThan(0)),
  interop_time: Schema.optionalKey(Schema.NullOr(Timestamp))
})
export interface RollupConfig extends Schema.Schema.Type<typeof RollupConfig> {}

/** The rollup config set file: chain id to config. */
export const RollupConfigSet = byChainId(RollupConfig)
export type RollupConfigSet = typeof RollupConfigSet.Type

/** Whether interop is active in a block of this time. */
export const isInterop = ({ interop_time }: RollupConfig, timestamp: Timestamp): boolean =>
  interop_time !== undefined && interop_time !== null && timestamp >= interop_time

/** Whether the block of this time is the first one with interop: it may neither send nor execute messages. */
export const isActivationBlock = (config: RollupConfig, timestamp: Timestamp): boolean =>
  isInterop(config, timestamp) &&
  timestamp >= config.block_time &&
  !isInterop(config, timestamp - config.block_time)

/** Whether the chain has interop from its first block on. */
export const isActiveAtGenesis = (config: RollupConfig): boolean =>
  isInterop(config, config.genesis.l2.timestamp)

const zeroHash = `0x${"0".repeat(64)}` as const

/** The pair of genesis blocks; what is before them is unknown, so their parent hashes are zero. */
export const anchor = ({ genesis: { l1, l2 } }: RollupConfig): DerivedBlockRefPair => ({
  source: { ...l1, parentHash: zeroHash },
  derived: { ...l2, parentHash: zeroHash }
})
