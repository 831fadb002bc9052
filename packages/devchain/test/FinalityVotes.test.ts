import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import * as Chain from "@ephor/chain/Chain"
import * as DevChain from "../src/DevChain.ts"
import * as FinalityVotes from "../src/finality/FinalityVotes.ts"
import { base, newStore, running, seconds, word } from "./support/devChain.ts"

describe("accepted", () => {
  it.each([
    [[5, 7, 9], 1, 2, 9],
    [[5, 7, 9], 2, 2, 7],
    [[5, 7, 9], 3, 2, 5],
    [[5, 7, 9], 4, 2, 2],
    [[], 1, 2, 2],
    [[1], 1, 2, 2]
  ] as const)("votes %j, %i needed above %i: %i", (votes, needed, from, expected) => {
    assert.strictEqual(FinalityVotes.accepted(votes, needed, from), expected)
  })
})

describe("stands", () => {
  it.each([
    [[5, 7, 9, 9], 3, false],
    [[5, 7, 9, null], 3, false],
    [[5, 7, null, null], 3, true],
    [[null], 1, true],
    // Away is not the same as waiting for people.
    [[5], 3, false],
    [[], 3, false]
  ] as const)("votes %j, %i needed: %s", (votes, needed, expected) => {
    assert.strictEqual(FinalityVotes.stands(votes, needed), expected)
  })
})

/** What a chain that finalizes 2 blocks behind its head is told by its voters. */
const chainOf = (finality: Partial<DevChain.Finality>) => ({ ...base, finality: { depth: 2, ...finality } })
const finalized = Effect.flatMap(Chain.Chain, (chain) =>
  Effect.map(chain.head("Finalized"), ({ number }) => number)
)
const head = Effect.flatMap(Chain.Chain, (chain) =>
  Effect.map(chain.head("LocalUnsafe"), ({ number }) => number)
)

describe("a chain that counts votes", () => {
  it.effect("finalizes by depth what enough voters accept, and nothing while they are away", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      let accepts = 3
      yield* running(
        store,
        chainOf({ votes: 1 }),
        Effect.gen(function* () {
          const { voteFinality } = yield* DevChain.DevChain
          yield* seconds(5)
          assert.strictEqual(yield* finalized, 0, "nobody votes")
          const scope = yield* Scope.make()
          yield* voteFinality((from, target) =>
            Effect.sync(() => {
              assert.isBelow(from.number, target.number)
              return accepts
            })
          ).pipe(Scope.provide(scope))
          yield* seconds(3)
          assert.isAbove(yield* head, 6)
          assert.strictEqual(yield* finalized, 3)
          accepts = 1000
          yield* seconds(1)
          assert.strictEqual(yield* finalized, (yield* head) - 2, "never above the depth")
          yield* Scope.close(scope, Exit.void)
          const before = yield* finalized
          yield* seconds(4)
          assert.strictEqual(yield* finalized, before, "the voter is gone")
        })
      )
    })
  )

  it.effect("goes on without the votes when finality is too far behind, and no further than that", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        chainOf({ votes: 1, maxLagBlocks: 6 }),
        Effect.gen(function* () {
          yield* seconds(6)
          assert.strictEqual(yield* finalized, 0)
          yield* seconds(4)
          assert.strictEqual(yield* finalized, (yield* head) - 6)
        })
      )
    })
  )

  it.effect("takes a voter that is late, or that breaks, for one that accepts nothing", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        chainOf({ votes: 2, voteTimeoutMs: 100 }),
        Effect.gen(function* () {
          const { voteFinality } = yield* DevChain.DevChain
          const chain = yield* Chain.Chain
          yield* voteFinality(() => Effect.never)
          yield* voteFinality(() => Effect.die(new Error("broken")))
          yield* voteFinality((_, { number }) => Effect.succeed(number))
          yield* seconds(5)
          assert.strictEqual(yield* finalized, 0)
          yield* voteFinality((_, { number }) => Effect.succeed(number - 1))
          yield* seconds(3)
          // The late voter keeps the others waiting.
          yield* TestClock.adjust(100)
          const final = yield* finalized
          assert.strictEqual(final, (yield* head) - 3, "the second best vote")
          assert.isTrue(Option.isSome(yield* chain.block(final)))
        })
      )
    })
  )

  it.effect("asks nobody where depth alone decides", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        chainOf({}),
        Effect.gen(function* () {
          const { voteFinality } = yield* DevChain.DevChain
          yield* voteFinality(() => Effect.succeed(0))
          yield* seconds(6)
          assert.strictEqual(yield* finalized, (yield* head) - 2)
        })
      )
    })
  )

  it.effect("stands while people are waited for, however far behind, and goes on afterwards", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        chainOf({ votes: 2, maxLagBlocks: 4 }),
        Effect.gen(function* () {
          const { finalityWaited, voteFinality } = yield* DevChain.DevChain
          let isFrozen = true
          for (const _ of [0, 1])
            yield* voteFinality((__, { number }) => Effect.sync(() => (isFrozen ? null : number)))
          yield* voteFinality((_, { number }) => Effect.succeed(number))
          yield* seconds(9)
          assert.isAbove(yield* head, 7)
          assert.strictEqual(yield* finalized, 0)
          assert.strictEqual(yield* finalityWaited, (yield* head) - 2, "each block is counted once")
          isFrozen = false
          yield* seconds(1)
          assert.strictEqual(yield* finalized, (yield* head) - 2)
        })
      )
    })
  )
})

describe("a chain that is told from outside what is final", () => {
  it.effect("goes as far as its voters accept, also by a command to go elsewhere", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        { ...base, finality: { external: { votes: 2, maxLagBlocks: 9 } } },
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          const { finalityWaited, voteFinality } = yield* DevChain.DevChain
          let accepts: number | null = 2
          for (const _ of [0, 1]) yield* voteFinality(() => Effect.sync(() => accepts))
          yield* seconds(6)
          const five = Option.getOrThrow(yield* chain.block(5))
          for (const level of ["LocalSafe", "CrossSafe"] as const) yield* chain.promote(level, five.hash)
          yield* chain.promote("Finalized", five.hash)
          assert.deepStrictEqual([yield* finalized, yield* finalityWaited], [2, 3])
          const { crossSafe, crossUnsafe, localSafe, localUnsafe } = yield* chain.heads
          const heads = { crossSafe, crossUnsafe, localSafe, localUnsafe, finalized: five }
          yield* chain.revert(Chain.headIds(heads), "commanded", { commanded: true })
          assert.strictEqual(yield* finalized, 2)
          accepts = null
          yield* chain.promote("Finalized", five.hash)
          assert.strictEqual(yield* finalized, 2)
          accepts = 5
          yield* chain.promote("Finalized", five.hash)
          assert.deepStrictEqual([yield* finalized, yield* finalityWaited], [5, 3])
        })
      )
    })
  )

  it.effect("goes on without its voters once it is too far behind, and refuses what it does not know", () =>
    Effect.gen(function* () {
      yield* running(
        yield* newStore,
        { ...base, finality: { external: { votes: 1, maxLagBlocks: 3 } } },
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          yield* seconds(6)
          const head = yield* chain.head("LocalUnsafe")
          for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const)
            yield* chain.promote(level, head.hash)
          assert.strictEqual(yield* finalized, head.number - 3)
          const unknown = yield* Effect.flip(chain.promote("Finalized", word("ee")))
          assert.strictEqual(unknown.reason._tag, "UnknownBlock")
        })
      )
    })
  )
})
