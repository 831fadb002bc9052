import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { connect } from "node:net"
import { FeedLimits, Health, NodeAdmin, StatusFeed } from "../src/index.ts"

/** A program whose status is `text`, and how often it was asked for it. */
const open = Effect.fnUntraced(function* (
  limits: Partial<FeedLimits.Limits>,
  text = "",
  writeTimeoutMs = 10_000
) {
  let computed = 0
  const parts = Effect.sync(() => ({ ladders: [], computed: ++computed, text }))
  const routes = yield* StatusFeed.make({ name: "program", version: "1", role: "test", parts, limits })
  const { port } = yield* NodeAdmin.open(
    { host: "127.0.0.1", port: 0, version: "1", limits: { writeTimeoutMs } },
    routes
  )
  return { url: `http://127.0.0.1:${port}`, port, computed: () => computed }
})

/** Waits until something is so. */
const until = (what: string, isSo: () => boolean | Promise<boolean>) =>
  Effect.promise(async () => {
    for (let i = 0; i < 500; i++) {
      if (await isSo()) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`not so within ten seconds: ${what}`)
  })

/** Events of a stream, as many as asked for. */
const listen = (url: string, events: number) =>
  Effect.promise(async (signal) => {
    const response = await fetch(`${url}/status/stream`, { signal })
    assert.strictEqual(response.headers.get("content-type"), "text/event-stream")
    const found: Array<{ readonly computed: number }> = []
    let rest = ""
    const decoder = new TextDecoder()
    for await (const chunk of response.body!) {
      rest += decoder.decode(chunk, { stream: true })
      const all = rest.split("\n\n")
      rest = all.pop() ?? ""
      for (const event of all) found.push(JSON.parse(event.replace(/^data: /, "")))
      if (found.length >= events) return found
    }
    throw new Error("the stream ended")
  })

const stateOf = (metric: Metric.Metric<number, Metric.GaugeState<number> | Metric.CounterState<number>>) =>
  Effect.map(Metric.value(metric), (state) => ("value" in state ? state.value : state.count))

describe("StatusFeed", () => {
  it.live("tells the same once, and to all pages what was computed once", () =>
    Effect.gen(function* () {
      const { computed, url } = yield* open({ intervalMs: 100 })
      const once: any = yield* Effect.promise(async () => (await fetch(`${url}/status`)).json())
      assert.strictEqual(once.program.role, "test")
      assert.deepStrictEqual(once.problems, {})
      assert.isAbove(once.process.residentBytes, 0)
      const before = computed()
      const all = yield* Effect.all(
        Array.from({ length: 30 }, () => listen(url, 4)),
        { concurrency: "unbounded" }
      )
      const last = Math.max(...all.map((events) => events.at(-1)!.computed))
      // Thirty pages with four events each, and no more than one computation an event.
      assert.isAtMost(computed(), last + 2)
      assert.isAtMost(computed() - before, 40)
      assert.hasAllKeys(all[0]!.at(-1), Object.keys(once))
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("computes nothing while nobody listens", () =>
    Effect.gen(function* () {
      const { computed, url } = yield* open({ intervalMs: 20 })
      yield* listen(url, 2)
      yield* until("no stream is open", async () => {
        const { process: told }: any = await (await fetch(`${url}/status`)).json()
        return told.streams === 0
      })
      // What was begun may still end.
      yield* Effect.sleep(100)
      const before = computed()
      yield* Effect.sleep(200)
      assert.strictEqual(computed(), before)
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("refuses more pages than it may serve, and has room again when one has gone", () =>
    Effect.gen(function* () {
      const { url } = yield* open({ intervalMs: 20, streams: 2 })
      const refusedBefore = yield* stateOf(StatusFeed.refused)
      const ask = (signal?: AbortSignal) =>
        Effect.promise(() => fetch(`${url}/status/stream`, signal === undefined ? {} : { signal }))
      const [first, second] = [new AbortController(), new AbortController()]
      const [one, two] = yield* Effect.all([ask(first.signal), ask(second.signal)])
      assert.deepStrictEqual([one.status, two.status], [200, 200])
      assert.strictEqual((yield* ask()).status, 503)
      assert.isAbove(yield* stateOf(StatusFeed.refused), refusedBefore)
      first.abort()
      yield* until("there is room", async () => {
        const again = new AbortController()
        const { status } = await fetch(`${url}/status/stream`, { signal: again.signal })
        again.abort()
        return status === 200
      })
      second.abort()
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("lets go who does not read", () =>
    Effect.gen(function* () {
      const { port, url } = yield* open({ intervalMs: 20 }, "x".repeat(1_000_000), 300)
      const open_ = async () => {
        const { process: told }: any = await (await fetch(`${url}/status`)).json()
        return told.streams as number
      }
      const socket = connect(port, "127.0.0.1")
      socket.on("error", () => undefined)
      socket.pause()
      socket.write("GET /status/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
      yield* until("it listens", async () => (await open_()) === 1)
      yield* until("it was let go", async () => (await open_()) === 0)
      socket.destroy()
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )

  it.live("tells nothing to pages of elsewhere", () =>
    Effect.gen(function* () {
      const { url } = yield* open({ intervalMs: 20 })
      for (const path of ["/status", "/status/stream"]) {
        const { status } = yield* Effect.promise(() =>
          fetch(url + path, { headers: { Origin: "https://elsewhere.example" } })
        )
        assert.strictEqual(status, 403, path)
      }
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )
})
