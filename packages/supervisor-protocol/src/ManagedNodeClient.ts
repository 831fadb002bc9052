/**
 * A managed node at the far end of a connection, apart from sockets: calls, the event stream, and what happens when the
 * connection breaks. `NodeManagedNodeClient` dials.
 */
import { Effect, type Scope, SubscriptionRef } from "effect"
import type { Client } from "@ephor/json-rpc/JsonRpcClient"
import type { JsonRpcErrorReason } from "@ephor/json-rpc/JsonRpcError"
import type { Duplex, Link } from "@ephor/json-rpc/Link"
import { type BlockRef, CodecError } from "@ephor/types"
import { makeHttpCaller } from "./client/HttpCaller.ts"
import { makeSocketCaller } from "./client/SocketCaller.ts"
import { type Method, methods } from "./Interop.ts"
import type { Connection, Service } from "./ManagedNode.ts"
import { Malformed, ManagedNodeError, Unsupported } from "./ManagedNodeError.ts"

/** Bounds of a client. */
export interface Limits {
  /** Time for a call, waiting for a connection included, in milliseconds. */
  readonly callTimeoutMs: number
  /** Calls that wait for an answer; more wait for their turn. */
  readonly callsInFlight: number
  /** Events that were received and not taken yet; beyond it the subscription is dropped and opened anew. */
  readonly undelivered: number
  /** A subscription that tells nothing for so long is opened anew, in milliseconds: some nodes displace without a word. */
  readonly silenceMs: number
  /** Time for the first connection, in milliseconds. */
  readonly setupTimeoutMs: number
  /** Attempts at the first connection. */
  readonly setupAttempts: number
  /** First pause after a failure, in milliseconds; it doubles up to `backoffMaxMs`. */
  readonly backoffFirstMs: number
  readonly backoffMaxMs: number
  /** Random addition to a pause, in milliseconds. */
  readonly backoffJitterMs: number
  /** Pause between two polls that found nothing, in milliseconds. */
  readonly pollIntervalMs: number
  /** Time for one poll, in milliseconds. */
  readonly pollTimeoutMs: number
}

/** What op-supervisor has: 10 s for a call, 60 s and 10 attempts for the start, pauses from 1 to 10 s, 100 ms
 * polls. Of our own: 20 s of silence. */
export const defaults: Limits = {
  callTimeoutMs: 10_000,
  callsInFlight: 1024,
  undelivered: 20_000,
  silenceMs: 20_000,
  setupTimeoutMs: 60_000,
  setupAttempts: 10,
  backoffFirstMs: 1000,
  backoffMaxMs: 10_000,
  backoffJitterMs: 250,
  pollIntervalMs: 100,
  pollTimeoutMs: 2000
}

/** How frames get to the node. */
export type Transport =
  | {
      readonly _tag: "Socket"
      /** Connects with a fresh token; `attach` makes the link that frames are handed to. Closing the scope hangs up. */
      readonly dial: (
        attach: (duplex: Duplex) => Link
      ) => Effect.Effect<Link, JsonRpcErrorReason, Scope.Scope>
    }
  | {
      readonly _tag: "Http"
      /** A request with a fresh token for each call. */
      readonly call: Client["call"]
    }

/** How a client behaves. */
export interface Options {
  /**
   * Whether making the client waits for the first connection, and fails without one. Otherwise calls wait for it, and
   * `connection` tells. A refused token always fails the first attempt. Default: `true`.
   */
  readonly requireConnection?: boolean | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** What both ways to reach a node offer. */
export interface Caller {
  readonly invoke: (
    method: string,
    params: ReadonlyArray<unknown>
  ) => Effect.Effect<unknown, ManagedNodeError>
  readonly events: Service["events"]
  readonly connection: SubscriptionRef.SubscriptionRef<Connection>
}

const call = <Params extends ReadonlyArray<unknown>, Result>(
  caller: Caller,
  method: Method<Params, Result>,
  params: Params
): Effect.Effect<Result, ManagedNodeError> =>
  Effect.flatMap(
    caller.invoke(
      method.name,
      params.map((param, index) => method.params[index]!.encode(param))
    ),
    (result) => {
      try {
        return Effect.succeed(method.result.decode(result))
      } catch (error) {
        if (!(error instanceof CodecError)) throw error
        return Effect.fail(
          new ManagedNodeError({ method: method.name, reason: new Malformed({ why: error.message }) })
        )
      }
    }
  )

/** The age of a node shows in its answer to a method that is newer than June 2025; asked once per connection. */
const makeBlockRefByNumber = (caller: Caller): Service["blockRefByNumber"] => {
  let oldNode = false
  const newer: Method<[number], BlockRef> = {
    ...methods.blockRefByNumber,
    name: methods.l2BlockRefByNumber.name
  }
  const isUnsupported = ({ reason }: ManagedNodeError) => reason instanceof Unsupported
  return Effect.fnUntraced(function* (number) {
    if (oldNode) {
      return yield* Effect.catchIf(call(caller, methods.blockRefByNumber, [number]), isUnsupported, () => {
        oldNode = false
        return call(caller, newer, [number])
      })
    }
    return yield* Effect.catchIf(call(caller, newer, [number]), isUnsupported, () => {
      oldNode = true
      return call(caller, methods.blockRefByNumber, [number])
    })
  })
}

const makeService = (caller: Caller): Service => ({
  events: caller.events,
  connection: SubscriptionRef.changes(caller.connection),
  chainId: call(caller, methods.chainId, []),
  anchorPoint: call(caller, methods.anchorPoint, []),
  provideL1: (block) => call(caller, methods.provideL1, [block]),
  invalidateBlock: (block) => call(caller, methods.invalidateBlock, [block]),
  reset: ({ crossSafe, crossUnsafe, finalized, localSafe, localUnsafe }) =>
    call(caller, methods.reset, [localUnsafe, crossUnsafe, localSafe, crossSafe, finalized]),
  resetPreInterop: call(caller, methods.resetPreInterop, []),
  updateCrossUnsafe: (block) => call(caller, methods.updateCrossUnsafe, [block]),
  updateCrossSafe: (derived, source) => call(caller, methods.updateCrossSafe, [derived, source]),
  updateFinalized: (block) => call(caller, methods.updateFinalized, [block]),
  fetchReceipts: (block) => call(caller, methods.fetchReceipts, [block]),
  l2BlockRefByTimestamp: (timestamp) => call(caller, methods.l2BlockRefByTimestamp, [timestamp]),
  l2BlockRefByNumber: (number) => call(caller, methods.l2BlockRefByNumber, [number]),
  blockRefByNumber: makeBlockRefByNumber(caller),
  outputV0AtTimestamp: (timestamp) => call(caller, methods.outputV0AtTimestamp, [timestamp]),
  pendingOutputV0AtTimestamp: (timestamp) => call(caller, methods.pendingOutputV0AtTimestamp, [timestamp])
})

/** The service of a `ManagedNode` over a transport, until the scope closes. */
export const make = Effect.fnUntraced(function* (
  transport: Transport,
  options: Options = {}
): Effect.fn.Return<Service, ManagedNodeError, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const requireConnection = options.requireConnection ?? true
  const caller =
    transport._tag === "Socket"
      ? yield* makeSocketCaller(transport.dial, limits, requireConnection)
      : yield* makeHttpCaller(transport.call, limits, requireConnection)
  return makeService(caller)
})
