/**
 * What an overseer measures. Nothing is updated per message: mailboxes count by themselves and are read every 950 ms.
 */
import { Effect, Metric } from "effect"
import type { Lane, LaneMeter, Mailbox } from "./Mailbox.ts"
import type { Signal } from "./Signal.ts"

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

/** Seconds between sending and taking a message, for one in twenty, by `subsystem`. */
export const flight = Metric.histogram("overseer_mailbox_flight_seconds", {
  description: "Time that messages spend in a mailbox",
  boundaries: [0.0001, 0.0004, 0.0016, 0.0064, 0.0256, 0.1024, 0.4096, 1.6384, 3.2768, 4.9152, 6.5536]
})

/** Counts one broadcast. */
export const countSignal = (signal: Signal): Effect.Effect<void> => {
  const all = [Metric.update(signals, 1)]
  if (signal._tag === "ActiveLeaves") {
    if (signal.activated !== null) all.push(Metric.update(activatedLeaves, 1))
    if (signal.deactivated.length > 0) all.push(Metric.update(deactivatedLeaves, signal.deactivated.length))
  }
  return Effect.all(all, { discard: true })
}

const lanes: ReadonlyArray<Lane> = ["signal", "now", "priority", "bulk"]

/** Turns mailbox figures into metrics at every interval, for ever. */
export const exporter = (
  mailboxes: () => Iterable<Mailbox<any>>,
  intervalMs: number
): Effect.Effect<never> => {
  const bound = new Map<string, ReturnType<typeof bind>>()
  const exportOne = Effect.fnUntraced(function* (mailbox: Mailbox<any>) {
    let mine = bound.get(mailbox.name)
    if (mine === undefined) bound.set(mailbox.name, (mine = bind(mailbox.name)))
    const meters = mailbox.meters
    for (const lane of lanes) yield* mine.lanes[lane](meters[lane])
    for (const ms of mailbox.takeFlightsUnsafe()) yield* Metric.update(mine.flight, ms / 1000)
  })
  const exportAll = Effect.suspend(() => Effect.forEach(mailboxes(), exportOne, { discard: true }))
  return Effect.forever(Effect.andThen(exportAll, Effect.sleep(intervalMs)))
}

/** Metrics of one mailbox with their attributes, bound once. */
const bind = (subsystem: string) => {
  const ofLane = (lane: Lane) => {
    const attributes = { subsystem, lane }
    const counters = [sent, received, blocked].map((counter) => Metric.withAttributes(counter, attributes))
    const gauge = Metric.withAttributes(length, attributes)
    let last: LaneMeter = { sent: 0, received: 0, blocked: 0, length: 0 }
    return Effect.fnUntraced(function* (now: LaneMeter) {
      const steps = [now.sent - last.sent, now.received - last.received, now.blocked - last.blocked]
      for (const [i, step] of steps.entries()) if (step > 0) yield* Metric.update(counters[i]!, step)
      if (now.length !== last.length) yield* Metric.update(gauge, now.length)
      last = now
    })
  }
  return {
    lanes: {
      signal: ofLane("signal"),
      now: ofLane("now"),
      priority: ofLane("priority"),
      bulk: ofLane("bulk")
    },
    flight: Metric.withAttributes(flight, { subsystem })
  }
}
