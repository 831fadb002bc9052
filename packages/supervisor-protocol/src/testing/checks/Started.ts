/** A managed node that someone listens to. */
import { Effect, Queue, Stream } from "effect"
import { Chain } from "@ephor/chain"
import type { ManagedEvent } from "../../ManagedEvent.ts"
import { ManagedNode } from "../../ManagedNode.ts"
import { broken, type CheckFailed } from "./Check.ts"

/** Reads events one by one; repetitions of what a node asks for are passed over. */
export const listen = Effect.gen(function* () {
  const node = yield* ManagedNode
  const events = yield* Queue.unbounded<ManagedEvent>()
  yield* node.events.pipe(
    Stream.runForEach((event) => Queue.offer(events, event)),
    Effect.forkScoped({ startImmediately: true })
  )
  const next = Queue.take(events).pipe(
    Effect.timeoutOrElse({ duration: "5 seconds", orElse: () => broken("no event within 5 seconds") })
  )
  const until = (wanted: (event: ManagedEvent) => boolean): Effect.Effect<ManagedEvent, CheckFailed> =>
    Effect.filterOrElse(next, wanted, () => until(wanted))
  /** The next event that has the field. */
  const field = <K extends keyof ManagedEvent>(key: K) => until((event) => event[key] !== undefined)
  return { next, until, field }
})

/** A node that was reset once: its first events are over, and someone listens. */
export const started = Effect.gen(function* () {
  const node = yield* ManagedNode
  const events = yield* listen
  yield* events.field("reset")
  yield* node.resetPreInterop
  yield* events.field("exhaustL1")
  return { node, chain: yield* Chain.Chain, events }
})
