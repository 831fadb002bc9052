/**
 * What a network measures.
 */
import { Metric } from "effect"

/** Events that a slow subscriber lost because its inbound limit for the sender was reached, by `protocol`. */
export const dropped = Metric.counter("network_inbound_dropped_total", {
  description: "Notifications dropped because a subscriber is behind",
  incremental: true
})

/** Notifications given to subscribers, by `protocol`. */
export const notifications = Metric.counter("network_notifications_received_total", {
  description: "Notifications received from peers",
  incremental: true
})

/** Requests of peers, by `protocol` and `outcome`: `answered`, `refused` by their handler, or the reason of the network. */
export const served = Metric.counter("network_requests_served_total", {
  description: "Requests of peers, answered or refused",
  incremental: true
})

/** Connected peers, by `role`: `validator` or `other`. */
export const peers = Metric.gauge("network_peers", {
  description: "Connected peers"
})

/** Inbound connections that were ended for newer ones because they had not said hello, or came too fast. */
export const crowdedOut = Metric.counter("network_connections_crowded_out_total", {
  description: "Inbound connections ended before hello for want of room",
  incremental: true
})

/** Notifications that peers sent without being one of those who may, by `protocol`. */
export const notAllowed = Metric.counter("network_notifications_not_allowed_total", {
  description: "Notifications of peers that may not speak the protocol",
  incremental: true
})

/** Pauses in reading from peers that sent faster than their share. */
export const heldBack = Metric.counter("network_inbound_held_back_total", {
  description: "Pauses in reading from a peer that sends too fast",
  incremental: true
})

/** Peers that were disconnected for their reputation. */
export const banned = Metric.counter("network_peers_banned_total", {
  description: "Peers disconnected because of their reputation",
  incremental: true
})

/** Peers whose hello was refused, or that are refused for what they did. */
export const refused = Metric.counter("network_peers_refused_total", {
  description: "Peers refused at hello",
  incremental: true
})

/** Frames and requests of peers that were none, too long, or too slow. */
export const malformed = Metric.counter("network_malformed_total", {
  description: "Frames and requests of peers that do not hold",
  incremental: true
})

/** Frames that a slow peer did not take. */
export const outboundDropped = Metric.counter("network_outbound_dropped_total", {
  description: "Frames dropped because a peer is behind",
  incremental: true
})

/** Dials and sessions that failed. */
export const dialFailures = Metric.counter("network_dial_failures_total", {
  description: "Dials that did not lead to a session",
  incremental: true
})
