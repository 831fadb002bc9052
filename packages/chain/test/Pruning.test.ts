import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { Chain, ChainRecords } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as Script from "@ephor/chain/testing/ChainScript"
import { line, prunedTo, settled } from "@ephor/chain/testing/rows/Pruning"

const base: Chain.Backend = {
  genesis: Script.genesis,
  anchorSource: Script.l1(0),
  replace: Chain.complementing
}
const limits: Partial<Chain.Limits> = {
  historyBlocks: 10,
  pruneBatchBlocks: 4,
  rememberedBlocks: 12,
  retainedBlocks: 8
}
const open = (store: Store.Service, given: Partial<Chain.Limits> = limits) =>
  Effect.provideService(Chain.make(base, given), Store.Store, store)
const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), (context) =>
  Store.Store.of(context.mapUnsafe.get(Store.Store.key))
)
const keysOf = (store: Store.Service, table: string) =>
  store.iterate(new TextEncoder().encode(`${table}\0`)).pipe(Stream.runCollect)
const records = Effect.fnUntraced(function* (store: Store.Service) {
  const found: Record<string, number> = {}
  for (const table of ["content", "block", "number", "canonical", "source", "invalid", "replacement"])
    found[table] = (yield* keysOf(store, table)).length
  return found
})

const failure = new Store.StoreError({
  operation: "batch",
  path: "x",
  reason: new Store.StoreIo({ cause: new Error("gone") })
})

/** A store that takes so many batches and no more, as one whose process is killed then: what was written is there. */
const killedAfter = (store: Store.Service, batches: number): Store.Service => {
  let left = batches
  return { ...store, batch: (writes) => (left-- > 0 ? store.batch(writes) : Effect.fail(failure)) }
}

describe("Pruning", () => {
  it.effect("a chain goes on from the history that is kept", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(open(store), scope)
      yield* Script.run(first, `${line(40)}; finalize b31; b38-x-y`)
      yield* prunedTo(first, 21)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(Option.getOrThrow(yield* ChainRecords.lowest(store)), 21)
      const again = yield* open(store)
      assert.strictEqual(yield* again.history, 21)
      assert.strictEqual(yield* Script.heads(again), "b40 b31 b31 b31 b31")
      assert.deepStrictEqual(yield* again.content(Script.hash("b21")), Script.block("b21", "b20", 21))
      assert.strictEqual((yield* Effect.flip(again.block(20))).reason._tag, "Pruned")
      assert.strictEqual((yield* again.descendants(Script.hash("b38"))).length, 4)
      yield* Script.run(again, `b40-${line(60).split("-").slice(41).join("-")}; finalize b55`)
      yield* prunedTo(again, 45)
      yield* settled
      // Ten below the final one, fewer than a batch more, what is not final, the first block, and a branch of two.
      const kept = yield* records(store)
      assert.strictEqual(kept["content"], 1 + 16)
      assert.strictEqual(kept["block"], kept["content"])
      assert.strictEqual(kept["number"], kept["content"]! + 12)
      assert.strictEqual(kept["canonical"], kept["number"])
    }).pipe(Effect.scoped)
  )

  it.effect("a window that is larger than before, or smaller, holds from the next start on", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const run = (
        given: Partial<Chain.Limits>,
        use: (chain: Chain.Service) => Effect.Effect<void, unknown>
      ) => Effect.scoped(Effect.flatMap(open(store, given), use))
      yield* run({ ...limits, historyBlocks: "archive", retainedBlocks: 30 }, (chain) =>
        Script.run(chain, `${line(60)}; finalize b50`)
      )
      yield* run(limits, (chain) => prunedTo(chain, 37))
      yield* run({ ...limits, historyBlocks: 40, retainedBlocks: 30 }, (chain) =>
        Effect.gen(function* () {
          yield* settled
          assert.strictEqual(yield* chain.history, 37)
          assert.strictEqual(yield* Script.heads(chain), "b60 b50 b50 b50 b50")
          yield* Script.run(chain, "b60-z; finalize b60")
        })
      )
    }).pipe(Effect.scoped)
  )

  it.effect("a kill after any batch leaves a chain that goes on, and nothing behind", () =>
    Effect.gen(function* () {
      const all = `${line(40)}; finalize b31`
      // 40 blocks and 3 promotions, then 5 batches of pruning, and the one that makes the store.
      for (let batches = 42; batches <= 49; batches++) {
        const store = yield* newStore
        const scope = yield* Scope.make()
        const killed = yield* Scope.provide(open(killedAfter(store, batches)), scope)
        yield* Effect.ignore(Script.run(killed, all))
        yield* settled
        yield* Scope.close(scope, Exit.void)
        const again = yield* open(store)
        yield* Script.run(again, "finalize b31")
        yield* prunedTo(again, 21)
        yield* settled
        const kept = yield* records(store)
        const blocks = (yield* again.head("LocalUnsafe")).number
        assert.deepStrictEqual(
          [kept["content"], kept["block"], kept["number"]],
          [blocks - 19, blocks - 19, blocks - 19 + 12],
          `killed after ${batches} batches`
        )
        assert.strictEqual(Option.getOrThrow(yield* again.block(blocks)).number, blocks)
      }
    }).pipe(Effect.scoped)
  )

  it.effect("a batch that fails is made up for when finality goes on", () =>
    Effect.gen(function* () {
      const inner = yield* newStore
      let broken = false
      const store: Store.Service = {
        ...inner,
        batch: (writes) =>
          broken && writes.some(({ key }) => new TextDecoder().decode(key).startsWith("history"))
            ? Effect.fail(failure)
            : inner.batch(writes)
      }
      const chain = yield* open(store, { ...limits, retainedBlocks: 1 })
      yield* Script.run(chain, line(40))
      yield* Script.run(chain, "finalize b8")
      broken = true
      yield* Script.run(chain, "finalize b20")
      yield* settled
      assert.deepStrictEqual(yield* ChainRecords.lowest(inner), Option.none())
      assert.strictEqual((yield* records(inner))["content"], 1 + 40)
      broken = false
      yield* Script.run(chain, "finalize b31")
      yield* prunedTo(chain, 21)
      yield* settled
      assert.strictEqual((yield* records(inner))["content"], 1 + 20)
    }).pipe(Effect.scoped)
  )

  it.effect("invalid blocks leave no records behind them", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const chain = yield* open(store)
      let parent = "g"
      for (let at = 1; at <= 60; at++) {
        yield* Script.run(chain, `${parent}-n${at}; ${at % 2 === 0 ? "blacklist" : "invalidate"} n${at}`)
        const next = at % 2 === 0 ? `m${at}` : `n${at}'`
        if (at % 2 === 0) yield* Script.run(chain, `${parent}-${next}`)
        if (at > 4)
          yield* Script.run(
            chain,
            `finalize ${Script.name(Option.getOrThrow(yield* chain.block(at - 4)).hash)}`
          )
        parent = next
      }
      yield* settled
      const kept = yield* records(store)
      // Those above the final block and the eight below it that are in memory.
      assert.isAtMost(kept["invalid"]!, 12)
      assert.isAtMost(kept["replacement"]!, 6)
    }).pipe(Effect.scoped)
  )
})
