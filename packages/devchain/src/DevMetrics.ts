/**
 * What development chains and their followers count.
 */
import { Metric } from "effect"

/** Rounds that a committee made; more than blocks when some were overtaken. */
export const roundsMade = Metric.counter("chain_dag_rounds_total", {
  description: "Rounds that the committee made",
  incremental: true
})

/** Blocks that authors in other processes did not sign in time, or not as they were asked to. */
export const blocksMissed = Metric.counter("chain_dag_blocks_missed_total", {
  description: "Blocks that authors in other processes did not sign",
  incremental: true
})

/** Slots of a development chain that ended without a block. */
export const slotsMissed = Metric.counter("chain_dev_slots_missed_total", {
  description: "Slots without a block",
  incremental: true
})

/** Blocks whose author had no inherent in time, or whose provider broke. */
export const inherentsMissed = Metric.counter("chain_dev_inherents_missed_total", {
  description: "Inherents that came too late or failed",
  incremental: true
})

/** Transactions that wait for a block. */
export const queueLength = Metric.gauge("chain_dev_queue_length", {
  description: "Transactions that wait for a block"
})

/** Blocks that finality by depth would have reached, but not the votes. */
export const finalityHeld = Metric.gauge("chain_dev_finality_held_blocks", {
  description: "Blocks deep enough to be final that validators have not accepted yet"
})

/** Blocks that had to wait for votes. */
export const finalityWaited = Metric.counter("chain_dev_finality_waited_blocks_total", {
  description: "Blocks that were to become final and had to wait for votes",
  incremental: true
})

/** Blocks that became final without the votes. */
export const finalityForced = Metric.counter("chain_dev_finality_forced_total", {
  description: "Times that finality went on without the votes because it was too far behind",
  incremental: true
})

/** Pages of a followed chain that failed. */
export const feedFailures = Metric.counter("chain_feed_failures_total", {
  description: "Pages of the chain's maker that did not come or did not hold",
  incremental: true
})
