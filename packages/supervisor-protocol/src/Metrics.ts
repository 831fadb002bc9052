/**
 * What both ends of the protocol count.
 */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

/** Events sent to the live subscription. */
export const eventsSent = counter(
  "supervisor_protocol_events_sent_total",
  "Events sent to the live subscription"
)
/** Events held back because they repeat the one before. */
export const eventsSuppressed = counter(
  "supervisor_protocol_events_suppressed_total",
  "Events that were repetitions"
)
/** Events that fell out of the full queue, oldest first. */
export const eventsDropped = counter(
  "supervisor_protocol_events_dropped_total",
  "Events dropped from the full queue"
)
/** Events that wait to be pulled. */
export const eventsWaiting = Metric.gauge("supervisor_protocol_events_waiting", {
  description: "Events that wait to be pulled"
})

/** How long the calls of the client took, and how many there were. */
export const clientDuration = Metric.histogram("supervisor_protocol_client_call_duration_seconds", {
  description: "Seconds that calls to managed nodes took",
  boundaries: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
})
/** Connections that the client opened. */
export const clientDials = counter(
  "supervisor_protocol_client_dials_total",
  "Connections opened to managed nodes"
)
/** Subscriptions that broke off because events came faster than they were taken. */
export const clientOverflows = counter(
  "supervisor_protocol_client_overflows_total",
  "Event buffers that overflowed"
)

/** Looks at followed nodes to which no answer came. */
export const followedFailures = counter(
  "supervisor_protocol_followed_failures_total",
  "Looks at followed nodes that failed"
)
/** L1 blocks of which was told what followed nodes derived. */
export const followedL1Blocks = counter(
  "supervisor_protocol_followed_l1_blocks_total",
  "L1 blocks of which was told what followed nodes derived"
)
/** L1 blocks of which is remembered how far an op-node without a database of safe heads was. */
export const followedObservations = Metric.gauge("supervisor_protocol_followed_observations", {
  description: "L1 blocks of which is remembered what was safe"
})
