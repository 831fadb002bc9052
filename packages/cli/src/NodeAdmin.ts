/**
 * The endpoints that operators watch: `/healthz` (the process lives), `/readyz` (every part is ready), `/metrics`
 * (Prometheus).
 */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { createServer } from "node:http"
import { Health } from "./Health.ts"

/** The endpoint could not be opened. */
export class AdminError extends Schema.TaggedError<AdminError>()("AdminError", { message: Schema.String }) {}

/** Where to listen. */
export interface Options {
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
  readonly version: string
}

const routes = (version: string) =>
  Layer.mergeAll(
    HttpRouter.add("GET", "/healthz", HttpServerResponse.json({ version })),
    HttpRouter.add(
      "GET",
      "/readyz",
      Effect.gen(function* () {
        const problems = yield* (yield* Health).problems
        const ready = Object.keys(problems).length === 0
        return yield* HttpServerResponse.json({ ready, problems }, { status: ready ? 200 : 503 })
      })
    ),
    PrometheusMetrics.layerHttp({ path: "/metrics" })
  )

/** Adds `GET /status`: figures of the program as JSON. */
export const status = <E>(
  figures: Effect.Effect<unknown, E>
): Layer.Layer<never, never, HttpRouter.HttpRouter> =>
  HttpRouter.add(
    "GET",
    "/status",
    Effect.matchEffect(figures, {
      onSuccess: (body) => HttpServerResponse.json(body),
      onFailure: (error) =>
        HttpServerResponse.json(
          { error: error instanceof Error ? error.message : String(error) },
          { status: 503 }
        )
    }).pipe(Effect.orDie)
  )

/**
 * Serves the three endpoints and `more`, routes of the program's own; a port in use is an `AdminError` that says so.
 */
export const layer = (
  options: Options,
  more: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty
): Layer.Layer<never, AdminError, Health> =>
  HttpRouter.serve(Layer.mergeAll(routes(options.version), more), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provide(
      Layer.effectDiscard(
        Effect.gen(function* () {
          const { address } = yield* HttpServer.HttpServer
          yield* Effect.logInfo("admin endpoints are open", { address: HttpServer.formatAddress(address) })
        })
      )
    ),
    Layer.provide(NodeHttpServer.layer(() => createServer(), { host: options.host, port: options.port })),
    Layer.catchTag("ServeError", (error) =>
      Layer.effectDiscard(
        Effect.fail(
          new AdminError({
            message: listenFailure("admin endpoints", options.host, options.port, error.cause)
          })
        )
      )
    )
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
