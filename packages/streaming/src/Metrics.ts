/**
 * What publisher, transport and subscriber count. Attributes are bound once; per-message work is one update.
 */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

const responses = counter(
  "streaming_responses_total",
  "Responses that a publisher has made, heartbeats included"
)
/** Responses made on the block stream. */
export const blockResponses = Metric.withAttributes(responses, { stream: "blocks" })
/** Responses made on the commit stream. */
export const commitResponses = Metric.withAttributes(responses, { stream: "commits" })

const streams = Metric.gauge("streaming_streams", { description: "Streams that a publisher serves now" })
/** Block streams served now. */
export const blockStreams = Metric.withAttributes(streams, { stream: "blocks" })
/** Commit streams served now. */
export const commitStreams = Metric.withAttributes(streams, { stream: "commits" })

/** Commands without content, or with content that we do not know. */
export const emptyCommands = counter("streaming_empty_commands_total", "Commands that say nothing known")
/** Subscribers that fell off the live ring and were sent back to history. */
export const downgrades = counter(
  "streaming_live_downgrades_total",
  "Subscribers switched from the live ring to history"
)
/** Responses above 16 MiB. */
export const excessiveResponses = counter("streaming_excessive_responses_total", "Responses above 16 MiB")
/** Calls that a server refused or ended, by gRPC status. */
export const callsEnded = counter(
  "streaming_calls_ended_total",
  "Calls that ended at the server, by gRPC status"
)
/** Bytes that a server has written into HTTP/2 streams. */
export const bytesSent = counter("streaming_sent_bytes_total", "Bytes of frames written by a server")
/** Sessions open at a server. */
export const sessions = Metric.gauge("streaming_sessions", { description: "Connections open at a server" })

/** Commits behind the target, as the subscriber last measured. */
export const commitLag = Metric.gauge("streaming_commit_lag", { description: "Commits behind the target" })
/** Blocks that wait for the application. */
export const blockQueue = Metric.gauge("streaming_block_queue", {
  description: "Blocks waiting for the application"
})
/** Commits delivered to the application. */
export const commitsDelivered = counter(
  "streaming_commits_delivered_total",
  "Commits handed to the application"
)
/** Blocks accepted into the observer's DAG. */
export const blocksAccepted = counter(
  "streaming_blocks_accepted_total",
  "Blocks accepted, all ancestors known"
)
/** Blocks that failed verification. */
export const blocksRejected = counter("streaming_blocks_rejected_total", "Blocks that did not verify")
/** Signatures checked. */
export const signaturesVerified = counter(
  "streaming_signatures_verified_total",
  "Signatures of blocks checked"
)
/** Bytes of blocks received. */
export const bytesReceived = counter("streaming_received_bytes_total", "Bytes of blocks received")
/** Changes of mode. */
export const modeChanges = counter("streaming_mode_changes_total", "Changes of the subscriber's mode")
/** Sessions with a publisher that ended, whatever the reason. */
export const sessionsEnded = counter("streaming_sessions_ended_total", "Sessions of a subscriber that ended")
