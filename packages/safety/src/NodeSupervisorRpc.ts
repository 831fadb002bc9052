/**
 * The supervisor's public methods on a port: JSON-RPC by HTTP POST at `/`, and a health check.
 */
import { createServer } from "node:http"
import { NodeHttpServer } from "@effect/platform-node"
import { ByteSize, Context, Effect, Layer } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { errors } from "@ephor/supervisor-protocol/JsonRpc"
import * as JsonRpcServer from "@ephor/supervisor-protocol/JsonRpcServer"
import { Supervisor } from "./Supervisor.ts"
import { ListenFailed, SupervisorError } from "./SupervisorError.ts"
import * as SupervisorRpc from "./SupervisorRpc.ts"

/** Bounds of the server. */
export interface Limits extends JsonRpcServer.Limits {
  /** Bytes of a request. */
  readonly bodyBytes: number
  /** Time for one call; a longer one is answered with an error. */
  readonly callTimeoutMs: number
}

/** go-ethereum's batch limits, 5 MiB, 30 s. */
export const defaults: Limits = {
  ...JsonRpcServer.defaults,
  bodyBytes: 5 * 1024 * 1024,
  callTimeoutMs: 30_000
}

/** Port of supervisors unless configured otherwise. */
export const defaultPort = 8545

/** Where to listen. */
export interface Options {
  /** Default `127.0.0.1`: the methods have no authentication. */
  readonly host?: string | undefined
  /** Default 8545; 0 takes any free port, see the service's `url`. */
  readonly port?: number | undefined
  /** Answer of the health check. */
  readonly version?: string | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** A running server. */
export class NodeSupervisorRpc extends Context.Service<
  NodeSupervisorRpc,
  { readonly url: string; readonly port: number }
>()("@ephor/safety/NodeSupervisorRpc") {}

const contentTypes = new Set(["application/json", "application/json-rpc", "application/jsonrequest"])

const jsonText = (text: string) => HttpServerResponse.text(text, { contentType: "application/json" })

const routes = ({ limits: overrides, version = "v0.0.0" }: Options) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const supervisor = yield* Supervisor
      const limits: Limits = { ...defaults, ...overrides }
      const dispatch = SupervisorRpc.dispatch(supervisor)
      const inTime: JsonRpcServer.Dispatch = (method, params) =>
        Effect.timeoutOrElse(dispatch(method, params), {
          duration: limits.callTimeoutMs,
          orElse: () => Effect.fail(errors.timedOut)
        })
      const post = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1)
        if (!contentTypes.has(type.trim().toLowerCase())) {
          return HttpServerResponse.text("invalid content type, only application/json is supported\n", {
            status: 415
          })
        }
        const { text = "" } = yield* JsonRpcServer.answer(yield* request.text, inTime, limits)
        return jsonText(text)
      }).pipe(
        Effect.catchTag("HttpServerError", () =>
          Effect.succeed(
            HttpServerResponse.text("the request body cannot be read, or is too large\n", { status: 413 })
          )
        ),
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(limits.bodyBytes))
      )
      yield* router.add("POST", "/", post)
      yield* router.add("GET", "/healthz", jsonText(`${JSON.stringify({ version })}\n`))
    })
  )

/** Serves the `Supervisor` over HTTP; ends with the scope. */
export const layer = (options: Options = {}): Layer.Layer<NodeSupervisorRpc, SupervisorError, Supervisor> => {
  const host = options.host ?? "127.0.0.1"
  const port = options.port ?? defaultPort
  const service = Layer.effect(
    NodeSupervisorRpc,
    Effect.map(HttpServer.HttpServer, ({ address }) => {
      const bound = address._tag === "UnixPathAddress" ? port : address.port
      return NodeSupervisorRpc.of({
        url: `http://${host.includes(":") ? `[${host}]` : host}:${bound}`,
        port: bound
      })
    })
  )
  const server = NodeHttpServer.layer(() => createServer(), { host, port }).pipe(
    Layer.catchTag("ServeError", (error) =>
      Layer.effectContext(
        Effect.fail(
          new SupervisorError({
            method: "listen",
            reason: new ListenFailed({ host, port, cause: error.cause })
          })
        )
      )
    )
  )
  return Layer.merge(
    HttpRouter.serve(routes(options), { disableLogger: true, disableListenLog: true }),
    service
  ).pipe(Layer.provide(server))
}
