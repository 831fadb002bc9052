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

/** Requests answered for peers, by `protocol` and `outcome`. */
export const served = Metric.counter("network_requests_served_total", {
  description: "Requests of peers, answered or refused",
  incremental: true
})

/** Peers that were disconnected for their reputation. */
export const banned = Metric.counter("network_peers_banned_total", {
  description: "Peers disconnected because of their reputation",
  incremental: true
})
