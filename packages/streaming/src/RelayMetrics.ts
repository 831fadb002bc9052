/**
 * What a relay counts. Attributes are bound once; per-batch work is one update.
 */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

/** Commits written to the history. */
export const commits = counter("streaming_relay_commits_total", "Certified commits that a relay has stored")
/** Blocks taken over for publication. */
export const blocks = counter("streaming_relay_blocks_total", "Verified blocks that a relay publishes")
/** Blocks that were not taken over because `maxLooseBlocks` were held already. */
export const blocksDropped = counter(
  "streaming_relay_blocks_dropped_total",
  "Loose blocks not relayed because too many wait for their commit"
)
/** Commits deleted to keep `maxHistoryCommits` and `maxHistoryBytes`. */
export const pruned = counter("streaming_relay_pruned_commits_total", "Commits that fell out of the history")
/** Commits kept now. */
export const historyCommits = Metric.gauge("streaming_relay_history_commits", {
  description: "Commits that a relay keeps"
})
/** Bytes of those commits. */
export const historyBytes = Metric.gauge("streaming_relay_history_bytes", {
  description: "Bytes of commits that a relay keeps"
})
/** Reads of commits that were not in memory. */
export const historyReads = counter(
  "streaming_relay_history_reads_total",
  "Requests answered from the store, not from memory"
)
/** Sources that were refused or left because of their path. */
export const refused = counter(
  "streaming_relay_refused_sources_total",
  "Sources refused because they follow us, or are too far from the origin"
)
/** Identities in the path of the source in use. */
export const hops = Metric.gauge("streaming_relay_hops", { description: "Hops to the origin" })
