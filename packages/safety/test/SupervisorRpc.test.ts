import { createServer } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { type Hash, superRoot } from "@ephor/types"
import { L1, Supervisor } from "../src/index.ts"
import * as NodeSupervisorRpc from "../src/NodeSupervisorRpc.ts"
import { configOf } from "./support/supervisor.ts"
import { makeL1, makeL2, persistentStore, until } from "./world.ts"
import shapes from "./vectors/safety_and_revision.json" with { type: "json" }
import vectors from "./vectors/access_list.json" with { type: "json" }

/** Two chains with a block each, cross-safe and final, behind a real port. */
const makeServer = Effect.fnUntraced(function* (finalized = 0) {
  const l1 = makeL1()
  l1.finalize(finalized)
  const a = yield* makeL2("901", l1)
  const b = yield* makeL2("902", l1)
  const context = yield* Layer.build(
    NodeSupervisorRpc.layer({ port: 0 }).pipe(
      Layer.provideMerge(Supervisor.layer(configOf(l1, [a, b]))),
      Layer.provide(Layer.fresh(L1.layer(l1.source))),
      Layer.provide(yield* persistentStore)
    )
  )
  const { url } = Context.get(context, NodeSupervisorRpc.NodeSupervisorRpc)
  const supervisor = Context.get(context, Supervisor.Supervisor)
  const post = (body: string, contentType = "application/json") =>
    Effect.promise(() => fetch(url, { method: "POST", body, headers: { "content-type": contentType } }))
  const call = Effect.fnUntraced(function* (method: string, ...params: ReadonlyArray<unknown>) {
    const response = yield* post(
      JSON.stringify({ jsonrpc: "2.0", id: 1, method: `supervisor_${method}`, params })
    )
    return (yield* Effect.promise(() => response.json())) as {
      readonly result?: any
      readonly error?: { readonly code: number; readonly message: string; readonly data?: string }
    }
  })
  return { l1, a, b, url, supervisor, post, call }
})

const settle = Effect.fnUntraced(function* ({
  a,
  b,
  l1,
  supervisor
}: Effect.Success<ReturnType<typeof makeServer>>) {
  const a1 = yield* a.build()
  const b1 = yield* b.build()
  l1.mine(1)
  a.batch(1, a1)
  b.batch(1, b1)
  l1.mine(2)
  l1.finalize(1)
  yield* until(
    "b1 is final",
    Effect.map(supervisor.finalized("902"), ({ hash }) => hash === b1.hash)
  )
  yield* until(
    "a1 is final",
    Effect.map(supervisor.finalized("901"), ({ hash }) => hash === a1.hash)
  )
  return { a1, b1 }
})

const id = ({ hash, number }: { readonly hash: Hash; readonly number: number }) => ({ hash, number })

describe("NodeSupervisorRpc", () => {
  it.effect("answers every query in the encoding of its clients", () =>
    Effect.gen(function* () {
      const server = yield* makeServer()
      const { a, call, l1 } = server
      const { a1, b1 } = yield* settle(server)
      const source = l1.blocks[1]!
      const pair = { source: id(source), derived: id(a1) }
      assert.deepStrictEqual((yield* call("localUnsafe", "901")).result, id(a1))
      assert.deepStrictEqual((yield* call("localUnsafe", "0x385")).result, id(a1))
      assert.deepStrictEqual((yield* call("localSafe", "901")).result, pair)
      assert.deepStrictEqual((yield* call("crossSafe", "901")).result, pair)
      assert.deepStrictEqual((yield* call("crossUnsafe", "901")).result, id(a1))
      assert.deepStrictEqual((yield* call("finalized", "902")).result, id(b1))
      assert.deepStrictEqual((yield* call("finalizedL1")).result, source)
      assert.deepStrictEqual((yield* call("crossDerivedToSource", "901", id(a1))).result, source)
      assert.deepStrictEqual((yield* call("allSafeDerivedAt", id(source))).result, {
        "901": id(a1),
        "902": id(b1)
      })
      assert.deepStrictEqual((yield* call("dependencySetV1")).result, {
        dependencies: { "901": {}, "902": {} },
        overrideMessageExpiryWindow: null
      })
      const plain = { hash: a1.hash, number: 1, parentHash: a1.parentHash, timestamp: a1.timestamp }
      const status = (yield* call("syncStatus")).result
      assert.deepStrictEqual(status.chains["901"], {
        localUnsafe: plain,
        localSafe: id(a1),
        crossUnsafe: id(a1),
        safe: id(a1),
        finalized: id(a1)
      })
      assert.deepStrictEqual(status.minSyncedL1, source)
      assert.deepStrictEqual([status.safeTimestamp, status.finalizedTimestamp], [a1.timestamp, a1.timestamp])
      const root = (yield* call("superRootAtTimestamp", `0x${a1.timestamp.toString(16)}`)).result
      assert.deepStrictEqual(
        [root.version, root.timestamp, root.crossSafeDerivedFrom],
        ["0x01", `0x${a1.timestamp.toString(16)}`, id(source)]
      )
      assert.sameMembers(Object.keys(root), Object.keys(shapes.superRootResponse.json))
      assert.sameMembers(Object.keys(root.chains[0]), Object.keys(shapes.superRootResponse.json.chains[0]!))
      assert.sameMembers(Object.keys(status), Object.keys(shapes.supervisorSyncStatus.json))
      const committed = root.chains.map((chain: any) => ({ chainId: chain.chainID, output: chain.canonical }))
      assert.strictEqual(root.superRoot, superRoot({ timestamp: a1.timestamp, chains: committed }))
      const output = yield* a.node.outputV0AtTimestamp(a1.timestamp)
      assert.strictEqual(root.chains[0].chainID, "901")
      assert.include(root.chains[0].pending, output.blockHash.slice(2))
      assert.lengthOf(root.chains[0].pending, 2 + 256)
    })
  )

  it.effect("answers mistakes with the codes of the specification", () =>
    Effect.gen(function* () {
      const { call, post } = yield* makeServer(-1)
      const rows = [
        [yield* call("localUnsafe"), -32602, "missing value for required argument 0"],
        [yield* call("localUnsafe", 901), -32602, "invalid argument 0"],
        [yield* call("localUnsafe", "901", 1), -32602, "too many arguments, want at most 1"],
        [yield* call("nothing"), -32601, "the method supervisor_nothing does not exist/is not available"],
        [yield* call("localUnsafe", "700"), -320501, "unknown chain"],
        [yield* call("finalizedL1"), -32000, "finality of L1 is not initialized: not found"],
        [
          yield* call("crossDerivedToSource", "901", { hash: `0x${"1".repeat(64)}`, number: 7 }),
          -321401,
          "future data"
        ],
        [yield* call("superRootAtTimestamp", "0x1b58000"), -32000, "block not found"],
        [
          yield* call("checkAccessList", [], "SAFE", { timestamp: "0x1" }),
          -32602,
          "unrecognized safety level"
        ],
        [yield* call("checkAccessList", ["0x01"], "safe", { timestamp: "0x1" }), -32602, ""],
        [yield* call("checkAccessList", [], "safe", { timestamp: 1 }), -32602, "invalid argument 2"],
        [yield* call("checkAccessList", ...vectors.workedExample.rpc.params), -320600, "conflicting data"]
      ] as const
      rows.forEach(([answer, code, message], i) => {
        assert.strictEqual(answer.error?.code, code, `row ${i + 1}: ${JSON.stringify(answer)}`)
        assert.include(answer.error?.message, message, `row ${i + 1}`)
      })
      assert.strictEqual(rows.at(-1)![0].error?.data, "future")
      assert.deepStrictEqual(yield* call("checkAccessList", [], "unsafe", { timestamp: "0x1" }), {
        jsonrpc: "2.0",
        id: 1,
        result: null
      } as object)
      assert.strictEqual((yield* post("{}", "text/plain")).status, 415)
      assert.strictEqual((yield* post(`"${"x".repeat(6_000_000)}"`)).status, 413)
    })
  )

  it.effect("says that it lives, and refuses access lists while the fail-safe is on", () =>
    Effect.gen(function* () {
      const { call, supervisor, url } = yield* makeServer()
      const health = yield* Effect.promise(() => fetch(`${url}/healthz`))
      assert.deepStrictEqual(
        [health.status, yield* Effect.promise(() => health.json())],
        [200, { version: "v0.0.0" }]
      )
      yield* supervisor.setFailsafe(true)
      const { error } = yield* call("checkAccessList", [], "unsafe", { timestamp: "0x1" })
      assert.deepStrictEqual(error, {
        code: -32602,
        message: "failsafe is enabled, rejecting all CheckAccessList requests"
      })
    })
  )

  it.effect("a port in use is an error that names it", () =>
    Effect.gen(function* () {
      const taken = createServer()
      const port = yield* Effect.callback<number>((resume) => {
        taken.listen(0, "127.0.0.1", () => resume(Effect.succeed((taken.address() as { port: number }).port)))
      })
      const supervisor = Layer.mock(Supervisor.Supervisor, { dependencySet: { dependencies: {} } })
      const error = yield* Effect.flip(
        Layer.build(NodeSupervisorRpc.layer({ port }).pipe(Layer.provide(supervisor)))
      )
      assert.strictEqual(error.reason._tag, "ListenFailed")
      assert.include(error.message, `127.0.0.1:${port}`)
      taken.close()
    })
  )
})
