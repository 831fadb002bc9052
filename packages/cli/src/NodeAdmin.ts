/**
 * The endpoints that operators watch: `/healthz` (the process lives), `/readyz` (every part is ready), `/metrics`
 * (Prometheus, or OpenMetrics for those who ask for it).
 */
import { type Address, json, type Limits, type Route, text } from "@ephor/json-rpc/Door"
import type { Hosts } from "@ephor/json-rpc/Hosts"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import * as NodeDoor from "@ephor/json-rpc/NodeDoor"
import { Effect, Layer, Metric, Schema, type Scope } from "effect"
import { Health } from "./Health.ts"
import * as NodeMetrics from "./NodeMetrics.ts"
import * as OpenMetrics from "./OpenMetrics.ts"

/** The endpoint could not be opened. */
export class AdminError extends Schema.TaggedError<AdminError>()("AdminError", { message: Schema.String }) {}

/** Where to listen. */
export interface Options {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly version: string
  /** Names that it answers to, and origins of pages that may ask. Default: localhost. */
  readonly hosts?: Partial<Hosts> | undefined
  /** Bounds of the door; bodies have 1 MiB unless a route takes less. */
  readonly limits?: Partial<Limits> | undefined
}

const bodyBytesDefault = 1024 * 1024

const get = (path: string, handle: Route["handle"]): Route => ({ method: "GET", path, handle })

const routes = (
  version: string,
  health: Health["Service"],
  refresh: Effect.Effect<void>
): ReadonlyArray<Route> => [
  get("/healthz", () => Effect.succeed(json({ version }))),
  get("/readyz", () =>
    Effect.map(health.problems, (problems) => {
      const ready = Object.keys(problems).length === 0
      return json({ ready, problems }, ready ? 200 : 503)
    })
  ),
  get("/metrics", ({ headers }) =>
    Effect.map(Effect.andThen(refresh, Metric.snapshot), (snapshots) => {
      const format = OpenMetrics.negotiate(headers["accept"])
      return {
        status: 200,
        headers: { "Content-Type": OpenMetrics.contentTypes[format], Vary: "Accept" },
        body: OpenMetrics.render(snapshots, format)
      }
    })
  )
]

/** Adds `GET /status`: figures of the program as JSON. */
export const status = <E>(figures: Effect.Effect<unknown, E>): Route =>
  get("/status", () =>
    Effect.match(figures, {
      onSuccess: (body) => json(body),
      onFailure: (error) => json({ error: error instanceof Error ? error.message : String(error) }, 503)
    })
  )

/** The body of a request as a value of a schema; fails with the reply to one that is none. */
export const body = <A>(schema: Schema.Codec<A, any>, request: Parameters<Route["handle"]>[0]) =>
  Effect.flatMap(request.text, (content) =>
    Effect.mapError(Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(content), ({ message }) =>
      text(400, message)
    )
  )

const sentence = ({ host, port }: Options, { reason }: JsonRpcError) =>
  listenFailure(
    "admin endpoints",
    host,
    port,
    reason._tag === "ListenFailed" ? Object.assign(new Error(reason.why), { code: reason.code }) : reason
  )

/** Opens the three endpoints and `more`, routes of the program's own; a port in use is an `AdminError` that says so. */
export const open = Effect.fnUntraced(function* (
  options: Options,
  more: ReadonlyArray<Route> = []
): Effect.fn.Return<Address, AdminError, Health | Scope.Scope> {
  const refresh = yield* NodeMetrics.make(options.version)
  return yield* NodeDoor.make({
    ...options,
    name: "admin endpoints",
    limits: { bodyBytes: bodyBytesDefault, ...options.limits },
    routes: [...routes(options.version, yield* Health, refresh), ...more]
  }).pipe(Effect.mapError((error) => new AdminError({ message: sentence(options, error) })))
})

/** The same as a layer, which logs where they are. */
export const layer = (
  options: Options,
  more: ReadonlyArray<Route> = []
): Layer.Layer<never, AdminError, Health> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { authority } = yield* open(options, more)
      yield* Effect.logInfo("admin endpoints are open", { address: `http://${authority}` })
    })
  )

/** One sentence for a port that cannot be opened. */
export const listenFailure = (what: string, host: string, port: number, cause: unknown): string => {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""
  const where = `${host}:${port}`
  switch (code) {
    case "EADDRINUSE":
      return `cannot open the ${what} on ${where}: the port is in use; stop the other program or choose another port`
    case "EACCES":
      return `cannot open the ${what} on ${where}: no permission for that port; choose one above 1023`
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `cannot open the ${what} on ${where}: this machine has no such address; choose 127.0.0.1 or 0.0.0.0`
    default:
      return `cannot open the ${what} on ${where}: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}
