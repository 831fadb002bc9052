/**
 * The supervisor's methods on a port: JSON-RPC by HTTP POST at `/`, the safety databases as files, and a health check.
 */
import { Context, Effect, Layer, Metric, type Redacted, Result } from "effect"
import { type Reply, type Route, text } from "@ephor/json-rpc/Door"
import { anyone, type Hosts } from "@ephor/json-rpc/Hosts"
import { codes, errors } from "@ephor/json-rpc/JsonRpc"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type * as JsonRpcServer from "@ephor/json-rpc/JsonRpcServer"
import * as Jwt from "@ephor/json-rpc/Jwt"
import * as NodeJsonRpcServer from "@ephor/json-rpc/NodeJsonRpcServer"
import * as AdminRpc from "./AdminRpc.ts"
import * as DbFile from "./DbFile.ts"
import * as Metrics from "./Metrics.ts"
import { type Service, Supervisor } from "./Supervisor.ts"
import { ListenFailed, SupervisorError } from "./SupervisorError.ts"
import * as SupervisorRpc from "./SupervisorRpc.ts"

/** Bounds of the server. */
export type Limits = NodeJsonRpcServer.Limits

/** Those of every JSON-RPC server. */
export const defaults: Limits = NodeJsonRpcServer.defaults

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
export interface Options extends SupervisorRpc.Forms {
  /** Default `127.0.0.1`: the methods have no authentication. */
  readonly host?: string | undefined
  /** Default 8545; 0 takes any free port, see the service's `url`. */
  readonly port?: number | undefined
  /** Answer of the health check. */
  readonly version?: string | undefined
  /**
   * Names that it answers to, and origins of pages that may ask. Default: any, as op-supervisor has it; who may call
   * `admin_*` is decided by a token.
   */
  readonly hosts?: Partial<Hosts> | undefined
  /** Serves `admin_*`. Default: these methods do not exist. */
  readonly admin?: AdminOptions | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** A running server. */
export class NodeSupervisorRpc extends Context.Service<
  NodeSupervisorRpc,
  { readonly url: string; readonly port: number }
>()("@ephor/safety/NodeSupervisorRpc") {}

/** Name spaces of the public methods. */
const modules = [...new Set(SupervisorRpc.methodNames.map((name) => name.slice(0, name.indexOf("_"))))].sort()

/** The public methods, and those of operators for whoever has shown a good token. */
const dispatches = (supervisor: Service, { admin, flatSuperRoots }: Options) => {
  const open = SupervisorRpc.dispatch(supervisor, { flatSuperRoots })
  const guarded = AdminRpc.dispatch(supervisor)
  const guard = Effect.fnUntraced(function* (method: string, params: unknown, authorization?: string) {
    if (admin === undefined) return yield* Effect.fail(errors.methodNotFound(method))
    const secret = admin.jwtSecret
    const why = secret === undefined ? undefined : yield* Jwt.refusalNow(secret, authorization)
    if (why === undefined) return yield* guarded(method, params)
    yield* Metric.update(Metrics.unauthorized, 1)
    const message = `unauthorized: ${why}; sign a token as on the Engine API`
    return yield* Effect.fail({ code: codes.default, message })
  })
  return (authorization: string | undefined): JsonRpcServer.Dispatch =>
    (method, params) =>
      method.startsWith("admin_") ? guard(method, params, authorization) : open(method, params)
}

const databases = new Map<string, "local" | "cross">([
  ["local_safe", "local"],
  ["cross_safe", "cross"]
])

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

const dbSyncPath = "/dbsync/"

/** `GET /dbsync/CHAIN/local_safe` or `cross_safe`: the database as op-supervisor's file of that name. */
const dbSync = (supervisor: Service): Route => ({
  method: "GET",
  path: `${dbSyncPath}*`,
  handle: Effect.fnUntraced(function* ({ headers, path }) {
    const [chain = "", file = "", more] = path.slice(dbSyncPath.length).split("/")
    const database = databases.get(file)
    if (database === undefined || more !== undefined || !/^\d{1,78}$/.test(chain)) {
      return text(400, "expected /dbsync/CHAIN/local_safe or /dbsync/CHAIN/cross_safe")
    }
    const found = yield* Effect.result(supervisor.derivations(chain))
    if (Result.isFailure(found)) return text(404, found.failure.message)
    const { bytes, range, status } = slice(DbFile.encode(found.success[database]), headers["range"])
    const reply: Reply = {
      status,
      headers: {
        "Content-Type": "application/octet-stream",
        "Accept-Ranges": "bytes",
        ...(range === undefined ? {} : { "Content-Range": range })
      },
      body: bytes
    }
    return reply
  })
})

const listenFailed = ({ message, reason }: JsonRpcError) =>
  new SupervisorError({
    method: "listen",
    reason:
      reason._tag === "ListenFailed"
        ? new ListenFailed({ host: reason.host, port: reason.port, cause: reason.why })
        : new ListenFailed({ host: "", port: 0, cause: message })
  })

/** Serves the `Supervisor` over HTTP; ends with the scope. */
export const layer = (options: Options = {}): Layer.Layer<NodeSupervisorRpc, SupervisorError, Supervisor> =>
  Layer.effect(
    NodeSupervisorRpc,
    Effect.gen(function* () {
      const supervisor = yield* Supervisor
      const dispatchFor = dispatches(supervisor, options)
      const { authority, port } = yield* NodeJsonRpcServer.make({
        name: "supervisor RPC",
        host: options.host,
        port: options.port ?? defaultPort,
        hosts: { ...anyone, ...options.hosts },
        version: options.version,
        limits: options.limits,
        modules: [...(options.admin === undefined ? [] : ["admin"]), ...modules],
        dispatch: (headers) => dispatchFor(headers["authorization"]),
        routes: [dbSync(supervisor)]
      }).pipe(Effect.mapError(listenFailed))
      return NodeSupervisorRpc.of({ url: `http://${authority}`, port })
    })
  )
