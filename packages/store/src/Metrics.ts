/**
 * What stores count.
 */
import { Metric } from "effect"

/** Time from a batch to its being on disk. */
export const batchDuration = Metric.timer("store_batch_duration", {
  description: "Time until a batch of writes was acknowledged as durable"
})
