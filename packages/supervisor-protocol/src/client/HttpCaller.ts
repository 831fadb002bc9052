/**
 * Calls over HTTP, and events by polling.
 */
import { Duration, Effect, Semaphore, type Scope, SubscriptionRef } from "effect"
import { methods } from "../Interop.ts"
import type { Connection } from "../ManagedNode.ts"
import type { Caller, Limits, Transport } from "../ManagedNodeClient.ts"
import { Disconnected, ManagedNodeError, TimedOut } from "../ManagedNodeError.ts"
import * as Metrics from "../Metrics.ts"
import { backoffMs } from "./Backoff.ts"
import { poll, shared, type Sink } from "./Events.ts"
import { fromJsonRpc } from "./Failure.ts"

type Call = Extract<Transport, { readonly _tag: "Http" }>["call"]

const isDisconnected = ({ reason }: ManagedNodeError) => reason._tag === "Disconnected"

export const makeHttpCaller = Effect.fnUntraced(function* (
  call: Call,
  limits: Limits,
  requireConnection: boolean
): Effect.fn.Return<Caller, ManagedNodeError, Scope.Scope> {
  const connection = yield* SubscriptionRef.make<Connection>("Disconnected")
  const become = (state: Connection) =>
    Effect.suspend(() =>
      SubscriptionRef.getUnsafe(connection) === state ? Effect.void : SubscriptionRef.set(connection, state)
    )
  // Any answer, be it an error, shows that the node is there.
  const watched: Caller["invoke"] = (method, params) =>
    call(method, ...params).pipe(
      Effect.mapError(fromJsonRpc),
      Effect.tap(become("Connected")),
      Effect.tapError((error) => become(isDisconnected(error) ? "Disconnected" : "Connected"))
    )
  const turns = yield* Semaphore.make(limits.callsInFlight)
  const invoke: Caller["invoke"] = (method, params) =>
    Effect.suspend(() => {
      let last: ManagedNodeError["reason"] = new TimedOut({ afterMs: limits.callTimeoutMs })
      const attempt = Effect.tapError(watched(method, params), (error) =>
        Effect.sync(() => {
          last = error.reason
        })
      )
      const patient = Effect.retry(attempt, {
        while: (error) => isDisconnected(error) && Effect.as(Effect.sleep(limits.pollIntervalMs), true)
      })
      return Effect.timeoutOrElse(turns.withPermits(1)(patient), {
        duration: limits.callTimeoutMs,
        orElse: () => Effect.fail(new ManagedNodeError({ method, reason: last }))
      })
    }).pipe(Effect.trackDuration(Metrics.clientDuration, Duration.toSeconds))
  const produce = Effect.fnUntraced(function* (sink: Sink) {
    let failures = 0
    const counting: Sink = (events) => {
      failures = 0
      return sink(events)
    }
    while (true) {
      const error = yield* Effect.flip(poll(watched, limits, counting))
      yield* Effect.logWarning("polling for events failed and is tried again", { why: error.message })
      yield* Effect.sleep(yield* backoffMs(failures++, limits))
    }
  })
  if (requireConnection) {
    yield* firstContact(watched(methods.chainId.name, []), limits)
  }
  return { invoke, connection, events: yield* shared(produce) }
})

/** The first call decides whether the node can be reached; a refused token is not tried again. */
const firstContact = Effect.fnUntraced(function* (
  attempt: Effect.Effect<unknown, ManagedNodeError>,
  limits: Limits
) {
  let failures = 0
  let last: ManagedNodeError["reason"] = new Disconnected({
    why: `no answer within ${limits.setupTimeoutMs} ms`
  })
  const retrying = Effect.retry(attempt, {
    times: limits.setupAttempts - 1,
    while: (error) => {
      last = error.reason
      if (!isDisconnected(error)) return false
      return Effect.as(Effect.flatMap(backoffMs(failures++, limits), Effect.sleep), true)
    }
  })
  yield* Effect.timeoutOrElse(retrying, {
    duration: limits.setupTimeoutMs,
    orElse: () => Effect.fail(new ManagedNodeError({ method: "connect", reason: last }))
  })
})
