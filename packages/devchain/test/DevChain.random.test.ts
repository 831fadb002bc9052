import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import { TestClock } from "effect/testing"
import type { Hash } from "@ephor/types"
import * as Chain from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import * as DevChain from "../src/DevChain.ts"
import * as DevTransaction from "../src/DevTransaction.ts"
import {
  base,
  canonical,
  checkCommits,
  l1,
  newStore,
  running,
  seconds,
  subDag,
  word
} from "./support/devChain.ts"

/** Numbers that look random and are the same for the same seed. */
const generator = (seed: number) => {
  let state = seed
  return (below: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const levels = ["CrossUnsafe", "LocalSafe", "CrossSafe", "Finalized"] as const
const sessions = 5
const actionsPerSession = 12

interface World {
  readonly pick: (below: number) => number
  readonly final: Map<number, Hash>
  readonly log: Array<string>
  source: number
}

/** A canonical block above the finalized one. */
const anyBlock = Effect.fnUntraced(function* ({ pick }: World) {
  const chain = yield* Chain.Chain
  const { finalized, localUnsafe } = yield* chain.heads
  if (localUnsafe.number === finalized.number) return undefined
  const number = finalized.number + 1 + pick(localUnsafe.number - finalized.number)
  return Option.getOrThrow(yield* chain.block(number))
})

/** Does one thing that may happen to a chain. What the chain refuses is part of the game. */
const act = Effect.fnUntraced(function* (world: World) {
  const chain = yield* Chain.Chain
  const devChain = yield* DevChain.DevChain
  const kind = world.pick(7)
  const block = yield* anyBlock(world)
  world.log.push(`${kind}:${block?.number ?? "-"}`)
  if (kind === 0) return yield* devChain.submit(DevTransaction.emit(`0x${"aa".repeat(20)}`, [word("01")]))
  if (kind === 1) {
    const next = l1(world.source + 1, 1000 + world.pick(60))
    yield* chain.provide(next)
    yield* Effect.yieldNow
    return
  }
  if (block === undefined) return
  if (kind === 2) return yield* chain.blacklist(block.hash, "at random")
  if (kind === 3) return void (yield* chain.invalidate(block.hash))
  if (kind === 4 || kind === 5) {
    const count = kind === 5 ? levels.length : 1 + world.pick(levels.length - 1)
    for (const level of levels.slice(0, count)) yield* chain.promote(level, block.hash)
    return
  }
  const heads = Chain.headIds(yield* chain.heads)
  const { hash, number } = block
  const lower = (head: typeof heads.localUnsafe) => (head.number > number ? { hash, number } : head)
  const lowered = {
    localUnsafe: { hash, number },
    crossUnsafe: lower(heads.crossUnsafe),
    localSafe: lower(heads.localSafe),
    crossSafe: lower(heads.crossSafe),
    finalized: heads.finalized
  }
  yield* chain.revert(lowered, "at random", { commanded: true })
})

/** What was final stays, and nobody voted for anything else. */
const check = Effect.fnUntraced(function* (world: World) {
  const chain = yield* Chain.Chain
  const { finalized } = yield* chain.heads
  const blocks = yield* canonical
  checkCommits(blocks)
  for (const [number, hash] of world.final)
    assert.strictEqual(blocks[number]?.ref.hash, hash, `final block ${number}`)
  for (const { ref } of blocks.slice(0, finalized.number + 1)) world.final.set(ref.number, ref.hash)
  const digests = new Map(blocks.slice(1).map((block) => [block.ref.number, subDag(block).digest]))
  for (const chainBlock of blocks.slice(1)) {
    for (const { block } of [...subDag(chainBlock).blocks, ...subDag(chainBlock).tip]) {
      for (const { digest, index } of block.value.commitVotes) {
        assert.isAtMost(index, finalized.number)
        assert.strictEqual(digest, digests.get(index), `a vote for commit ${index}`)
      }
    }
  }
})

const play = Effect.fnUntraced(function* (seed: number) {
  const store = yield* newStore
  const world: World = { pick: generator(seed), final: new Map(), log: [], source: 1 }
  for (let session = 0; session < sessions; session++) {
    yield* running(
      store,
      { ...base, heldRounds: 1 + world.pick(8) },
      Effect.gen(function* () {
        const chain = yield* Chain.Chain
        for (let at = 0; at < actionsPerSession; at++) {
          yield* seconds(world.pick(4))
          const done: Result.Result<void, ChainError> = yield* Effect.result(act(world))
          if (Result.isFailure(done)) world.log.push(done.failure.reason._tag)
          const head = Option.getOrThrow(yield* chain.block((yield* chain.head("LocalUnsafe")).hash))
          world.source = Math.max(world.source, head.l1origin.number)
          yield* check(world)
        }
        const before = yield* chain.head("LocalUnsafe")
        yield* TestClock.adjust("3 seconds")
        const after = yield* chain.head("LocalUnsafe")
        assert.strictEqual(after.number, before.number + 3, "the chain goes on")
        yield* check(world)
      })
    )
  }
  return world
})

describe("DevChain, whatever happens", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it.effect(`seed ${seed}`, () =>
      Effect.gen(function* () {
        const { final, log } = yield* play(seed)
        assert.isAbove(final.size, 1, log.join(" "))
      })
    )
  }
})
