/**
 * Dials managed nodes: `ws(s)://` for subscriptions, `http(s)://` for polling, with a fresh token each time.
 */
import { Effect, Layer, Result, type Scope } from "effect"
import { from, type Input } from "@ephor/json-rpc/Endpoint"
import * as Jwt from "@ephor/json-rpc/Jwt"
import * as NodeJsonRpcClient from "@ephor/json-rpc/NodeJsonRpcClient"
import * as NodeSocket from "@ephor/json-rpc/NodeSocket"
import { ManagedNode, type Service } from "./ManagedNode.ts"
import * as ManagedNodeClient from "./ManagedNodeClient.ts"
import { ManagedNodeError, Refused } from "./ManagedNodeError.ts"

/** Bounds of a client that dials. */
export interface Limits extends ManagedNodeClient.Limits, NodeSocket.Limits {}

/** Those of calls and of sockets. */
export const defaults: Limits = {
  ...ManagedNodeClient.defaults,
  ...NodeSocket.defaults
}

/** Which node, and the secret shared with it. */
export interface Options extends Omit<ManagedNodeClient.Options, "limits"> {
  /** `ws://`, `wss://`, `http://` or `https://`; used as it is, no path is added. */
  readonly url: Input
  readonly jwtSecret: Jwt.Secret
  readonly limits?: Partial<Limits> | undefined
}

const accepted = ["ws:", "wss:", "http:", "https:"]

/** The service of the node at a URL, until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, ManagedNodeError, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const found = from(options.url, accepted)
  if (Result.isFailure(found)) {
    const reason = new Refused({ text: `the URL of the node is wrong: ${found.failure.message}` })
    return yield* new ManagedNodeError({ method: "connect", reason })
  }
  const endpoint = found.success
  const { jwtSecret } = options
  const transport: ManagedNodeClient.Transport = endpoint.isSocket
    ? {
        _tag: "Socket",
        dial: (attach) => NodeSocket.dial(endpoint, Jwt.headers(jwtSecret), limits, attach)
      }
    : {
        _tag: "Http",
        call: (yield* Effect.orDie(
          NodeJsonRpcClient.make({
            url: endpoint,
            jwtSecret,
            limits: { ...limits, answerBytes: limits.messageBytes }
          })
        )).call
      }
  return yield* ManagedNodeClient.make(transport, { ...options, limits })
})

/** The node at a URL. */
export const layer = (options: Options): Layer.Layer<ManagedNode, ManagedNodeError> =>
  Layer.effect(ManagedNode, make(options))
