import { assert, describe, it } from "@effect/vitest"
import { Chain, ChainError } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import { Disputes, Enforcement, Governance } from "@ephor/disputes"
import { candidateHash, SafetyLevel } from "@ephor/types"
import { Context, Effect, Layer } from "effect"
import { TestClock } from "effect/testing"
import * as World from "./support/world.ts"

const A = World.receipt("A")
const conclusion = (
  valid: boolean,
  ...including: ReadonlyArray<Parameters<typeof World.leafOf>>
): Disputes.DisputeConclusion => ({
  session: 10,
  candidateHash: candidateHash(A),
  candidate: A,
  valid,
  // A reference as the chain has it, without what only L2 blocks carry.
  including: including.map(([block, parent, number]) => {
    const { hash, number: height, parentHash, timestamp } = World.leafOf(block, parent, number)
    return { hash, number: height, parentHash, timestamp }
  })
})
const turns = Effect.repeat(Effect.yieldNow, { times: 50 })

/** g-a-b-c and a-d, with enforcement at work. */
const start = Effect.fnUntraced(function* (
  options: { readonly chain?: Chain.Service; readonly store?: Store.Service } = {}
) {
  const chain = options.chain ?? Context.get(yield* Layer.build(Layer.fresh(World.chain)), Chain.Chain)
  const store = options.store ?? Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
  if (options.chain === undefined) {
    yield* Effect.provideService(World.grow("a-b-c"), Chain.Chain, chain)
    yield* Effect.provideService(World.grow("d", "a", 2), Chain.Chain, chain)
  }
  const services = yield* Layer.build(
    Layer.fresh(
      Enforcement.layer.pipe(
        Layer.provideMerge([
          Disputes.layer,
          Layer.succeed(Chain.Chain, chain),
          Layer.succeed(Store.Store, store)
        ])
      )
    )
  )
  yield* turns
  return {
    chain,
    store,
    hub: Context.get(services, Disputes.Disputes),
    governance: Context.get(services, Enforcement.Governance),
    invalidated: Effect.map(
      Effect.forEach(["a", "b", "c", "d"], (block) =>
        Effect.map(chain.isInvalidated(ChainScript.hash(block)), (is) => (is ? block : ""))
      ),
      (names) => names.join("")
    )
  }
})

describe("Enforcement", () => {
  it.effect("an invalid candidate takes its block and what builds upon it off the chain, on every fork", () =>
    Effect.gen(function* () {
      const { chain, governance, hub, invalidated } = yield* start()
      yield* hub.conclude(conclusion(true, ["b", "a", 2]))
      yield* turns
      assert.strictEqual(yield* invalidated, "")
      yield* hub.conclude(conclusion(false, ["b", "a", 2]))
      yield* turns
      assert.strictEqual(yield* invalidated, "bc")
      assert.strictEqual((yield* chain.head("LocalUnsafe")).number < 3, true)
      yield* hub.conclude(conclusion(false, ["b", "a", 2], ["d", "a", 2]))
      yield* turns
      assert.strictEqual(yield* invalidated, "bcd")
      assert.isFalse((yield* governance.mode).frozen)
    })
  )
  it.effect("more than f against suffice to leave a block, but not to call for people", () =>
    Effect.gen(function* () {
      const { chain, governance, hub, invalidated } = yield* start()
      const { candidateHash, including, session } = conclusion(false, ["b", "a", 2])
      const reversal = { session, candidateHash, including }
      for (const level of ["LocalSafe", "CrossUnsafe", "CrossSafe", "Finalized"] as const)
        yield* chain.promote(level, ChainScript.hash("b"), ChainScript.l1(1))
      yield* hub.revert(reversal)
      yield* turns
      assert.strictEqual(yield* invalidated, "c")
      assert.isFalse((yield* governance.mode).frozen)
      yield* hub.conclude(conclusion(false, ["b", "a", 2]))
      yield* turns
      assert.isTrue((yield* governance.mode).frozen)
    })
  )
  it.effect("a block that is found later is taken off too", () =>
    Effect.gen(function* () {
      const { hub, invalidated } = yield* start()
      yield* hub.conclude(conclusion(false))
      yield* hub.includeLate(conclusion(false, ["b", "a", 2]))
      yield* turns
      assert.strictEqual(yield* invalidated, "bc")
    })
  )
  it.effect(
    "a final block cannot be taken back: governance mode, kept over a restart until people lift it",
    () =>
      Effect.gen(function* () {
        const first = yield* start()
        for (const level of SafetyLevel.literals)
          yield* first.chain.promote(level, ChainScript.hash("b"), ChainScript.l1(1))
        yield* first.hub.conclude(conclusion(false, ["b", "a", 2]))
        yield* turns
        const mode = yield* first.governance.mode
        assert.deepStrictEqual(mode, { frozen: true, conclusion: conclusion(false, ["b", "a", 2]) })
        // What is above the final block is taken off all the same (votes-db, "Dispute Effects").
        assert.strictEqual(yield* first.invalidated, "c")
        const second = yield* start({ store: first.store, chain: first.chain })
        assert.deepStrictEqual(yield* second.governance.mode, mode)
        yield* second.governance.lift
        assert.deepStrictEqual(yield* second.governance.mode, { frozen: false, conclusion: undefined })
        const third = yield* start({ store: first.store, chain: first.chain })
        assert.isFalse((yield* third.governance.mode).frozen)
        // After a restart the conclusion is told again: people have decided about it.
        yield* third.hub.includeLate(conclusion(false, ["b", "a", 2]))
        yield* turns
        assert.isFalse((yield* third.governance.mode).frozen)
        const other = { ...conclusion(false, ["a", "g", 1]), candidateHash: ChainScript.hash("e") }
        yield* third.hub.includeLate(other)
        yield* turns
        assert.strictEqual(
          (yield* Governance.unfreeze(first.store)).conclusion?.candidateHash,
          other.candidateHash
        )
        // Each decision is on record.
        assert.deepStrictEqual(
          (yield* Governance.decided(first.store)).map(({ candidateHash, session }) => [
            session,
            candidateHash
          ]),
          [candidateHash(A), other.candidateHash].sort().map((hash) => [10, hash])
        )
        const fourth = yield* start({ store: first.store, chain: first.chain })
        yield* fourth.hub.includeLate(other)
        yield* turns
        assert.isFalse((yield* fourth.governance.mode).frozen)
      })
  )
  it.effect("a backend that is away is asked again", () =>
    Effect.gen(function* () {
      const plain = yield* start()
      let failures = 2
      const chain: Chain.Service = {
        ...plain.chain,
        blacklist: (block, reason) =>
          Effect.suspend(() => {
            if (failures-- <= 0) return plain.chain.blacklist(block, reason)
            const away = { _tag: "Backend", what: "engine", cause: new Error("away") } as const
            return Effect.flatMap(backendFailure(away), Effect.fail)
          })
      }
      const { hub } = yield* start({ chain })
      yield* hub.conclude(conclusion(false, ["b", "a", 2]))
      yield* turns
      assert.strictEqual(yield* plain.invalidated, "")
      yield* TestClock.adjust("3 seconds")
      yield* turns
      assert.strictEqual(yield* plain.invalidated, "bc")
    })
  )
  it.effect("a block that nobody knows is logged, and stops nothing", () =>
    Effect.gen(function* () {
      const { hub, invalidated } = yield* start()
      yield* hub.conclude(conclusion(false, ["x", "a", 2], ["d", "a", 2]))
      yield* turns
      assert.strictEqual(yield* invalidated, "d")
    })
  )
})

const backendFailure = (reason: object) =>
  Effect.sync(
    () =>
      new ChainError(
        { method: "Chain.blacklist", reason: reason as ChainError["reason"] },
        { disableChecks: true }
      )
  )
