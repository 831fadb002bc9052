/**
 * The supervisor's methods on a port: JSON-RPC by HTTP POST at `/`, the safety databases as files, and a health check.
 */
import { createServer } from "node:http"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { ByteSize, Clock, Context, Effect, Layer, Metric, type Redacted, Result } from "effect"
import {
  HttpIncomingMessage,
  HttpRouter,
  HttpServer,
  HttpServerRequest,
  HttpServerResponse
} from "effect/http"
import { codes, errors } from "@ephor/supervisor-protocol/JsonRpc"
import * as JsonRpcServer from "@ephor/supervisor-protocol/JsonRpcServer"
import { refusal } from "@ephor/supervisor-protocol/Jwt"
import { hmac } from "@ephor/supervisor-protocol/NodeJwt"
import * as AdminRpc from "./AdminRpc.ts"
import * as DbFile from "./DbFile.ts"
import * as Metrics from "./Metrics.ts"
import { type Service, Supervisor } from "./Supervisor.ts"
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

/** Who may call `admin_*`. */
export interface AdminOptions {
  /**
   * The secret that callers sign a token with, as on the Engine API. Without one everybody may call, which is for a port
   * that nobody else can reach.
   */
  readonly jwtSecret: Redacted.Redacted<Uint8Array> | undefined
}

/** Where to listen. */
export interface Options {
  /** Default `127.0.0.1`: the methods have no authentication. */
  readonly host?: string | undefined
  /** Default 8545; 0 takes any free port, see the service's `url`. */
  readonly port?: number | undefined
  /** Answer of the health check. */
  readonly version?: string | undefined
  /** Serves `admin_*`. Default: these methods do not exist. */
  readonly admin?: AdminOptions | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** A running server. */
export class NodeSupervisorRpc extends Context.Service<
  NodeSupervisorRpc,
  { readonly url: string; readonly port: number }
>()("@ephor/safety/NodeSupervisorRpc") {}

const contentTypes = new Set(["application/json", "application/json-rpc", "application/jsonrequest"])

/** The public methods, and those of operators for whoever has shown a good token. */
const dispatches = (supervisor: Service, admin: AdminOptions | undefined, limits: Limits) => {
  const open = SupervisorRpc.dispatch(supervisor)
  const guarded = AdminRpc.dispatch(supervisor)
  const sign = admin?.jwtSecret === undefined ? undefined : hmac(admin.jwtSecret)
  const guard = Effect.fnUntraced(function* (method: string, params: unknown, authorization?: string) {
    if (admin === undefined) return yield* Effect.fail(errors.methodNotFound(method))
    const now = (yield* Clock.currentTimeMillis) / 1000
    const why = sign === undefined ? undefined : refusal(sign, authorization, now)
    if (why === undefined) return yield* guarded(method, params)
    yield* Metric.update(Metrics.unauthorized, 1)
    const message = `unauthorized: ${why}; sign a token as on the Engine API`
    return yield* Effect.fail({ code: codes.default, message })
  })
  return (authorization: string | undefined): JsonRpcServer.Dispatch =>
    (method, params) =>
      Effect.timeoutOrElse(
        method.startsWith("admin_") ? guard(method, params, authorization) : open(method, params),
        { duration: limits.callTimeoutMs, orElse: () => Effect.fail(errors.timedOut) }
      )
}

const databases = { local_safe: "local", cross_safe: "cross" } as const

/** The part of a file that a `Range` header asks for; the whole one for a header that is none of one range. */
const slice = (bytes: Uint8Array, header: string | undefined) => {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(header ?? "") ?? []
  if (first === "" && last === "") return { status: 200, bytes }
  const start = first === "" ? Math.max(0, bytes.length - Number(last)) : Number(first)
  const end = first === "" || last === "" ? bytes.length : Math.min(bytes.length, Number(last) + 1)
  return start < end
    ? { status: 206, bytes: bytes.subarray(start, end), range: `bytes ${start}-${end - 1}/${bytes.length}` }
    : { status: 416, bytes: new Uint8Array(0), range: `bytes */${bytes.length}` }
}

/** `GET /dbsync/CHAIN/local_safe` or `cross_safe`: the database as op-supervisor's file of that name. */
const dbSync = Effect.fnUntraced(function* (supervisor: Service) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const { chain = "", file = "" } = yield* HttpRouter.params
  if (!(file in databases) || !/^\d{1,78}$/.test(chain)) {
    return HttpServerResponse.text("expected /dbsync/CHAIN/local_safe or /dbsync/CHAIN/cross_safe\n", {
      status: 400
    })
  }
  const found = yield* Effect.result(supervisor.derivations(chain))
  if (Result.isFailure(found)) return HttpServerResponse.text(`${found.failure.message}\n`, { status: 404 })
  const whole = DbFile.encode(found.success[databases[file as keyof typeof databases]])
  const { bytes, range, status } = slice(whole, request.headers["range"])
  return HttpServerResponse.uint8Array(bytes, {
    status,
    contentType: "application/octet-stream",
    headers: { "accept-ranges": "bytes", ...(range === undefined ? {} : { "content-range": range }) }
  })
})

const jsonText = (text: string) => HttpServerResponse.text(text, { contentType: "application/json" })

const routes = ({ admin, limits: overrides, version = "v0.0.0" }: Options) =>
  HttpRouter.use(
    Effect.fnUntraced(function* (router) {
      const supervisor = yield* Supervisor
      const limits: Limits = { ...defaults, ...overrides }
      const dispatchFor = dispatches(supervisor, admin, limits)
      const post = Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1)
        if (!contentTypes.has(type.trim().toLowerCase())) {
          return HttpServerResponse.text("invalid content type, only application/json is supported\n", {
            status: 415
          })
        }
        const dispatch = dispatchFor(request.headers["authorization"])
        const { text = "" } = yield* JsonRpcServer.answer(yield* request.text, dispatch, limits)
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
      yield* router.add("GET", "/dbsync/:chain/:file", dbSync(supervisor))
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
