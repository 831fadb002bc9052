/**
 * Calls and events over a WebSocket that is dialled again whenever it breaks.
 */
import { Elapsed } from "@ephor/types"
import { Deferred, Duration, Effect, Latch, Metric, Semaphore, type Scope, SubscriptionRef } from "effect"
import { codes } from "@ephor/json-rpc/JsonRpc"
import { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import { type Link, makeLink } from "@ephor/json-rpc/Link"
import type { Connection } from "../ManagedNode.ts"
import type { Caller, Limits, Transport } from "../ManagedNodeClient.ts"
import { Disconnected, ManagedNodeError } from "../ManagedNodeError.ts"
import * as Metrics from "../Metrics.ts"
import { backoffMs } from "./Backoff.ts"
import { follow, poll, shared, type Sink } from "./Events.ts"
import { fromJsonRpc } from "./Failure.ts"

type Dial = Extract<Transport, { readonly _tag: "Socket" }>["dial"]

/** The connection that is open now, if there is one. */
interface Line {
  current: Link | undefined
  why: string
  readonly gate: Latch.Latch
  readonly connection: SubscriptionRef.SubscriptionRef<Connection>
}

/** Gives up calls whose time has run out. One look now and then for all of them is cheaper than a timer for each. */
const expire = (link: Link, limits: Limits) =>
  Effect.sleep(Math.min(250, limits.callTimeoutMs / 4)).pipe(
    Effect.andThen(Elapsed.ms),
    Effect.map((nowMs) => link.expire(nowMs, limits.callTimeoutMs)),
    Effect.forever
  )

/** Keeps a connection open for as long as the scope. The deferred tells about the first one. */
const keepConnected = Effect.fnUntraced(function* (
  dial: Dial,
  limits: Limits,
  line: Line,
  first: Deferred.Deferred<void, ManagedNodeError>
) {
  let failures = 0
  const hungUp = () => {
    line.current = undefined
    line.gate.closeUnsafe()
  }
  const session = Effect.scoped(
    Effect.gen(function* () {
      const link = yield* Effect.mapError(
        dial((duplex) => makeLink(duplex, limits.undelivered, hungUp)),
        (reason) => fromJsonRpc(new JsonRpcError({ endpoint: "", method: "connect", reason }))
      )
      if (!link.isOpen()) return yield* Deferred.await(link.closed)
      failures = 0
      line.current = link
      yield* Metric.update(Metrics.clientDials, 1)
      yield* line.gate.open
      yield* SubscriptionRef.set(line.connection, "Connected")
      yield* Deferred.succeed(first, undefined)
      yield* Effect.forkScoped(expire(link, limits))
      return yield* Deferred.await(link.closed)
    })
  )
  const lost = Effect.fnUntraced(function* (why: string) {
    line.why = why
    hungUp()
    if (SubscriptionRef.getUnsafe(line.connection) !== "Disconnected") {
      yield* SubscriptionRef.set(line.connection, "Disconnected")
    }
    yield* Effect.logWarning("no connection to the managed node", { why })
  })
  const onFailure = Effect.fnUntraced(function* (error: ManagedNodeError) {
    yield* lost(error.reason.message)
    const final = error.reason._tag === "Unauthorized" || failures + 1 >= limits.setupAttempts
    if (final) yield* Deferred.fail(first, error)
  })
  return yield* Effect.matchEffect(session, { onSuccess: lost, onFailure }).pipe(
    Effect.andThen(Effect.suspend(() => backoffMs(failures++, limits))),
    Effect.flatMap(Effect.sleep),
    Effect.forever
  )
})

const isUnsupported = ({ reason }: ManagedNodeError) =>
  reason._tag === "Unsupported" || (reason._tag === "Remote" && reason.code === codes.legacyUnsupported)

const callOn = (link: Link, method: string, params: ReadonlyArray<unknown>, deadlineMs?: number) =>
  Effect.mapError(link.call(method, params, deadlineMs), fromJsonRpc)

/** The open connection, waited for. */
const awaitLink = (line: Line): Effect.Effect<Link> =>
  Effect.suspend(() => {
    const { current } = line
    if (current === undefined) return Effect.andThen(line.gate.await, awaitLink(line))
    return current.isOpen()
      ? Effect.succeed(current)
      : Effect.andThen(Deferred.await(current.closed), awaitLink(line))
  })

/** Events of one connection after the other; a node without subscriptions is polled. */
const makeEvents = (line: Line, limits: Limits) =>
  Effect.fnUntraced(function* (sink: Sink) {
    let failures = 0
    const become = (from: Connection, to: Connection) =>
      Effect.suspend(() =>
        SubscriptionRef.getUnsafe(line.connection) === from
          ? SubscriptionRef.set(line.connection, to)
          : Effect.void
      )
    const counting: Sink = (events) => {
      failures = 0
      return Effect.andThen(events.length === 0 ? Effect.void : become("Silent", "Connected"), sink(events))
    }
    while (true) {
      const link = yield* awaitLink(line)
      const ending = yield* follow(link, counting, limits).pipe(
        Effect.catchIf(isUnsupported, () =>
          poll((method, params) => callOn(link, method, params), limits, counting)
        ),
        Effect.catch((error) =>
          Effect.succeed(error.reason._tag === "Disconnected" ? "Broken" : error.message)
        )
      )
      // A broken connection is dialled again by `keepConnected`, with its own pauses.
      if (ending === "Broken") {
        yield* Deferred.await(link.closed)
        continue
      }
      yield* become("Connected", "Silent")
      yield* Effect.logWarning("the event subscription ended and is opened again", { why: ending })
      // Nobody took it from us, so that there is nobody to leave time to.
      if (ending === "Silent") continue
      yield* Effect.sleep(yield* backoffMs(failures++, limits))
    }
  })

export const makeSocketCaller = Effect.fnUntraced(function* (
  dial: Dial,
  limits: Limits,
  requireConnection: boolean
): Effect.fn.Return<Caller, ManagedNodeError, Scope.Scope> {
  const connection = yield* SubscriptionRef.make<Connection>("Disconnected")
  const line: Line = { current: undefined, why: "not dialled yet", gate: yield* Latch.make(), connection }
  const first = yield* Deferred.make<void, ManagedNodeError>()
  yield* Effect.forkScoped(keepConnected(dial, limits, line, first))
  if (requireConnection) {
    yield* Effect.timeoutOrElse(Deferred.await(first), {
      duration: limits.setupTimeoutMs,
      orElse: () =>
        Effect.fail(new ManagedNodeError({ method: "connect", reason: new Disconnected({ why: line.why }) }))
    })
  }
  const turns = yield* Semaphore.make(limits.callsInFlight)
  const disconnected = (method: string) =>
    Effect.suspend(() =>
      Effect.fail(new ManagedNodeError({ method, reason: new Disconnected({ why: line.why }) }))
    )
  const invoke: Caller["invoke"] = (method, params) =>
    Effect.flatMap(Elapsed.ms, (nowMs) => {
      const deadlineMs = nowMs + limits.callTimeoutMs
      const { current } = line
      if (current?.isOpen() === true) return callOn(current, method, params, deadlineMs)
      const waited = Effect.timeoutOrElse(awaitLink(line), {
        duration: limits.callTimeoutMs,
        orElse: () => disconnected(method)
      })
      return Effect.flatMap(waited, (link) => callOn(link, method, params, deadlineMs))
    }).pipe(turns.withPermits(1), Effect.trackDuration(Metrics.clientDuration, Duration.toSeconds))
  return { invoke, connection, events: yield* shared(makeEvents(line, limits)) }
})
