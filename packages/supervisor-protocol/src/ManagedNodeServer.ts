/**
 * A managed node as a server, apart from sockets: calls are dispatched to the `ManagedNode`, its events go to the one
 * live subscription or wait in the queue. `NodeManagedNodeServer` puts it on a port.
 */
import { Context, Effect, type Scope, Stream } from "effect"
import { errors, positional, type RpcError } from "@ephor/json-rpc/JsonRpc"
import * as JsonRpcServer from "@ephor/json-rpc/JsonRpcServer"
import { CodecError } from "@ephor/types"
import { type EventHub, makeEventHub } from "./server/EventHub.ts"
import { type Method, methods, names, toRpcError } from "./Interop.ts"
import * as ManagedEvent from "./ManagedEvent.ts"
import { ManagedNode, type Service } from "./ManagedNode.ts"
import type { ManagedNodeError } from "./ManagedNodeError.ts"

/** Bounds of a server, whatever its transport. */
export interface Limits extends JsonRpcServer.Limits {
  /** Events that wait to be pulled; the oldest are dropped. */
  readonly eventQueue: number
  /** How long repetitions of an event are held back. */
  readonly dedup: ManagedEvent.DedupLimits
  /** Pause before a failed event stream of the node is run again, in milliseconds. */
  readonly eventRetryMs: number
}

/** 100 events as op-node has it, go-ethereum's batch limits, one second between retries. */
export const defaults: Limits = {
  ...JsonRpcServer.defaults,
  eventQueue: 100,
  dedup: ManagedEvent.dedupDefaults,
  eventRetryMs: 1000
}

/** A server without a port. */
export interface Server {
  /** Opens a session of a connection. */
  readonly open: JsonRpcServer.Open
  /** Carries out calls of a caller that cannot be notified (HTTP). */
  readonly dispatch: JsonRpcServer.Dispatch
  /** The same for a frame. */
  readonly answer: (frame: string) => Effect.Effect<JsonRpcServer.Answer>
}

/** Where a server can be reached. */
export interface Address {
  readonly host: string
  /** The port that was bound, also if port 0 was asked for. */
  readonly port: number
  /** URL for clients that subscribe. */
  readonly url: string
}

/** A managed node server that is listening. */
export class ManagedNodeServer extends Context.Service<ManagedNodeServer, Address>()(
  "@ephor/supervisor-protocol/ManagedNodeServer"
) {}

/** Carries out one row of the table. */
const run = <Params extends ReadonlyArray<unknown>, Result>(
  node: Service,
  method: Method<Params, Result>,
  params: unknown
): Effect.Effect<unknown, RpcError> => {
  const count = method.params.length
  const parsed = positional(params, count, count)
  if ("error" in parsed) return Effect.fail(parsed.error)
  const args: Array<unknown> = []
  for (let index = 0; index < count; index++) {
    try {
      args.push(method.params[index]!.decode(parsed.args[index]))
    } catch (error) {
      if (error instanceof CodecError) return Effect.fail(errors.invalidArgument(index, error.message))
      throw error
    }
  }
  // The decoders of the row made the arguments, so that they are what the row's call takes.
  const call = method.call as (
    node: Service,
    ...args: ReadonlyArray<unknown>
  ) => Effect.Effect<Result, ManagedNodeError>
  return Effect.mapBoth(call(node, ...args), { onSuccess: method.result.encode, onFailure: toRpcError })
}

const table = new Map<string, Method<any, any>>(Object.values(methods).map((method) => [method.name, method]))

const withoutParams = <A>(
  params: unknown,
  effect: Effect.Effect<A, RpcError>
): Effect.Effect<A, RpcError> => {
  const parsed = positional(params, 0, 0)
  return "error" in parsed ? Effect.fail(parsed.error) : effect
}

/** Everything that needs no connection. */
const makeDispatch = (node: Service, hub: EventHub, version: string): JsonRpcServer.Dispatch =>
  JsonRpcServer.withCommon([names.namespace], version, (name, params) => {
    const method = table.get(name)
    if (method !== undefined) return run(node, method, params)
    if (name === names.pullEvent) return withoutParams(params, hub.pull)
    if (name.endsWith("_subscribe")) return Effect.fail(errors.notificationsUnsupported)
    return Effect.fail(errors.methodNotFound(name))
  })

const makeOpen =
  (hub: EventHub, dispatch: JsonRpcServer.Dispatch, limits: Limits): JsonRpcServer.Open =>
  (send) => {
    const own = new Set<string>()
    const unsubscribe = (params: unknown) => {
      const parsed = positional(params, 1, 1)
      if ("error" in parsed) return Effect.fail(parsed.error)
      const [id] = parsed.args
      if (typeof id !== "string")
        return Effect.fail(errors.invalidArgument(0, "expected the id of a subscription"))
      if (!own.delete(id)) return Effect.fail(errors.subscriptionNotFound)
      hub.unsubscribe(id)
      return Effect.succeed(true)
    }
    const receive = (frame: string) => {
      const opened: Array<string> = []
      const dispatchHere: JsonRpcServer.Dispatch = (name, params) => {
        if (name.endsWith("_unsubscribe")) return Effect.suspend(() => unsubscribe(params))
        if (!name.endsWith("_subscribe")) return dispatch(name, params)
        return Effect.map(hub.subscribe(name, params, send), (id) => {
          own.add(id)
          opened.push(id)
          return id
        })
      }
      return Effect.map(JsonRpcServer.answer(frame, dispatchHere, limits), ({ fatal, text }) => {
        const sent = text === undefined || send(text)
        opened.forEach(hub.release)
        return sent && !fatal
      })
    }
    return { receive, close: () => own.forEach(hub.unsubscribe) }
  }

/** Serves the `ManagedNode`: one of these per node, however many connections there are. */
export const make = Effect.fnUntraced(function* (
  options: { readonly version?: string | undefined; readonly limits?: Partial<Limits> | undefined } = {}
): Effect.fn.Return<Server, never, ManagedNode | Scope.Scope> {
  const node = yield* ManagedNode
  const limits: Limits = { ...defaults, ...options.limits }
  const hub = makeEventHub(limits)
  const confirming: Service = {
    ...node,
    reset: (heads) => Effect.andThen(node.reset(heads), hub.confirmReset),
    resetPreInterop: Effect.andThen(node.resetPreInterop, hub.confirmReset)
  }
  const dispatch = makeDispatch(confirming, hub, options.version ?? JsonRpcServer.defaultVersion)
  yield* node.events.pipe(
    Stream.runForEach(hub.deliver),
    Effect.catch((error) =>
      Effect.logWarning("the node's event stream failed and is run again", error.message)
    ),
    Effect.andThen(Effect.sleep(limits.eventRetryMs)),
    Effect.forever,
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    open: makeOpen(hub, dispatch, limits),
    dispatch,
    answer: (frame) => JsonRpcServer.answer(frame, dispatch, limits)
  }
})
