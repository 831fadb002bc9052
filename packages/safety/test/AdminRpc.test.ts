import { assert, describe, it } from "@effect/vitest"
import { Disconnected, ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import type { RpcError } from "@ephor/json-rpc/JsonRpc"
import { Context, Effect, Layer, Option, Redacted, Result } from "effect"
import { TestClock } from "effect/testing"
import { AdminRpc, L1, Supervisor } from "../src/index.ts"
import { configOf, is } from "./support/supervisor.ts"
import { makeL1, makeL2, persistentStore, plainLog, type TestL2, until } from "./world.ts"

const secret = `0x${"42".repeat(32)}`

/** A supervisor of two chains. The nodes of `later` can be added by their address. */
const makeRig = Effect.fnUntraced(function* (later: ReadonlyArray<"a" | "b"> = []) {
  const l1 = makeL1()
  const a = yield* makeL2("901", l1)
  const b = yield* makeL2("902", l1)
  const stranger = yield* makeL2("903", l1)
  const nodes: { readonly [host: string]: TestL2 } = { a, b, stranger }
  const dialled: Array<string> = []
  const context = yield* Layer.build(
    Supervisor.layer({
      ...configOf(l1, [a, b]),
      nodes: (["a", "b"] as const).flatMap((name) =>
        later.includes(name) ? [] : [{ node: nodes[name]!.node }]
      ),
      connect: (url, jwtSecret) => {
        dialled.push(`${url} ${Redacted.value(jwtSecret).length}`)
        const node = nodes[new URL(String(url)).hostname]?.node
        return node === undefined
          ? Effect.fail(
              new ManagedNodeError({
                method: "connect",
                reason: new Disconnected({ why: "nobody is there" })
              })
            )
          : Effect.succeed(node)
      }
    }).pipe(Layer.provide(Layer.fresh(L1.layer(l1.source))), Layer.provide(yield* persistentStore))
  )
  const supervisor = Context.get(context, Supervisor.Supervisor)
  const call = (method: string, ...params: ReadonlyArray<unknown>) =>
    Effect.map(
      Effect.result(AdminRpc.dispatch(supervisor)(`admin_${method}`, params)),
      Result.match({
        onSuccess: (result) => result,
        onFailure: ({ code, message }: RpcError) => `${code} ${message}`
      })
    )
  return { l1, a, b, supervisor, call, dialled }
})

describe("AdminRpc", () => {
  it.effect("stops and starts the work; questions are answered all along", () =>
    Effect.gen(function* () {
      const { a, call, supervisor } = yield* makeRig()
      const a1 = yield* a.build()
      yield* until("a1 is indexed", Effect.map(supervisor.localUnsafe("901"), is(a1)))
      assert.strictEqual(yield* call("start"), "-32000 already started")
      assert.strictEqual(yield* call("stop"), null)
      assert.strictEqual(yield* call("stop"), "-32000 already stopped")
      const a2 = yield* a.build()
      yield* TestClock.adjust("10 seconds")
      assert.isTrue(is(a1)(yield* supervisor.localUnsafe("901")))
      assert.strictEqual(yield* call("start"), null)
      yield* until("a2 is indexed", Effect.map(supervisor.localUnsafe("901"), is(a2)))
    })
  )

  it.effect("adds a node at run time, and says why another can not be added", () =>
    Effect.gen(function* () {
      const { b, call, dialled, supervisor } = yield* makeRig(["b"])
      const b1 = yield* b.build()
      assert.strictEqual(yield* call("addL2RPC", "ws://b:9645", secret), null)
      yield* until("b1 is indexed", Effect.map(supervisor.localUnsafe("902"), is(b1)))
      assert.deepStrictEqual(dialled, ["ws://b:9645 32"])
      assert.strictEqual(
        yield* call("addL2RPC", "ws://user:pass@stranger:1", secret),
        "-32000 the node at stranger:1 is of chain 903, which is not in the dependency set"
      )
      assert.match(
        String(yield* call("addL2RPC", "ws://nobody:1", secret)),
        /^-32000 the node at nobody:1 cannot be attached: .*nobody is there/
      )
    })
  )

  it.effect("goes back to a block, also while it is stopped, and gets the rest anew from the nodes", () =>
    Effect.gen(function* () {
      const { a, call, l1, supervisor } = yield* makeRig()
      const blocks = [yield* a.build([plainLog("x")]), yield* a.build(), yield* a.build()] as const
      l1.mine(1)
      a.batch(1, ...blocks)
      l1.mine(2)
      const settled = until(
        "the third block is cross-safe",
        Effect.map(supervisor.crossSafe("901"), ({ derived }) => is(blocks[2])(derived))
      )
      yield* settled
      yield* call("stop")
      const { hash, number } = blocks[0]
      assert.strictEqual(yield* call("rewind", "901", { hash, number }), null)
      for (const head of [
        yield* supervisor.localUnsafe("901"),
        yield* supervisor.crossUnsafe("901"),
        (yield* supervisor.localSafe("901")).derived,
        (yield* supervisor.crossSafe("901")).derived
      ]) {
        assert.strictEqual(head.number, 1)
      }
      yield* call("start")
      l1.mine(2)
      yield* a.build()
      yield* settled
      assert.isTrue(Option.isSome(yield* a.chain.block(blocks[2].hash)))
    })
  )

  it.effect("refuses what it can not do", () =>
    Effect.gen(function* () {
      const { a, call, supervisor } = yield* makeRig()
      const a1 = yield* a.build()
      yield* until("a1 is indexed", Effect.map(supervisor.localUnsafe("901"), is(a1)))
      const other = { hash: `0x${"ee".repeat(32)}`, number: 1 }
      assert.match(String(yield* call("rewind", "901", other)), /^-320600 conflicting data/)
      assert.match(String(yield* call("rewind", "901", { ...other, number: 9 })), /^-321401 future data/)
      assert.match(String(yield* call("rewind", "77", other)), /^-320501 unknown chain/)
      assert.match(String(yield* call("rewind", 901, other)), /^-32602 invalid argument 0/)
      assert.match(String(yield* call("addL2RPC", "ftp://a", secret)), /^-32602 invalid argument 0/)
      const short = String(yield* call("addL2RPC", "ws://a", "0x4242"))
      assert.match(short, /^-32602 invalid argument 1: expected a JWT secret of 32 bytes/)
      assert.notInclude(short, "4242")
      assert.match(String(yield* call("setFailsafeEnabled", "yes")), /^-32602/)
      assert.match(String(yield* call("nope")), /^-32601/)
    })
  )

  it.effect("switches the fail-safe", () =>
    Effect.gen(function* () {
      const { call, supervisor } = yield* makeRig()
      assert.strictEqual(yield* call("getFailsafeEnabled"), false)
      assert.strictEqual(yield* call("setFailsafeEnabled", true), null)
      assert.strictEqual(yield* call("getFailsafeEnabled"), true)
      assert.isTrue(yield* supervisor.failsafe)
    })
  )
})
