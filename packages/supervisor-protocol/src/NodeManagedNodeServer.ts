/**
 * A managed node on a port of its own: WebSocket and HTTP POST behind a token, and a health check in front of it.
 */
import { Effect, Layer } from "effect"
import type { Hosts } from "@ephor/json-rpc/Hosts"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type { Secret } from "@ephor/json-rpc/Jwt"
import * as NodeJsonRpcServer from "@ephor/json-rpc/NodeJsonRpcServer"
import type { ManagedNode } from "./ManagedNode.ts"
import { ListenFailed, ManagedNodeError } from "./ManagedNodeError.ts"
import * as ManagedNodeServer from "./ManagedNodeServer.ts"

/** Bounds of a server on a port. */
export interface Limits extends ManagedNodeServer.Limits, NodeJsonRpcServer.Limits {}

/** Those of the node and of its door. */
export const defaults: Limits = {
  ...NodeJsonRpcServer.defaults,
  ...ManagedNodeServer.defaults
}

/** Port of managed nodes unless configured otherwise. */
export const defaultPort = 9645

/** Where to listen, and the secret shared with the supervisor. */
export interface Options {
  readonly host: string
  /** 0 takes any free port: see the `port` of the service. */
  readonly port: number
  readonly jwtSecret: Secret
  /** Answer of the health check. */
  readonly version?: string | undefined
  /** Names that it answers to, and origins of pages that may ask. Default: localhost. */
  readonly hosts?: Partial<Hosts> | undefined
  readonly limits?: Partial<Limits> | undefined
}

const listenFailed = ({ message, reason }: JsonRpcError) =>
  new ManagedNodeError({
    method: "listen",
    reason:
      reason._tag === "ListenFailed"
        ? new ListenFailed({ host: reason.host, port: reason.port, why: reason.why })
        : new ListenFailed({ host: "", port: 0, why: message })
  })

/** Opens the port and serves the `ManagedNode` until the scope closes. */
export const make = Effect.fnUntraced(function* ({
  host,
  hosts,
  jwtSecret,
  port,
  version,
  ...options
}: Options) {
  const limits: Limits = { ...defaults, ...options.limits }
  const { dispatch, open } = yield* ManagedNodeServer.make({ version, limits })
  const address = yield* NodeJsonRpcServer.make({
    name: "managed node server",
    host,
    port,
    hosts,
    jwtSecret,
    version,
    limits,
    modules: ["interop"],
    dispatch: () => dispatch,
    open
  }).pipe(Effect.mapError(listenFailed))
  return ManagedNodeServer.ManagedNodeServer.of({
    host,
    port: address.port,
    url: `ws://${address.authority}`
  })
})

/** A managed node on a port. */
export const layer = (
  options: Options
): Layer.Layer<ManagedNodeServer.ManagedNodeServer, ManagedNodeError, ManagedNode> =>
  Layer.effect(ManagedNodeServer.ManagedNodeServer, make(options))
