/**
 * What a relay counts. Attributes are bound once; per-batch work is one update.
 */
import { Metric } from "effect"

/** A counter; the labels that it is split by are named for the reader only. */
const counterBy = (name: string, description: string, _labels: ReadonlyArray<string> = []) =>
  Metric.counter(name, { description, incremental: true })

/** Commits written to the history. */
export const commits = counterBy("streaming_relay_commits_total", "Certified commits that a relay has stored")
/** Blocks taken over for publication. */
export const blocks = counterBy("streaming_relay_blocks_total", "Verified blocks that a relay publishes")
/** Blocks that were not taken over because `maxLooseBlocks` were held already. */
export const blocksDropped = counterBy(
  "streaming_relay_blocks_dropped_total",
  "Loose blocks not relayed because too many wait for their commit"
)
/** Commits deleted to keep `maxHistoryCommits` and `maxHistoryBytes`. */
export const pruned = counterBy(
  "streaming_relay_pruned_commits_total",
  "Commits that fell out of the history"
)
/** Commits kept now. */
export const historyCommits = Metric.gauge("streaming_relay_history_commits", {
  description: "Commits that a relay keeps"
})
/** Bytes of those commits. */
export const historyBytes = Metric.gauge("streaming_relay_history_bytes", {
  description: "Bytes of commits that a relay keeps"
})
/** Reads of commits that were not in memory. */
export const historyReads = counterBy(
  "streaming_relay_history_reads_total",
  "Requests answered from the store, not from memory"
)
/** Sources that were refused or left because of their path. */
export const refused = counterBy(
  "streaming_relay_refused_sources_total",
  "Sources refused because they follow us, or are too far from the origin"
)
/** Identities in the path of the source in use. */
export const hops = Metric.gauge("streaming_relay_hops", { description: "Hops to the origin" })

/** Segments written to an archive. */
export const archiveSegments = counterBy(
  "streaming_relay_archive_segments_total",
  "Segments that a relay has added to its archive"
)
/** Commits in the archive now. */
export const archiveCommits = Metric.gauge("streaming_relay_archive_commits", {
  description: "Commits in the archive of a relay"
})
/** Reads of commits that were in the archive only. */
export const archiveReads = counterBy(
  "streaming_relay_archive_reads_total",
  "Requests answered from the archive"
)

/** What can be wrong with an archive. */
export type ArchiveFault = "damaged" | "hole" | "foreign"
const archiveRefusals = counterBy(
  "streaming_relay_archive_refused_total",
  "Segments and archives that were refused: damaged, hole, foreign",
  ["cause"]
)
const refusedBy = {
  damaged: Metric.withAttributes(archiveRefusals, { cause: "damaged" }),
  hole: Metric.withAttributes(archiveRefusals, { cause: "hole" }),
  foreign: Metric.withAttributes(archiveRefusals, { cause: "foreign" })
}
/** Segments and archives that were refused, by cause. */
export const archiveRefused = (cause: ArchiveFault) => refusedBy[cause]
