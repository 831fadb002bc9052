/**
 * What an overseer measures. Nothing is updated per message: mailboxes count by themselves and are read every 950 ms.
 */
import { Effect, Metric } from "effect"
import type { Lane, LaneMeter, Mailbox } from "./Mailbox.ts"

/** Leaves that were announced. */
export const activatedLeaves = Metric.counter("overseer_activated_leaves_total", {
  description: "Leaves announced to subsystems",
  incremental: true
})

/** Leaves that were taken back. */
export const deactivatedLeaves = Metric.counter("overseer_deactivated_leaves_total", {
  description: "Leaves taken back from subsystems",
  incremental: true
})

/** Signals broadcast, each counted once however many subsystems there are. */
export const signals = Metric.counter("overseer_signals_total", {
  description: "Signals broadcast to all subsystems",
  incremental: true
})

/** Items put into mailboxes, by `subsystem` and `lane`. */
export const sent = Metric.counter("overseer_mailbox_sent_total", {
  description: "Signals and messages put into a mailbox",
  incremental: true
})

/** Items taken out of mailboxes, by `subsystem` and `lane`. */
export const received = Metric.counter("overseer_mailbox_received_total", {
  description: "Signals and messages taken out of a mailbox",
  incremental: true
})

/** Sends that had to wait for room, by `subsystem` and `lane`. */
export const blocked = Metric.counter("overseer_mailbox_blocked_total", {
  description: "Sends that had to wait for room",
  incremental: true
})

/** Items waiting, by `subsystem` and `lane`. */
export const length = Metric.gauge("overseer_mailbox_length", {
  description: "Signals and messages waiting in a mailbox"
})

/** Seconds between sending and taking a message, for one in twenty, by `subsystem` and `lane`. */
export const flight = Metric.histogram("overseer_mailbox_flight_seconds", {
  description: "Time that messages spend in a mailbox",
  boundaries: [0.0001, 0.0004, 0.0016, 0.0064, 0.0256, 0.1024, 0.4096, 1.6384, 3.2768, 4.9152, 6.5536]
})

/** What an overseer has broadcast so far. */
export interface SignalCounts {
  readonly signals: number
  readonly activated: number
  readonly deactivated: number
}

const lanes: ReadonlyArray<Lane> = ["signal", "now", "priority", "bulk"]

/** Turns figures into metrics at every interval, for ever. */
export const exporter = (
  counts: SignalCounts,
  mailboxes: () => Iterable<Mailbox<any>>,
  intervalMs: number
): Effect.Effect<never> => {
  const exportSignals = [
    growing(signals, () => counts.signals),
    growing(activatedLeaves, () => counts.activated),
    growing(deactivatedLeaves, () => counts.deactivated)
  ]
  const exports = new Map<string, Effect.Effect<void>>()
  const exportMailbox = (mailbox: Mailbox<any>) => {
    let mine = exports.get(mailbox.name)
    if (mine === undefined) exports.set(mailbox.name, (mine = ofMailbox(mailbox)))
    return mine
  }
  const exportAll = Effect.suspend(() =>
    Effect.all([...exportSignals, ...Array.from(mailboxes(), exportMailbox)], { discard: true })
  )
  return Effect.forever(Effect.andThen(exportAll, Effect.sleep(intervalMs)))
}

/** Exports what a figure has grown by since the last time. */
const growing = (counter: Metric.Counter<number>, figure: () => number): Effect.Effect<void> => {
  let last = 0
  return Effect.suspend(() => {
    const now = figure()
    const step = now - last
    last = now
    return step === 0 ? Effect.void : Metric.update(counter, step)
  })
}

/** Exports the figures of one mailbox. */
const ofMailbox = (mailbox: Mailbox<any>): Effect.Effect<void> => {
  const ofLane = (lane: Lane) => {
    const attributes = { subsystem: mailbox.name, lane }
    const figure = (key: keyof LaneMeter) => () => mailbox.meters[lane][key]
    const gauge = Metric.withAttributes(length, attributes)
    const histogram = Metric.withAttributes(flight, attributes)
    return Effect.all(
      [
        growing(Metric.withAttributes(sent, attributes), figure("sent")),
        growing(Metric.withAttributes(received, attributes), figure("received")),
        growing(Metric.withAttributes(blocked, attributes), figure("blocked")),
        Effect.suspend(() => Metric.update(gauge, mailbox.meters[lane].length)),
        Effect.suspend(() =>
          lane === "signal"
            ? Effect.void
            : Effect.forEach(mailbox.takeFlightsUnsafe(lane), (ms) => Metric.update(histogram, ms / 1000), {
                discard: true
              })
        )
      ],
      { discard: true }
    )
  }
  const exports = lanes.map(ofLane) // once: each remembers what it exported last
  return Effect.all(exports, { discard: true })
}
