/**
 * What this package counts. Chains of one process share these: tell them apart with an attribute on the fiber
 * (`Metric.CurrentMetricAttributes`).
 */
import { Metric } from "effect"

/** Height of the head of each level (attribute `level`). */
export const headNumber = Metric.gauge("chain_head_number", {
  description: "Height of the head of each safety level"
})

/** Blocks that entered the tree. */
export const blocksImported = Metric.counter("chain_blocks_imported_total", {
  description: "Blocks that entered the tree",
  incremental: true
})

/** Blocks blacklisted, replaced ones included. */
export const blocksInvalidated = Metric.counter("chain_blocks_invalidated_total", {
  description: "Blocks blacklisted for ever",
  incremental: true
})

/** Blocks that left the canonical chain. */
export const blocksReverted = Metric.counter("chain_blocks_reverted_total", {
  description: "Blocks that left the canonical chain",
  incremental: true
})

/** Blocks whose history was deleted. */
export const blocksPruned = Metric.counter("chain_blocks_pruned_total", {
  description: "Heights whose blocks were deleted because they are older than the history that is kept",
  incremental: true
})

/** The lowest block that is kept. */
export const historyLowest = Metric.gauge("chain_history_lowest_block", {
  description: "Height from which on blocks are kept"
})

/** Final blocks that are kept, by choice or because somebody still needs them. */
export const historyHeld = Metric.gauge("chain_history_blocks", {
  description: "Final blocks that are to be kept: more than the setting says while somebody still needs them"
})

/** Subscribers whose stream was ended because they lagged more than `eventBacklog` events. */
export const subscribersDropped = Metric.counter("chain_subscribers_dropped_total", {
  description: "Event streams ended because their reader lagged too far behind",
  incremental: true
})
