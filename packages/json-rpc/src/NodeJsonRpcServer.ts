/**
 * JSON-RPC behind a door: by POST at `/`, and over WebSockets where there are sessions. One server for every program:
 * what differs is the methods and who may call them.
 */
import { Effect, Metric, type Scope } from "effect"
import {
  type Address,
  type Authorize,
  defaults as doorDefaults,
  type Limits as DoorLimits,
  type Options as DoorOptions,
  type Reply,
  type Request,
  type Route,
  text
} from "./Door.ts"
import { serveSocket, type SocketLimits } from "./door/NodeServerSocket.ts"
import { errors } from "./JsonRpc.ts"
import type { JsonRpcError } from "./JsonRpcError.ts"
import * as JsonRpcServer from "./JsonRpcServer.ts"
import * as Jwt from "./Jwt.ts"
import * as Metrics from "./Metrics.ts"
import * as NodeDoor from "./NodeDoor.ts"

/** Bounds of a server. */
export interface Limits extends DoorLimits, SocketLimits, JsonRpcServer.Limits {
  /** Bytes of a WebSocket message. */
  readonly messageBytes: number
  /** Time for one call of a request over HTTP, in milliseconds; a longer one is answered with an error. */
  readonly callTimeoutMs: number
}

/** What op-node and go-ethereum have, where they have a limit: 32 MiB, 30 s, 30 s, 30 s, 10 s. */
export const defaults: Limits = {
  ...doorDefaults,
  ...JsonRpcServer.defaults,
  messageBytes: 32 * 1024 * 1024,
  callTimeoutMs: 30_000,
  unreadBytes: 64 * 1024 * 1024,
  callsInFlight: 64,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 30_000,
  writeTimeoutMs: 10_000
}

/** A JSON-RPC server on a port. */
export interface Options extends Omit<DoorOptions, "limits"> {
  /** What a caller over HTTP can have carried out; the headers are those of its request. */
  readonly dispatch: (headers: Request["headers"]) => JsonRpcServer.Dispatch
  /** Opens a session for a WebSocket; without it there are no WebSockets. */
  readonly open?: JsonRpcServer.Open | undefined
  /** With a secret every request but the health check, and every WebSocket, needs a token. */
  readonly jwtSecret?: Jwt.Secret | undefined
  /** Name spaces that `rpc_modules` tells, beside `rpc` and `health`. */
  readonly modules: ReadonlyArray<string>
  /** Answer of `/healthz` and `health_status`. */
  readonly version?: string | undefined
  /** Further routes. */
  readonly routes?: ReadonlyArray<Route> | undefined
  readonly limits?: Partial<Limits> | undefined
}

const contentTypes = new Set(["application/json", "application/json-rpc", "application/jsonrequest"])

const wrongType = text(415, "invalid content type, only application/json is supported")

const withToken =
  (secret: Jwt.Secret): Authorize =>
  (headers) =>
    Effect.flatMap(Jwt.refusalNow(secret, headers["authorization"]), (why) =>
      why === undefined ? Effect.undefined : Effect.as(Metric.update(Metrics.unauthorized, 1), text(401, why))
    )

const jsonReply = (body: string): Reply => ({
  status: 200,
  headers: { "Content-Type": "application/json" },
  body
})

/** Opens the port and serves until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Address, JsonRpcError, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const { jwtSecret, modules, open, version = JsonRpcServer.defaultVersion } = options
  const inTime =
    (dispatch: JsonRpcServer.Dispatch): JsonRpcServer.Dispatch =>
    (method, params) =>
      Effect.timeoutOrElse(dispatch(method, params), {
        duration: limits.callTimeoutMs,
        orElse: () => Effect.fail(errors.timedOut)
      })
  const post: Route = {
    method: "POST",
    path: "/",
    handle: Effect.fnUntraced(function* ({ headers, text: body }) {
      const [type = ""] = (headers["content-type"] ?? "").split(";", 1)
      if (!contentTypes.has(type.trim().toLowerCase())) return wrongType
      const dispatch = JsonRpcServer.withCommon(modules, version, inTime(options.dispatch(headers)))
      const { text = "" } = yield* JsonRpcServer.answer(yield* body, dispatch, limits)
      return jsonReply(text)
    })
  }
  const get: Route = { method: "GET", path: "/", handle: () => Effect.succeed({ status: 200 }) }
  const address = yield* NodeDoor.make({
    ...options,
    limits,
    routes: [
      post,
      get,
      NodeDoor.healthz(version),
      NodeDoor.healthz(version, "/healthz/"),
      ...(options.routes ?? [])
    ],
    authorize: jwtSecret === undefined ? undefined : withToken(jwtSecret),
    sockets:
      open === undefined
        ? undefined
        : {
            paths: ["/", "/ws", "/ws/"],
            messageBytes: limits.messageBytes,
            serve: (socket, run) => serveSocket(socket, open, limits, run)
          }
  })
  yield* Effect.logInfo(`${options.name} bound to address`, { host: address.host, port: address.port })
  return address
})
