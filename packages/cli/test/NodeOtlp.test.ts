import { assert, describe, it } from "@effect/vitest"
import * as Endpoint from "@ephor/json-rpc/Endpoint"
import { Effect, Metric, Result } from "effect"
import { createServer, type IncomingHttpHeaders } from "node:http"
import { gunzipSync } from "node:zlib"
import { NodeOtlp } from "../src/index.ts"

interface Told {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: any
}

/** A collector that answers as its script says, and keeps what it is told. */
const collector = (status: number) =>
  Effect.gen(function* () {
    const told: Array<Told> = []
    const server = createServer(async (request, response) => {
      const chunks: Array<Uint8Array> = []
      for await (const chunk of request) chunks.push(chunk)
      const bytes = Buffer.concat(chunks)
      const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes
      told.push({ path: request.url!, headers: request.headers, body: JSON.parse(body.toString("utf8")) })
      response.writeHead(status).end("{}")
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
      () =>
        Effect.callback<void>((resume) => {
          server.closeAllConnections()
          server.close(() => resume(Effect.void))
        })
    )
    const { port } = server.address() as { readonly port: number }
    return { told, at: Result.getOrThrow(Endpoint.from(`http://ann:pass@127.0.0.1:${port}/otlp`)) }
  })

const work = Effect.gen(function* () {
  yield* Metric.update(Metric.counter("otlp_test_things_total", { incremental: true }), 7)
  return yield* Effect.void.pipe(
    Effect.withSpan("inner", { attributes: { height: 12 } }),
    Effect.withSpan("outer")
  )
})

const options = { name: "test-node", version: "1.2.3" }

describe("NodeOtlp", () => {
  it.live("tells a collector spans and metrics, the last ones at the end", () =>
    Effect.gen(function* () {
      const { at, told } = yield* collector(200)
      yield* Effect.provide(work, NodeOtlp.layer(at, options))
      const of = (path: string) => told.filter((one) => one.path === `/otlp/${path}`)
      const spans = of("v1/traces").flatMap(({ body }) =>
        body.resourceSpans.flatMap(({ scopeSpans }: any) => scopeSpans.flatMap(({ spans }: any) => spans))
      )
      assert.sameMembers(
        spans.map(({ name }: any) => name),
        ["inner", "outer"]
      )
      const [inner, outer] = ["inner", "outer"].map((name) => spans.find((span: any) => span.name === name))
      assert.strictEqual(inner.parentSpanId, outer.spanId)
      const [{ body, headers }] = of("v1/metrics") as [Told]
      const { resource, scopeMetrics } = body.resourceMetrics[0]
      const metric = scopeMetrics
        .flatMap(({ metrics }: any) => metrics)
        .find(({ name }: any) => name === "otlp_test_things_total")
      assert.strictEqual(Number(metric.sum.dataPoints[0].asInt ?? metric.sum.dataPoints[0].asDouble), 7)
      const attribute = (key: string) =>
        resource.attributes.find((one: any) => one.key === key)?.value.stringValue
      assert.deepStrictEqual(
        [attribute("service.name"), attribute("service.version")],
        ["test-node", "1.2.3"]
      )
      assert.strictEqual(headers.authorization, `Basic ${Buffer.from("ann:pass").toString("base64")}`)
    }).pipe(Effect.scoped)
  )

  it.live("leaves the program alone when the collector refuses or is away", () =>
    Effect.gen(function* () {
      const { at, told } = yield* collector(400)
      yield* Effect.provide(work, NodeOtlp.layer(at, options))
      assert.isAbove(told.length, 0)
      const nowhere = Result.getOrThrow(Endpoint.from("http://127.0.0.1:1"))
      yield* Effect.provide(work, NodeOtlp.layer(nowhere, { ...options, shutdownTimeoutMs: 200 }))
      yield* Effect.provide(work, NodeOtlp.layer(undefined, options))
    }).pipe(Effect.scoped)
  )
})
