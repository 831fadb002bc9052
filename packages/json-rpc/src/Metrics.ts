/**
 * What doors count, all doors of a process together; `door` tells them apart where it is about connections.
 */
import { Metric } from "effect"

const counter = (name: string, description: string) =>
  Metric.counter(name, { description, incremental: true })

/** Calls that were answered, batches counted by their calls. */
export const calls = counter("json_rpc_calls_total", "JSON-RPC calls answered")
/** Calls that were answered with an error. */
export const failures = counter("json_rpc_failures_total", "JSON-RPC calls answered with an error")
/** Requests and upgrades that were turned down with 401. */
export const unauthorized = counter("json_rpc_unauthorized_total", "Requests refused for their token")
/** Requests and upgrades that were turned down for the `Host` or `Origin` that they name. */
export const foreign = counter("json_rpc_foreign_total", "Requests refused for their Host or Origin")
/** Requests that were turned down because too many were being served, and connections that had to go for others. */
export const crowded = counter(
  "json_rpc_crowded_total",
  "Requests and connections turned away for want of room"
)
/** Bodies that were longer than allowed. */
export const tooLarge = counter("json_rpc_too_large_total", "Request bodies longer than allowed")
/** Open TCP connections. */
export const connections = Metric.gauge("json_rpc_connections", {
  description: "Open TCP connections of a door"
})
/** Open WebSockets. */
export const sockets = Metric.gauge("json_rpc_sockets", { description: "Open WebSockets of a door" })
/** Connections that were broken off because the peer did not read or did not answer pings. */
export const slowPeers = counter("json_rpc_slow_peers_total", "Connections broken off for a slow peer")
