/**
 * The calling half of JSON-RPC over one live connection: calls that wait for answers, and subscriptions. Free of
 * transports: `NodeSocket` dials.
 */
import { type Cause, Deferred, Effect, Queue } from "effect"
import { formatCall, type Message, parse } from "./JsonRpc.ts"
import {
  Disconnected,
  JsonRpcError,
  type JsonRpcErrorReason,
  Malformed,
  Refused,
  TimedOut
} from "./JsonRpcError.ts"

/** Sends frames; `false` if the connection no longer takes any. */
export interface Duplex {
  /** How the far end is called in errors. */
  readonly endpoint: string
  readonly send: (frame: string) => boolean
  readonly isOpen: () => boolean
  /** Ends the connection because the peer is of no use. */
  readonly close: (why: string) => void
}

/** A subscription. */
export interface LiveItems {
  /** Items as they came; ends when the subscription does. */
  readonly items: Queue.Dequeue<unknown, Cause.Done>
  /** Gives the subscription up. */
  readonly release: Effect.Effect<void>
  /** Whether it ended because items came faster than they were taken. */
  readonly overflowed: () => boolean
}

/** One connection, for as long as it lives. */
export interface Link {
  /** A call that is given up by the first `expire` after its deadline, if it has one. */
  readonly call: (
    method: string,
    params: ReadonlyArray<unknown>,
    deadlineMs?: number
  ) => Effect.Effect<unknown, JsonRpcError>
  readonly expire: (nowMs: number, afterMs: number) => void
  /** Opens the subscription `NAMESPACE_subscribe(...params)`. */
  readonly subscribe: (
    namespace: string,
    params: ReadonlyArray<unknown>
  ) => Effect.Effect<LiveItems, JsonRpcError>
  readonly isOpen: () => boolean
  /** Why the connection is gone, once it is. */
  readonly closed: Deferred.Deferred<string>
  /** For the transport: a frame came in. */
  readonly onFrame: (frame: string) => void
  /** For the transport: the connection is gone. */
  readonly onClose: (why: string) => void
}

interface PendingCall {
  readonly deadlineMs: number
  /** Looked at before the next frame is. */
  readonly onResult: ((result: unknown) => void) | undefined
  readonly resume: (outcome: Effect.Effect<unknown, JsonRpcErrorReason>) => void
}

/** Calls that wait for their answers. */
const makePendingCalls = () => {
  const pending = new Map<unknown, PendingCall>()
  return {
    add: (id: number, call: PendingCall) => void pending.set(id, call),
    remove: (id: number) => void pending.delete(id),
    settle: (message: Extract<Message, { readonly _tag: "Success" | "Failure" }>) => {
      const call = pending.get(message.id)
      if (call === undefined) return
      pending.delete(message.id)
      if (message._tag === "Failure") return call.resume(Effect.fail(Refused.of(message.error)))
      call.onResult?.(message.result)
      call.resume(Effect.succeed(message.result))
    },
    expire: (nowMs: number, afterMs: number) => {
      for (const [id, { deadlineMs, resume }] of pending) {
        if (deadlineMs > nowMs) continue
        pending.delete(id)
        resume(Effect.fail(new TimedOut({ afterMs })))
      }
    },
    failAll: (why: string) => {
      for (const { resume } of pending.values()) resume(Effect.fail(new Disconnected({ why })))
      pending.clear()
    }
  }
}

interface Subscription {
  readonly queue: Queue.Queue<unknown, Cause.Done>
  overflowed: boolean
}

/** Where the items of notifications go. */
const makeSubscriptions = () => {
  const subscriptions = new Map<unknown, Subscription>()
  return {
    add: (id: unknown, subscription: Subscription) => void subscriptions.set(id, subscription),
    remove: (id: string) => void subscriptions.delete(id),
    notify: (params: unknown) => {
      const { result, subscription: id } = (params ?? {}) as {
        readonly result?: unknown
        readonly subscription?: unknown
      }
      const subscription = subscriptions.get(id)
      if (subscription === undefined || Queue.offerUnsafe(subscription.queue, result)) return
      subscription.overflowed = true
      subscriptions.delete(id)
      Queue.endUnsafe(subscription.queue)
    },
    endAll: () => {
      for (const { queue } of subscriptions.values()) Queue.endUnsafe(queue)
      subscriptions.clear()
    }
  }
}

/** A link over a connection. `onGone` is called the moment the connection is gone, before anyone who waits hears of it. */
export const makeLink = (duplex: Duplex, itemLimit: number, onGone: () => void): Link => {
  const closed = Deferred.makeUnsafe<string>()
  const pending = makePendingCalls()
  const subscriptions = makeSubscriptions()
  let nextId = 1
  let gone: string | undefined

  const failed = (method: string) => (reason: JsonRpcErrorReason) =>
    new JsonRpcError({ endpoint: duplex.endpoint, method, reason })

  const call = (
    method: string,
    params: ReadonlyArray<unknown>,
    deadlineMs = Number.POSITIVE_INFINITY,
    onResult?: PendingCall["onResult"]
  ) =>
    Effect.mapError(
      Effect.callback<unknown, JsonRpcErrorReason>((resume) => {
        const id = nextId++
        if (gone !== undefined || !duplex.send(formatCall(id, method, params))) {
          return resume(Effect.fail(new Disconnected({ why: gone ?? "the connection is closing" })))
        }
        pending.add(id, { deadlineMs, onResult, resume })
        return Effect.sync(() => pending.remove(id))
      }),
      failed(method)
    )
  const subscribe = Effect.fnUntraced(function* (namespace: string, params: ReadonlyArray<unknown>) {
    const method = `${namespace}_subscribe`
    const subscription: Subscription = {
      queue: yield* Queue.dropping<unknown, Cause.Done>(itemLimit),
      overflowed: false
    }
    const id = yield* call(method, params, undefined, (id) => subscriptions.add(id, subscription))
    if (typeof id !== "string") return yield* failed(method)(new Malformed({ why: "no subscription id" }))
    if (gone !== undefined) Queue.endUnsafe(subscription.queue)
    const release = Effect.sync(() => {
      subscriptions.remove(id)
      // Nobody waits for the answer; an id that nothing is pending for is ignored.
      if (gone === undefined) duplex.send(formatCall(nextId++, `${namespace}_unsubscribe`, [id]))
    })
    return { items: subscription.queue, overflowed: () => subscription.overflowed, release }
  })
  const onMessage = (message: Message) => {
    if (message._tag === "Success" || message._tag === "Failure") pending.settle(message)
    else if (message._tag === "Notification" && message.method.endsWith("_subscription"))
      subscriptions.notify(message.params)
  }
  return {
    call,
    closed,
    subscribe,
    expire: pending.expire,
    isOpen: () => gone === undefined && duplex.isOpen(),
    onFrame: (frame) => {
      const parsed = parse(frame, 0)
      if (parsed?._tag === "Single") onMessage(parsed.message)
      else duplex.close("the peer sent a frame that is not an answer")
    },
    onClose: (why) => {
      if (gone !== undefined) return
      gone = why
      onGone()
      pending.failAll(why)
      subscriptions.endAll()
      Deferred.doneUnsafe(closed, Effect.succeed(why))
    }
  }
}
