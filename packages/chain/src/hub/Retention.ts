/** How much of the history stays: a pure rule. */
import type { BlockNumber } from "@ephor/types"

/** Final blocks that are kept below the newest one, or all of them. */
export type HistoryBlocks = number | "archive"

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
