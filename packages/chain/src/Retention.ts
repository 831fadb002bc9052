/** How much of the history stays: pure rules. */
import type { BlockNumber } from "@ephor/types"

/** Final blocks that are kept below the newest one, or all of them. */
export type HistoryBlocks = number | "archive"

/** Bounds of the history. */
export interface Limits {
  /**
   * Final blocks that are kept on disk below the newest one; `archive` keeps all. Older ones are deleted in the background
   * unless somebody still needs them. 100,000 are 27 hours at a block per second, which outlives the data of candidates.
   */
  readonly historyBlocks: HistoryBlocks
  /** Blocks deleted at once: so many more than `historyBlocks` may be on disk. */
  readonly pruneBatchBlocks: number
  /** Deleted blocks whose hashes are remembered, so that asking for one is answered as `Pruned`, and not as unknown. */
  readonly rememberedBlocks: number
}

/** What applies where nothing is given. */
export const defaults: Limits = {
  historyBlocks: 100_000,
  pruneBatchBlocks: 64,
  rememberedBlocks: 100_000
}

/** What the rule looks at. */
export interface Standing {
  /** The final head. */
  readonly finalized: BlockNumber
  /** The lowest block that is kept now, but for the first block of the chain, which always is. */
  readonly lowest: BlockNumber
  readonly historyBlocks: HistoryBlocks
  /** Heights from which on somebody still needs blocks. */
  readonly needed: ReadonlyArray<BlockNumber>
}

/** The lowest block that stays. It never falls: what is gone does not come back. */
export const floor = ({ finalized, historyBlocks, lowest, needed }: Standing): BlockNumber =>
  historyBlocks === "archive" ? lowest : Math.max(lowest, Math.min(finalized - historyBlocks, ...needed))

/** How far the next batch goes; nothing if it is not worth while yet. Fewer blocks than a batch wait for the next ones. */
export const nextBatch = (
  standing: Standing,
  batchBlocks: number
): { readonly from: BlockNumber; readonly to: BlockNumber } | undefined => {
  const { lowest } = standing
  return floor(standing) - lowest < batchBlocks ? undefined : { from: lowest, to: lowest + batchBlocks }
}
