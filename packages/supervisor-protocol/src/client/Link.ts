/**
 * The calling half of JSON-RPC over one live connection: calls that wait for answers, and subscriptions.
 */
import { type Cause, Deferred, Effect, Queue } from "effect"
import { fromRpcError, names } from "../Interop.ts"
import { formatCall, type Message, parse, type RpcError } from "../JsonRpc.ts"
import { Disconnected, Malformed, ManagedNodeError, TimedOut } from "../ManagedNodeError.ts"

/** Sends frames; `false` if the connection no longer takes any. */
export interface Duplex {
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

export interface Link {
  /** A call that is given up by the first `expire` after its deadline, if it has one. */
  readonly call: (
    method: string,
    params: ReadonlyArray<unknown>,
    deadlineMs?: number
  ) => Effect.Effect<unknown, ManagedNodeError>
  readonly expire: (nowMs: number, afterMs: number) => void
  /** Opens the event subscription. */
  readonly subscribe: Effect.Effect<LiveItems, ManagedNodeError>
  readonly isOpen: () => boolean
  /** Why the connection is gone, once it is. */
  readonly closed: Deferred.Deferred<string>
  /** For the transport: a frame came in. */
  readonly onFrame: (frame: string) => void
  /** For the transport: the connection is gone. */
  readonly onClose: (why: string) => void
}

const failed = (method: string, reason: ManagedNodeError["reason"]) =>
  Effect.fail(new ManagedNodeError({ method, reason }))

/** The result of an answer, or its error in our words. */
export const fromAnswer = (method: string, error: RpcError): Effect.Effect<never, ManagedNodeError> =>
  failed(method, fromRpcError(method, error))

interface PendingCall {
  readonly method: string
  readonly deadlineMs: number
  /** Looked at before the next frame is. */
  readonly onResult: ((result: unknown) => void) | undefined
  readonly resume: (outcome: Effect.Effect<unknown, ManagedNodeError>) => void
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
      if (message._tag === "Failure") return call.resume(fromAnswer(call.method, message.error))
      call.onResult?.(message.result)
      call.resume(Effect.succeed(message.result))
    },
    expire: (nowMs: number, afterMs: number) => {
      for (const [id, { deadlineMs, method, resume }] of pending) {
        if (deadlineMs > nowMs) continue
        pending.delete(id)
        resume(failed(method, new TimedOut({ afterMs })))
      }
    },
    failAll: (why: string) => {
      for (const { method, resume } of pending.values()) resume(failed(method, new Disconnected({ why })))
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

/** `onGone` is called the moment the connection is gone, before anyone who waits hears of it. */
export const makeLink = (duplex: Duplex, itemLimit: number, onGone: () => void): Link => {
  const closed = Deferred.makeUnsafe<string>()
  const pending = makePendingCalls()
  const subscriptions = makeSubscriptions()
  let nextId = 1
  let gone: string | undefined

  const call = (
    method: string,
    params: ReadonlyArray<unknown>,
    deadlineMs = Number.POSITIVE_INFINITY,
    onResult?: PendingCall["onResult"]
  ) =>
    Effect.callback<unknown, ManagedNodeError>((resume) => {
      const id = nextId++
      if (gone !== undefined || !duplex.send(formatCall(id, method, params))) {
        return resume(failed(method, new Disconnected({ why: gone ?? "the connection is closing" })))
      }
      pending.add(id, { method, deadlineMs, onResult, resume })
      return Effect.sync(() => pending.remove(id))
    })
  const subscribe = Effect.gen(function* () {
    const subscription: Subscription = {
      queue: yield* Queue.dropping<unknown, Cause.Done>(itemLimit),
      overflowed: false
    }
    const id = yield* call(names.subscribe, [names.stream], undefined, (id) =>
      subscriptions.add(id, subscription)
    )
    if (typeof id !== "string")
      return yield* failed(names.subscribe, new Malformed({ why: "no subscription id" }))
    if (gone !== undefined) Queue.endUnsafe(subscription.queue)
    const release = Effect.sync(() => {
      subscriptions.remove(id)
      // Nobody waits for the answer; an id that nothing is pending for is ignored.
      if (gone === undefined) duplex.send(formatCall(nextId++, names.unsubscribe, [id]))
    })
    return { items: subscription.queue, overflowed: () => subscription.overflowed, release }
  })
  const onMessage = (message: Message) => {
    if (message._tag === "Success" || message._tag === "Failure") pending.settle(message)
    else if (message._tag === "Notification" && message.method === names.subscription)
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
