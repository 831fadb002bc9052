/** What the metrics of this process say about streams and mailboxes, as figures for the console. */
import type { Status as Told } from "@ephor/cli"
import type { AnyAddress } from "@ephor/overseer/Address"
import type { Metric } from "effect"

type Snapshots = ReadonlyArray<Metric.Metric.Snapshot>

const valueOf = (snapshot: Metric.Metric.Snapshot): number =>
  snapshot.type === "Counter"
    ? Number(snapshot.state.count)
    : snapshot.type === "Gauge"
      ? Number(snapshot.state.value)
      : 0

const sum = (found: Snapshots) => found.reduce((total, one) => total + valueOf(one), 0)

const named = (snapshots: Snapshots, id: string) => snapshots.filter((one) => one.id === id)

/** Sums of a metric by one of its labels. */
const by = (snapshots: Snapshots, id: string, label: string): { readonly [value: string]: number } => {
  const sums: Record<string, number> = {}
  for (const one of named(snapshots, id)) {
    const value = one.attributes?.[label]
    if (value !== undefined) sums[value] = (sums[value] ?? 0) + valueOf(one)
  }
  return sums
}

/** Streams for observers. */
export const publishing = (snapshots: Snapshots): Told.Publishing => ({
  sessions: sum(named(snapshots, "streaming_sessions")),
  streams: by(snapshots, "streaming_streams", "stream"),
  responses: by(snapshots, "streaming_responses_total", "stream"),
  sentBytes: sum(named(snapshots, "streaming_sent_bytes_total"))
})

const short = (name: string) => name.slice(name.lastIndexOf("/") + 1)

/** The subsystems of a validator with their mailboxes; where several validators run here, all together. */
export const subsystems = (
  addresses: ReadonlyArray<AnyAddress>,
  snapshots: Snapshots
): ReadonlyArray<Told.SubsystemView> => {
  const received = by(snapshots, "overseer_mailbox_received_total", "subsystem")
  const blocked = by(snapshots, "overseer_mailbox_blocked_total", "subsystem")
  const waiting = by(snapshots, "overseer_mailbox_length", "subsystem")
  return addresses.map(({ key, options }) => {
    const targets = [...(options.sends?.() ?? []), ...(options.sendsNow?.() ?? [])]
    return {
      name: short(key),
      sendsTo: targets.map((target) => short(typeof target === "string" ? target : target.key)),
      received: received[key] ?? 0,
      blocked: blocked[key] ?? 0,
      waiting: waiting[key] ?? 0
    }
  })
}
