/**
 * Where the events of a far node come from: a subscription, or polls.
 */
import { Cause, Effect, Metric, Queue, type Scope, Stream } from "effect"
import type { Link, LiveItems } from "@ephor/json-rpc/Link"
import { CodecError } from "@ephor/types"
import { event as eventWire, names } from "../Interop.ts"
import type { ManagedEvent } from "../ManagedEvent.ts"
import type { Caller, Limits } from "../ManagedNodeClient.ts"
import { Disconnected, Malformed, ManagedNodeError, TimedOut } from "../ManagedNodeError.ts"
import * as Metrics from "../Metrics.ts"
import { fromJsonRpc } from "./Failure.ts"

/** Takes events off the connection; waits while the consumers are busy. */
export type Sink = (events: ReadonlyArray<ManagedEvent>) => Effect.Effect<unknown>

/** How a subscription ended without the connection breaking. */
export type Ending = "ClosedByNode" | "Overflow" | "Silent"

const decode = (json: unknown): ManagedEvent | undefined => {
  try {
    return eventWire.decode(json)
  } catch (error) {
    if (error instanceof CodecError) return undefined
    throw error
  }
}

/** The events of wrapped items up to the one without data, by which a node closes the subscription. */
const unwrap = Effect.fnUntraced(function* (items: ReadonlyArray<unknown>) {
  const events: Array<ManagedEvent> = []
  for (const item of items) {
    const data = typeof item === "object" && item !== null && "data" in item ? item.data : undefined
    if (data === null || data === undefined) return { events, closed: true }
    const event = decode(data)
    if (event === undefined)
      yield* Effect.logWarning("an event of the node could not be read and is left out", { data })
    else events.push(event)
  }
  return { events, closed: false }
})

const broken = new ManagedNodeError({
  method: names.subscribe,
  reason: new Disconnected({ why: "the connection broke" })
})

const drain = Effect.fnUntraced(function* (
  { items, overflowed }: LiveItems,
  sink: Sink,
  { silenceMs }: Limits
) {
  const take = Effect.catchIf(Queue.takeAll(items), Cause.isDone, () => Effect.succeed([])).pipe(
    Effect.timeoutOption(silenceMs)
  )
  while (true) {
    const taken = yield* take
    if (taken._tag === "None") return "Silent" as const
    if (taken.value.length === 0) break
    const { closed, events } = yield* unwrap(taken.value)
    yield* sink(events)
    if (closed) return "ClosedByNode" as const
  }
  if (!overflowed()) return yield* broken
  yield* Metric.update(Metrics.clientOverflows, 1)
  return "Overflow" as const
})

const subscribe = (link: Link) =>
  Effect.mapError(link.subscribe(names.namespace, [names.stream]), fromJsonRpc)

/** Subscribes and passes events on until the subscription ends. */
export const follow = (link: Link, sink: Sink, limits: Limits): Effect.Effect<Ending, ManagedNodeError> =>
  Effect.uninterruptibleMask((restore) =>
    restore(inTime(names.subscribe, subscribe(link), limits.callTimeoutMs)).pipe(
      Effect.flatMap((live) => Effect.ensuring(restore(drain(live, sink, limits)), live.release))
    )
  )

const inTime = <A>(method: string, effect: Effect.Effect<A, ManagedNodeError>, limitMs: number) =>
  Effect.timeoutOrElse(effect, {
    duration: limitMs,
    orElse: () => Effect.fail(new ManagedNodeError({ method, reason: new TimedOut({ afterMs: limitMs }) }))
  })

/** Asks for events for ever; ends with the first error that is not "none now". */
export const poll = (
  invoke: Caller["invoke"],
  limits: Limits,
  sink: Sink
): Effect.Effect<never, ManagedNodeError> => {
  const pull = inTime(names.pullEvent, invoke(names.pullEvent, []), limits.pollTimeoutMs)
  const once = Effect.matchEffect(pull, {
    onSuccess: (json) => {
      const event = decode(json)
      return event === undefined
        ? Effect.fail(
            new ManagedNodeError({ method: names.pullEvent, reason: new Malformed({ why: "not an event" }) })
          )
        : sink([event])
    },
    onFailure: (error) =>
      error.reason._tag === "OutOfEvents" ? Effect.sleep(limits.pollIntervalMs) : Effect.fail(error)
  })
  return Effect.forever(once)
}

/** One run of `produce` for however many consumers there are, from the first to the last of them. */
export const shared = (
  produce: (sink: Sink) => Effect.Effect<never>
): Effect.Effect<Stream.Stream<ManagedEvent>, never, Scope.Scope> =>
  Stream.callback<ManagedEvent>((queue) => produce((events) => Queue.offerAll(queue, events)), {
    bufferSize: 16,
    strategy: "suspend"
  }).pipe(Stream.share({ capacity: 16 }))
