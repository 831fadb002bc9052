import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Metric, Option, Stream } from "effect"
import { clientFailures } from "../src/Metrics.ts"
import * as NodeRpcChain from "../src/NodeRpcChain.ts"
import { startClient } from "./support/engine.ts"
import { word } from "./support/fakeClient.ts"
import { caughtUp, following, mine, mixed, newStore, secret, until } from "./support/rpcChain.ts"

describe("NodeRpcChain behind its client", () => {
  const failures = Effect.map(Metric.value(clientFailures), ({ count }) => Number(count))

  const catchesUp = (fetchAheadBlocks: number | undefined) =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret, delayMs: 4 })
      const { chain } = yield* following(
        url,
        yield* newStore,
        fetchAheadBlocks === undefined ? {} : { fetchAheadBlocks }
      )
      const imported = yield* chain.events.pipe(
        Stream.filter((event) => event._tag === "Imported"),
        Stream.take(100),
        Stream.runCollect,
        Effect.forkChild({ startImmediately: true })
      )
      const blocks = mine(client, 100, { transactions: mixed })
      yield* caughtUp(client, chain)
      assert.deepStrictEqual(
        (yield* Fiber.join(imported)).map(({ block }) => block.hash),
        blocks.map(({ hash }) => hash)
      )
      const { receipts } = yield* chain.content(blocks[70]!.hash)
      assert.strictEqual(receipts.length, mixed.length)
      return client.mostAtOnce
    })

  it.live("catches up in order, with blocks fetched ahead", () =>
    Effect.gen(function* () {
      const most = yield* catchesUp(undefined)
      assert.isAtMost(most, NodeRpcChain.defaults.fetchAheadBlocks)
      assert.isAtLeast(most, 8)
      assert.isAtMost(yield* catchesUp(3), 3)
      assert.strictEqual(yield* catchesUp(1), 1)
    })
  )

  it.live("ends on the client's branch when the client goes back meanwhile", () =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret, delayMs: 2 })
      const before = yield* failures
      mine(client, 60)
      const turning = client.at(30)!.hash
      let turned = false
      client.onRead = ({ method, params }) => {
        if (turned || method !== "eth_getBlockReceipts" || params[0] !== turning) return
        turned = true
        client.head = client.at(12)!.hash
        mine(client, 60, { mixHash: word("99") })
      }
      const { chain } = yield* following(url, yield* newStore)
      yield* until(
        Effect.sync(() => turned),
        (turned) => turned
      )
      assert.strictEqual((yield* caughtUp(client, chain)).number, 72)
      for (let number = 0; number <= 72; number++) {
        assert.strictEqual(Option.getOrThrow(yield* chain.block(number)).hash, client.at(number)!.hash)
      }
      assert.strictEqual(yield* failures, before)
    })
  )

  it.live("takes what comes before a block that cannot be fetched, and goes on when it can", () =>
    Effect.gen(function* () {
      const { client, url } = yield* startClient({ secret })
      mine(client, 40)
      const broken = client.at(30)!.hash
      // It fails at once, while those before it are still on their way.
      client.instead.set("eth_getBlockReceipts", ({ params }) =>
        params[0] === broken
          ? { error: { code: -32_000, message: "missing trie node" } }
          : new Promise((resolve) => setTimeout(() => resolve(undefined), 20))
      )
      const before = yield* failures
      const { chain } = yield* following(url, yield* newStore, { pollIntervalMs: 200 })
      yield* until(chain.head("LocalUnsafe"), ({ number }) => number >= 29)
      assert.isAtMost((yield* failures) - before, 1)
      yield* until(failures, (failed) => failed > before)
      assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 29)
      client.instead.clear()
      assert.strictEqual((yield* caughtUp(client, chain)).number, 40)
    })
  )
})
