/** What operators do to a supervisor over HTTP: with a token, and from one data directory to the next. */
import { assert, describe, it } from "@effect/vitest"
import { bearer, issue } from "@ephor/json-rpc/Jwt"
import { encodeAccess, logHash, messageChecksum, positionOf } from "@ephor/types"
import { Clock, Context, Effect, Layer, Logger, Metric, Option, Redacted, Result } from "effect"
import { DbFile, L1, OpMetrics, Supervisor } from "../src/index.ts"
import * as NodeDbSync from "../src/NodeDbSync.ts"
import * as NodeSupervisorRpc from "../src/NodeSupervisorRpc.ts"
import { configOf, makeWorld, type World } from "./support/supervisor.ts"
import { persistentStore, plainLog, until } from "./world.ts"

const jwtSecret = Redacted.make(new Uint8Array(32).fill(7))
const serve = Effect.fnUntraced(function* (
  { a, b, l1 }: World,
  config: Partial<Supervisor.Config> = {},
  admin?: NodeSupervisorRpc.AdminOptions
) {
  const context = yield* Layer.build(
    NodeSupervisorRpc.layer({ port: 0, admin }).pipe(
      Layer.provideMerge(
        Supervisor.layer({
          ...configOf(l1, [a, b]),
          ...config
        })
      ),
      Layer.provide(Layer.fresh(L1.layer(l1.source))),
      Layer.provide(yield* persistentStore),
      Layer.fresh
    )
  )
  const { url } = Context.get(context, NodeSupervisorRpc.NodeSupervisorRpc)
  const call = (method: string, params: ReadonlyArray<unknown> = [], authorization?: string) =>
    Effect.promise(async () => {
      const response = await fetch(url, {
        method: "POST",
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
        headers: { "content-type": "application/json", ...(authorization && { authorization }) }
      })
      return (await response.json()) as {
        readonly result?: unknown
        readonly error?: { readonly message: string }
      }
    })
  return { url, call, supervisor: Context.get(context, Supervisor.Supervisor) }
})

const get = (url: string, headers: Record<string, string> = {}) =>
  Effect.promise(async () => {
    const response = await fetch(url, { headers })
    return {
      status: response.status,
      headers: response.headers,
      bytes: new Uint8Array(await response.arrayBuffer())
    }
  })

/** Three blocks of each chain, cross-safe. */
const grow = Effect.fnUntraced(function* ({ a, b, l1 }: World, supervisor: Supervisor.Service) {
  const log = plainLog("hello")
  const first = yield* a.build([log])
  for (const l2 of [a, b]) {
    const blocks = [...(l2 === a ? [first] : [yield* l2.build()]), yield* l2.build(), yield* l2.build()]
    l2.batch(l1.blocks.length - 1, ...blocks)
  }
  l1.mine(1)
  for (const { batch, chain } of [a, b]) {
    const blocks = yield* Effect.forEach([1, 2, 3], (number) =>
      Effect.map(chain.block(number), Option.getOrThrow)
    )
    batch(l1.blocks.length - 1, ...blocks)
  }
  l1.mine(3)
  for (const id of ["901", "902"]) {
    yield* until(
      `${id} is cross-safe`,
      Effect.map(supervisor.crossSafe(id), ({ derived }) => derived.number === 3)
    )
  }
  return { first, log }
})

describe("admin_* over HTTP", () => {
  it.effect("is not there unless it is enabled", () =>
    Effect.gen(function* () {
      const { call } = yield* serve(yield* makeWorld)
      const { error } = yield* call("admin_getFailsafeEnabled")
      assert.match(error!.message, /does not exist/)
    })
  )
  it.effect("wants a token, and the public methods do not", () =>
    Effect.gen(function* () {
      const { call } = yield* serve(yield* makeWorld, {}, { jwtSecret })
      const now = (yield* Clock.currentTimeMillis) / 1000
      const token = (secret: Redacted.Redacted<Uint8Array>, at = now) => Effect.map(issue(secret, at), bearer)
      const other = Redacted.make(new Uint8Array(32).fill(8))
      for (const [authorization, why] of [
        [undefined, "missing token"],
        [yield* token(other), "signature is invalid"],
        [yield* token(jwtSecret, now - 100), "stale token"]
      ] as const) {
        const { error } = yield* call("admin_setFailsafeEnabled", [true], authorization)
        assert.strictEqual(error!.message, `unauthorized: ${why}; sign a token as on the Engine API`)
      }
      assert.strictEqual(
        (yield* call("admin_setFailsafeEnabled", [true], yield* token(jwtSecret))).result,
        null
      )
      assert.strictEqual((yield* call("admin_getFailsafeEnabled", [], yield* token(jwtSecret))).result, true)
      assert.isDefined((yield* call("supervisor_dependencySetV1")).result)
    })
  )
  it.effect("takes everybody where no secret is given", () =>
    Effect.gen(function* () {
      const { call } = yield* serve(yield* makeWorld, {}, { jwtSecret: undefined })
      assert.strictEqual((yield* call("admin_getFailsafeEnabled")).result, false)
    })
  )
})

describe("/dbsync", () => {
  it.effect("gives the databases as files, in parts if asked for, and says what is not there", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { supervisor, url } = yield* serve(world)
      yield* grow(world, supervisor)
      const { cross, local } = yield* supervisor.derivations("901")
      const whole = yield* get(`${url}/dbsync/901/local_safe`)
      assert.deepStrictEqual(
        [whole.status, whole.headers.get("content-type")],
        [200, "application/octet-stream"]
      )
      assert.deepStrictEqual(Result.getOrThrow(DbFile.decode(whole.bytes)), [...local])
      const file = yield* get(`${url}/dbsync/901/cross_safe`)
      assert.deepStrictEqual(Result.getOrThrow(DbFile.decode(file.bytes)), [...cross])
      const total = whole.bytes.length
      for (const [range, from, to] of [
        ["bytes=128-255", 128, 256],
        ["bytes=128-", 128, total],
        ["bytes=-128", total - 128, total]
      ] as const) {
        const part = yield* get(`${url}/dbsync/901/local_safe`, { range })
        assert.deepStrictEqual(
          [part.status, part.headers.get("content-range")],
          [206, `bytes ${from}-${to - 1}/${total}`]
        )
        assert.deepStrictEqual(part.bytes, whole.bytes.slice(from, to))
      }
      assert.strictEqual(
        (yield* get(`${url}/dbsync/901/local_safe`, { range: `bytes=${total}-` })).status,
        416
      )
      assert.strictEqual((yield* get(`${url}/dbsync/903/local_safe`)).status, 404)
      assert.strictEqual((yield* get(`${url}/dbsync/901/log`)).status, 400)
    })
  )

  it.effect("a new supervisor takes them over, and goes on from there", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const old = yield* serve(world)
      const { first, log } = yield* grow(world, old.supervisor)
      const { supervisor } = yield* serve(world, { seed: NodeDbSync.seed(old.url) })
      assert.strictEqual((yield* supervisor.crossSafe("902")).derived.number, 3)
      for (const id of ["901", "902"]) {
        assert.deepStrictEqual(
          yield* supervisor.crossDerivedToSource(id, yield* old.supervisor.localUnsafe(id)),
          yield* old.supervisor.crossDerivedToSource(id, yield* old.supervisor.localUnsafe(id))
        )
      }
      const position = positionOf("901", first, 0)
      const entries = encodeAccess({ ...position, checksum: messageChecksum(position, logHash(log)) })
      yield* until(
        "the logs are indexed from the nodes",
        Effect.isSuccess(supervisor.checkAccessList(entries, "CrossSafe", { timestamp: 2000 }))
      )
      const next = yield* world.b.build()
      world.l1.mine(1)
      world.b.batch(world.l1.blocks.length - 1, next)
      world.l1.mine(2)
      yield* until(
        "the next block is cross-safe",
        Effect.map(supervisor.crossSafe("902"), ({ derived }) => derived.hash === next.hash)
      )
    })
  )

  it.effect("an endpoint that has none ends the start with its address", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const error = yield* Effect.flip(serve(world, { seed: NodeDbSync.seed("http://127.0.0.1:1/") }))
      assert.match(
        error.message,
        /^start: http:\/\/127\.0\.0\.1:1\/dbsync\/901\/local_safe: .*--datadir\.sync-endpoint/
      )
    })
  )
})

describe("verifyAccessLists", () => {
  it.effect("warns of accepted messages whose block a node knows otherwise", () => {
    const lines: Array<string> = []
    return Effect.gen(function* () {
      const world = yield* makeWorld
      let lies = false
      const liar = {
        ...world.a.node,
        l2BlockRefByNumber: (number: number) =>
          Effect.map(world.a.node.l2BlockRefByNumber(number), (block) =>
            lies ? { ...block, hash: `0x${"ee".repeat(32)}` as const } : block
          )
      }
      const { supervisor } = yield* serve(world, {
        nodes: [{ node: liar, name: "liar" }, { node: world.b.node }],
        options: { verifyAccessLists: true }
      })
      const { first, log } = yield* grow(world, supervisor)
      const position = positionOf("901", first, 0)
      const entries = encodeAccess({ ...position, checksum: messageChecksum(position, logHash(log)) })
      const check = supervisor.checkAccessList(entries, "CrossSafe", { timestamp: 2000 })
      const failures = Metric.value(
        Metric.withAttributes(OpMetrics.accessListVerifyFailure, { chain: "901" })
      )
      yield* check
      yield* until("nothing is wrong", Effect.succeed(true))
      const before = (yield* failures).count
      lies = true
      yield* check
      yield* until(
        "a failure",
        Effect.map(failures, ({ count }) => Number(count) > Number(before))
      )
      assert.isTrue(lines.some((line) => line.includes("a block that a node knows otherwise")))
    }).pipe(Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])))
  })
})

describe("Supervisor.layerMock", () => {
  it.effect("has the shape of everything", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        NodeSupervisorRpc.layer({ port: 0 }).pipe(
          Layer.provide(Supervisor.layerMock({ dependencies: { "901": {} } }))
        )
      )
      const { url } = Context.get(context, NodeSupervisorRpc.NodeSupervisorRpc)
      const ask = (method: string, ...params: ReadonlyArray<unknown>) =>
        Effect.promise(async () => {
          const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })
          const headers = { "content-type": "application/json" }
          return (
            (await (await fetch(url, { method: "POST", body, headers })).json()) as { readonly result: any }
          ).result
        })
      assert.strictEqual(yield* ask("supervisor_checkAccessList", [], "unsafe", { timestamp: "0x1" }), null)
      assert.strictEqual((yield* ask("supervisor_syncStatus")).chains["901"].safe.number, 0)
      assert.strictEqual((yield* ask("supervisor_crossSafe", "901")).derived.number, 0)
      assert.deepStrictEqual(
        yield* ask("supervisor_allSafeDerivedAt", { hash: `0x${"00".repeat(32)}`, number: 0 }),
        {
          "901": { hash: `0x${"00".repeat(32)}`, number: 0 }
        }
      )
    })
  )
})
