import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import type { Signature } from "@ephor/types"
import * as Keystore from "../src/Keystore.ts"
import * as NodeKeystore from "../src/NodeKeystore.ts"
import * as NodeSignaturePool from "../src/NodeSignaturePool.ts"

const secrets = [Redacted.make("//Alice")]
const keystore = (limits: Partial<NodeSignaturePool.Limits> = {}) =>
  Effect.map(
    Layer.build(NodeKeystore.layerSr25519({ secrets }).pipe(Layer.provide(NodeSignaturePool.layer(limits)))),
    Context.get(Keystore.Keystore)
  )
const payloadOf = (n: number) => new TextEncoder().encode(`payload ${n}`)

describe("a signature pool", () => {
  it.live("tells valid from invalid signatures, many at a time", () =>
    Effect.gen(function* () {
      const { publicKeys, sign, verify } = yield* keystore({ workers: 2, batchSize: 4 })
      const key = publicKeys[0]!
      const signed = yield* Effect.forEach(
        Array.from({ length: 40 }, (_, n) => n),
        (n) => Effect.map(sign(key, payloadOf(n)), (signature) => ({ n, signature }))
      )
      const verdicts = yield* Effect.forEach(
        signed,
        ({ n, signature }) => verify(key, payloadOf(n % 3 === 0 ? n + 1 : n), signature),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(
        verdicts,
        signed.map(({ n }) => n % 3 !== 0)
      )
    })
  )

  it.live("says false for whatever is no key and no signature", () =>
    Effect.gen(function* () {
      const { publicKeys, sign, verify } = yield* keystore({ workers: 1 })
      const key = publicKeys[0]!
      const good = yield* sign(key, payloadOf(1))
      const bad: ReadonlyArray<readonly [`0x${string}`, Signature]> = [
        ["0x", good],
        [key, "0x"],
        [key, `0x${"zz".repeat(64)}`],
        [`0x${"ff".repeat(32)}`, good],
        [key, `0x${"ff".repeat(64)}`],
        [key, `0x${"00".repeat(64)}`]
      ]
      for (const [one, signature] of bad) assert.isFalse(yield* verify(one, payloadOf(1), signature))
      assert.isTrue(yield* verify(key, payloadOf(1), good))
      const long = new Uint8Array(100_000)
      assert.isTrue(yield* verify(key, long, yield* sign(key, long)))
    })
  )

  it.live("names the bad ones of a list, whatever they are, also of one that is longer than the queue", () =>
    Effect.gen(function* () {
      const here = yield* Effect.provide(Keystore.Keystore, Keystore.layerSr25519({ secrets }))
      const pools = [
        yield* keystore({ workers: 2, batchSize: 8, queueCapacity: 20, payloadBytes: 1000 }),
        yield* keystore({ workers: 1, batchSize: 1_000_000, queueCapacity: 1 })
      ]
      const key = here.publicKeys[0]!
      const checks = yield* Effect.forEach(
        Array.from({ length: 60 }, (_, n) => n),
        (n) => {
          const payload = n % 10 === 3 ? new Uint8Array(2000).fill(n) : payloadOf(n)
          return Effect.map(here.sign(key, payload), (signature) => ({ key, payload, signature }))
        }
      )
      const bad: typeof checks = [
        { ...checks[1]!, key: "0x" },
        { ...checks[2]!, signature: `0x${"zz".repeat(64)}` },
        { ...checks[3]!, payload: new Uint8Array(2000) },
        { ...checks[4]!, payload: payloadOf(5) },
        { ...checks[6]!, signature: `0x${"ff".repeat(64)}` },
        { ...checks[7]!, key: `0x${"ff".repeat(32)}` }
      ]
      const list = checks.flatMap((check, n) => (n % 10 === 0 ? [check, bad[n / 10]!] : [check]))
      const expected = list.map((check) => !bad.includes(check))
      for (const { verifyAll } of [here, ...pools]) {
        assert.deepStrictEqual(yield* verifyAll(list), expected)
        assert.deepStrictEqual(yield* verifyAll([]), [])
        const both = yield* Effect.all([verifyAll(list), verifyAll(checks)], { concurrency: "unbounded" })
        assert.deepStrictEqual(both, [expected, checks.map(() => true)])
      }
    })
  )

  it.live("holds its callers back beyond its capacity, and forgets those that go away", () =>
    Effect.gen(function* () {
      const { publicKeys, sign, verify } = yield* keystore({ workers: 1, batchSize: 1, queueCapacity: 4 })
      const key = publicKeys[0]!
      const signature = yield* sign(key, payloadOf(7))
      const check = verify(key, payloadOf(7), signature)
      const many = yield* Effect.forEach(Array.from({ length: 100 }), () => Effect.forkChild(check))
      yield* Effect.forEach(many.slice(0, 50), Fiber.interrupt, { concurrency: "unbounded" })
      for (const fiber of many.slice(50)) assert.isTrue(yield* Fiber.join(fiber))
      assert.isTrue(yield* check)
    })
  )

  it.live("ends its threads with its scope", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { publicKeys, sign, verify } = yield* Scope.provide(keystore({ workers: 2 }), scope)
      const key = publicKeys[0]!
      assert.isTrue(yield* verify(key, payloadOf(1), yield* sign(key, payloadOf(1))))
      const threads = () => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length
      const before = threads()
      yield* Scope.close(scope, Exit.void)
      assert.isAtMost(threads(), before)
    })
  )
})
