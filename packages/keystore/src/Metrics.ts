/**
 * What keystores count.
 */
import { Metric } from "effect"

/** Signatures verified in worker threads. */
export const signaturesVerified = Metric.counter("chain_signatures_verified_total", {
  description: "Signatures verified in worker threads",
  incremental: true
})
