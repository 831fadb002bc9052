import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Metric } from "effect"
import { createServer } from "node:net"
import { Health, NodeAdmin } from "../src/index.ts"

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as { readonly port: number }
    server.close(() => resume(Effect.succeed(port)))
  })
})
const get = (port: number, path: string) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, body: await response.text() }
  })

describe("NodeAdmin", () => {
  it.live("serves health, readiness, metrics and status", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const health = yield* Health.Health
      let problem: string | undefined = "still starting"
      yield* health.check(
        "chain",
        Effect.sync(() => problem)
      )
      yield* Layer.build(
        NodeAdmin.layer({ host: "127.0.0.1", port, version: "1.2.3" }, [
          NodeAdmin.status(Effect.succeed({ heads: 7 }))
        ])
      )
      assert.deepStrictEqual(yield* get(port, "/healthz"), { status: 200, body: '{"version":"1.2.3"}' })
      assert.deepStrictEqual(yield* get(port, "/readyz"), {
        status: 503,
        body: '{"ready":false,"problems":{"chain":"still starting"}}'
      })
      problem = undefined
      assert.strictEqual((yield* get(port, "/readyz")).status, 200)
      yield* Metric.update(Metric.counter("cli_test_total"), 3)
      assert.include((yield* get(port, "/metrics")).body, "cli_test_total 3")
      assert.deepStrictEqual(yield* get(port, "/status"), { status: 200, body: '{"heads":7}' })
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("says in one sentence that a port is in use", () =>
    Effect.gen(function* () {
      const port = yield* freePort
      const open = NodeAdmin.layer({ host: "127.0.0.1", port, version: "1" })
      yield* Layer.build(open)
      const error = yield* Effect.flip(Layer.build(Layer.fresh(open)))
      assert.strictEqual(
        error.message,
        `cannot open the admin endpoints on 127.0.0.1:${port}: the port is in use; stop the other program or choose another port`
      )
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )
})
