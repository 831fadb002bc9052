/**
 * The event half of a server: what the node says goes to the one live subscription, or waits to be pulled.
 */
import { Elapsed } from "@ephor/types"
import { Effect, Metric, Random } from "effect"
import * as EventQueue from "../EventQueue.ts"
import { event as eventWire, names, toRpcError } from "../Interop.ts"
import {
  errors,
  formatNotification,
  positional,
  type RpcError,
  subscriptionId
} from "@ephor/json-rpc/JsonRpc"
import * as ManagedEvent from "../ManagedEvent.ts"
import { ManagedNodeError, OutOfEvents } from "../ManagedNodeError.ts"
import type { Send } from "@ephor/json-rpc/JsonRpcServer"
import * as Metrics from "../Metrics.ts"

export interface HubLimits {
  readonly eventQueue: number
  readonly dedup: ManagedEvent.DedupLimits
}

interface Subscription {
  readonly send: Send
  /** Notifications that wait until the answer to `subscribe` was sent. */
  held: Array<string> | undefined
}

export interface EventHub {
  /** The node said something. */
  readonly deliver: (event: ManagedEvent.ManagedEvent) => Effect.Effect<void>
  /** The reset that the node had asked for was carried out. */
  readonly confirmReset: Effect.Effect<void>
  /** The result of `interop_pullEvent`. */
  readonly pull: Effect.Effect<unknown, RpcError>
  /** The id of a new subscription; nothing is sent to it before `release`. */
  readonly subscribe: (method: string, params: unknown, send: Send) => Effect.Effect<string, RpcError>
  readonly release: (subscription: string) => void
  readonly unsubscribe: (subscription: string) => void
}

const newSubscriptionId = Effect.map(
  Effect.replicateEffect(Random.nextIntBetween(0, 256, { halfOpen: true }), 16),
  (bytes) => subscriptionId(Uint8Array.from(bytes))
)

const outOfEvents = toRpcError(new ManagedNodeError({ method: names.pullEvent, reason: new OutOfEvents() }))

/** Checks what was asked for: only the stream `events` of `interop` exists. */
const checkStream = (method: string, params: unknown): RpcError | undefined => {
  const parsed = positional(params, 1, 1)
  if ("error" in parsed) return parsed.error
  const [stream] = parsed.args
  if (typeof stream !== "string") return errors.invalidArgument(0, "expected the name of a subscription")
  if (method === names.subscribe && stream === names.stream) return undefined
  return errors.noSubscription(stream, method.slice(0, -"_subscribe".length))
}

/** Connections by the id of their subscription, and what is held back for them. */
const makeSubscriptions = (onDeaf: (id: string) => void) => {
  const subscriptions = new Map<string, Subscription>()
  const remove = (id: string) => void subscriptions.delete(id)
  const send = (id: string, subscription: Subscription, frames: ReadonlyArray<string>) => {
    if (frames.every(subscription.send)) return
    remove(id)
    onDeaf(id)
  }
  return {
    add: (id: string, connection: Send) => void subscriptions.set(id, { send: connection, held: [] }),
    remove,
    notify: (id: string, item: { readonly data: unknown; readonly close?: true }) => {
      const subscription = subscriptions.get(id)
      if (subscription === undefined) return
      const frame = formatNotification(names.namespace, id, item)
      if (subscription.held === undefined) send(id, subscription, [frame])
      else subscription.held.push(frame)
    },
    release: (id: string) => {
      const subscription = subscriptions.get(id)
      const held = subscription?.held
      if (subscription === undefined || held === undefined) return
      subscription.held = undefined
      send(id, subscription, held)
    }
  }
}

export const makeEventHub = (limits: HubLimits): EventHub => {
  let queue: EventQueue.EventQueue<ManagedEvent.ManagedEvent> = EventQueue.empty
  let sentLast = ManagedEvent.dedupEmpty
  // The reset that the node asked for and that nobody carried out: a new subscriber is told first.
  let awaiting: ManagedEvent.ManagedEvent | undefined
  const leave = (id: string) => {
    queue = EventQueue.unsubscribe(queue, id)
  }
  const subscriptions = makeSubscriptions(leave)
  return {
    deliver: Effect.fnUntraced(function* (event) {
      if (event.reset !== undefined) awaiting = event
      const [sent, isNew] = ManagedEvent.dedup(sentLast, event, yield* Elapsed.ms, limits.dedup)
      sentLast = sent
      if (!isNew) return yield* Metric.update(Metrics.eventsSuppressed, 1)
      const offered = EventQueue.offer(queue, event, limits.eventQueue)
      queue = offered.queue
      if (offered.to !== undefined) {
        subscriptions.notify(offered.to, { data: eventWire.encode(event) })
        return yield* Metric.update(Metrics.eventsSent, 1)
      }
      if (offered.dropped > 0) yield* Metric.update(Metrics.eventsDropped, offered.dropped)
      yield* Metric.update(Metrics.eventsWaiting, queue.waiting.length)
    }),
    confirmReset: Effect.sync(() => {
      awaiting = undefined
    }),
    pull: Effect.suspend(() => {
      const pulled = EventQueue.pull(queue)
      queue = pulled.queue
      if (pulled.closed !== undefined) {
        subscriptions.notify(pulled.closed, { data: null, close: true })
        subscriptions.remove(pulled.closed)
      }
      return pulled.event === undefined
        ? Effect.fail(outOfEvents)
        : Effect.succeed(eventWire.encode(pulled.event))
    }),
    subscribe: Effect.fnUntraced(function* (method, params, send) {
      const refused = checkStream(method, params)
      if (refused !== undefined) return yield* Effect.fail(refused)
      const id = yield* newSubscriptionId
      if (queue.live !== undefined) {
        // Who is displaced without a word waits for good.
        subscriptions.notify(queue.live, { data: null, close: true })
        subscriptions.remove(queue.live)
      }
      queue = EventQueue.subscribe(queue, id)
      sentLast = ManagedEvent.dedupEmpty
      subscriptions.add(id, send)
      if (awaiting !== undefined) subscriptions.notify(id, { data: eventWire.encode(awaiting) })
      return id
    }),
    release: subscriptions.release,
    unsubscribe: (id) => {
      leave(id)
      subscriptions.remove(id)
    }
  }
}
