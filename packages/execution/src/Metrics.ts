/**
 * What followers of execution clients count.
 */
import { Metric } from "effect"

/** Looks at an execution client that failed. */
export const clientFailures = Metric.counter("chain_client_failures_total", {
  description: "Polls of the execution client that failed",
  incremental: true
})
