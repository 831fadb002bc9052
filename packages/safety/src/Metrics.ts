/**
 * What the supervisor counts. Attributes: `chain` (decimal id), `level` (as in `SafetyLevel`).
 */
import { Metric } from "effect"
import type { ChainId, SafetyLevel } from "@ephor/types"

/** Height of a chain's head at a level of safety. */
export const refsNumber = Metric.gauge("supervisor_refs_number", {
  description: "Height of the head of a chain, by level of safety"
})

/** Time of a chain's head at a level of safety, in seconds. */
export const refsTime = Metric.gauge("supervisor_refs_time", {
  description: "Timestamp of the head of a chain in seconds, by level of safety"
})

/** Executing messages that were indexed. */
export const executingMessages = Metric.counter("supervisor_executing_messages_total", {
  description: "Executing messages found in indexed blocks",
  incremental: true
})

/** Blocks that broke the rules and were sent back for replacement. */
export const invalidatedBlocks = Metric.counter("supervisor_invalidated_blocks_total", {
  description: "Local-safe blocks found invalid",
  incremental: true
})

/** Replacements that took the place of invalidated blocks. */
export const replacedBlocks = Metric.counter("supervisor_replaced_blocks_total", {
  description: "Invalidated blocks whose replacement arrived",
  incremental: true
})

/** Resets sent to nodes. */
export const resets = Metric.counter("supervisor_resets_total", {
  description: "Resets that nodes were told to carry out",
  incremental: true
})

/** Blocks taken out of a chain's databases because a chain was reorganised. */
export const rewoundBlocks = Metric.counter("supervisor_rewound_blocks_total", {
  description: "Blocks removed from the logs database by a reorganisation",
  incremental: true
})

/** Calls to nodes that failed or timed out. */
export const nodeCallFailures = Metric.counter("supervisor_node_call_failures_total", {
  description: "Calls to managed nodes that failed",
  incremental: true
})

/** Polls of the L1 that failed. */
export const l1PollFailures = Metric.counter("supervisor_l1_poll_failures_total", {
  description: "Polls of the L1 that failed",
  incremental: true
})

/** Access lists that were turned down. */
export const accessListFailures = Metric.counter("supervisor_access_list_failures_total", {
  description: "Access lists that failed the check",
  incremental: true
})

/** Calls of `admin_*` without a good token. */
export const unauthorized = Metric.counter("supervisor_admin_unauthorized_total", {
  description: "Calls of admin_* that had no good token",
  incremental: true
})

/** Inputs that wait for a chain's worker. */
export const inputQueueLength = Metric.gauge("supervisor_input_queue_length", {
  description: "Inputs that wait for the worker of a chain"
})

/** The gauges of one chain and level, bound once. */
export const refsOf = (chain: ChainId, level: SafetyLevel) => ({
  number: Metric.withAttributes(refsNumber, { chain, level }),
  time: Metric.withAttributes(refsTime, { chain, level })
})
