/**
 * What publisher, transport and subscriber count. Attributes are bound once; per-message work is one update.
 */
import { Metric } from "effect"

/** A counter; the labels that it is split by are named for the reader only. */
const counterBy = (name: string, description: string, _labels: ReadonlyArray<string> = []) =>
  Metric.counter(name, { description, incremental: true })

const responses = counterBy(
  "streaming_responses_total",
  "Responses that a publisher has made, heartbeats included",
  ["stream"]
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
export const emptyCommands = counterBy("streaming_empty_commands_total", "Commands that say nothing known")
/** Subscribers that fell off the live ring and were sent back to history. */
export const downgrades = counterBy(
  "streaming_live_downgrades_total",
  "Subscribers switched from the live ring to history"
)
/** Signatures of randomness that went by while a subscriber was busy with blocks. */
export const auxiliaryMissed = counterBy(
  "streaming_auxiliary_missed_total",
  "Signatures of randomness not sent to subscribers that were behind"
)
/** Responses above 16 MiB. */
export const excessiveResponses = counterBy("streaming_excessive_responses_total", "Responses above 16 MiB")
/** Calls that a server refused or ended, by gRPC status. */
export const callsEnded = counterBy("streaming_calls_ended_total", "Calls that ended at the server", [
  "status"
])
/** Bytes that a server has written into HTTP/2 streams. */
export const bytesSent = counterBy("streaming_sent_bytes_total", "Bytes of frames written by a server")
const subscriberBytes = counterBy(
  "streaming_subscriber_sent_bytes_total",
  "Bytes of frames written for one subscriber",
  ["subscriber"]
)
const subscriberQueue = Metric.gauge("streaming_subscriber_queue_bytes", {
  description: "Bytes that one subscriber has not taken yet, over all its calls, by subscriber"
})
const subscriberLag = Metric.gauge("streaming_subscriber_lag_commits", {
  description:
    "Commits that one subscriber has not been sent, on its commit stream that is furthest behind, by subscriber"
})
/** What is told about one subscriber, or about all that are not told apart. */
export const subscriber = (name: string) => {
  const labels = { subscriber: name }
  return {
    bytes: Metric.withAttributes(subscriberBytes, labels),
    queue: Metric.withAttributes(subscriberQueue, labels),
    lag: Metric.withAttributes(subscriberLag, labels)
  }
}
/** Sessions open at a server. */
export const sessions = Metric.gauge("streaming_sessions", { description: "Connections open at a server" })

/** What a transport turned away, and at which bound (the option that sets it is named in the README). */
export type Refusal =
  | "connections"
  | "address"
  | "handshake"
  | "idle"
  | "keepalive"
  | "key"
  | "token"
  | "identity"
  | "headers"
  | "calls"
  | "resets"
  | "control"
  | "protocol"
  | "message"
  | "slow"

const refusals = counterBy(
  "streaming_refusals_total",
  "Connections and calls that were turned away or cut at a bound",
  ["side", "cause"]
)
const refusalBy = new Map<string, typeof refusals>()
const refusalOf = (side: "server" | "client", cause: Refusal) => {
  const key = `${side} ${cause}`
  const known = refusalBy.get(key)
  if (known !== undefined) return known
  const bound = Metric.withAttributes(refusals, { side, cause })
  refusalBy.set(key, bound)
  return bound
}
/** Connections and calls that a server turned away, by cause. */
export const refusedByServer = (cause: Refusal) => refusalOf("server", cause)
/** Publishers that a client cut off, by cause. */
export const refusedByClient = (cause: Refusal) => refusalOf("client", cause)
/** Messages that were sent compressed. */
export const compressedResponses = counterBy(
  "streaming_compressed_responses_total",
  "Responses that a server sent compressed"
)

/** Commits behind the target, as the subscriber last measured. */
export const commitLag = Metric.gauge("streaming_commit_lag", { description: "Commits behind the target" })
/** Blocks that wait for the application. */
export const blockQueue = Metric.gauge("streaming_block_queue", {
  description: "Blocks waiting for the application"
})
/** Commits delivered to the application. */
export const commitsDelivered = counterBy(
  "streaming_commits_delivered_total",
  "Commits handed to the application"
)
/** Loose blocks that a publisher beside the one that is followed brought first. */
export const blocksBeside = counterBy(
  "streaming_blocks_beside_total",
  "Blocks brought first by a publisher beside the one that is followed"
)
/** Blocks accepted into the observer's DAG. */
export const blocksAccepted = counterBy(
  "streaming_blocks_accepted_total",
  "Blocks accepted, all ancestors known"
)
/** Blocks that failed verification. */
export const blocksRejected = counterBy("streaming_blocks_rejected_total", "Blocks that did not verify")
/** Second blocks that authors have signed for one round. */
export const equivocations = counterBy(
  "streaming_equivocations_total",
  "Second blocks that an author has signed for one round"
)
/** Signatures checked. */
export const signaturesVerified = counterBy(
  "streaming_signatures_verified_total",
  "Signatures of blocks checked"
)
/** Signatures of randomness handed to the application. */
export const auxiliaryDelivered = counterBy(
  "streaming_auxiliary_delivered_total",
  "Signatures of randomness handed to the application"
)
/** Bytes of blocks received. */
export const bytesReceived = counterBy("streaming_received_bytes_total", "Bytes of blocks received")
/** Changes of mode. */
export const modeChanges = counterBy("streaming_mode_changes_total", "Changes of the subscriber's mode")
/** Sessions with a publisher that ended, whatever the reason. */
export const sessionsEnded = counterBy(
  "streaming_sessions_ended_total",
  "Sessions of a subscriber that ended"
)
