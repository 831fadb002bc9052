/**
 * Three chains whose batches reach L1 at different paces, with messages between them, some of them forged. Everything
 * follows from a seed.
 */
import type { Hash, L2BlockRef, LogContent } from "@ephor/types"
import { Context, Effect, Layer, Option } from "effect"
import { TestClock } from "effect/testing"
import { L1, Supervisor } from "../../src/index.ts"
import { randomOf } from "../town.ts"
import { execute, makeL1, makeL2, persistentStore, plainLog, type TestL2 } from "../world.ts"
import { configOf } from "./supervisor.ts"

interface Chain {
  readonly l2: TestL2
  readonly said: Map<Hash, ReadonlyArray<LogContent>>
  /** How often it gets into an L1 block. */
  readonly pace: number
}

export const makeLagging = Effect.fnUntraced(function* (seed: number) {
  const random = randomOf(seed)
  const l1 = makeL1()
  const chains: Array<Chain> = []
  for (const id of ["901", "902", "903"]) {
    chains.push({ l2: yield* makeL2(id, l1), said: new Map(), pace: 0.15 + random.next() * 0.7 })
  }
  const context = yield* Layer.build(
    Supervisor.layer(
      configOf(
        l1,
        chains.map(({ l2 }) => l2)
      )
    ).pipe(Layer.provide(Layer.fresh(L1.layer(l1.source))), Layer.provide(yield* persistentStore))
  )
  const supervisor = Context.get(context, Supervisor.Supervisor)

  /** A log of a block that another chain has, at this time or before; forged, it names what nobody said. */
  const message = Effect.fnUntraced(function* (of: Chain, number: number) {
    const from = chains[random.below(3)]!
    // Often a recent one, which its chain's batcher has not posted yet.
    const back = random.chance(0.7) ? random.below(3) : random.below(number + 1)
    const block = Option.getOrUndefined(yield* from.l2.chain.block(Math.max(0, number - back)))
    if (from === of || block === undefined || block.number === 0) return undefined
    const said = from.said.get(block.hash) ?? []
    const index = random.below(Math.max(1, said.length))
    const forged = random.chance(0.12)
    const log = forged ? plainLog("never said") : said[index]
    return log && execute(from.l2.chainId, block, index, log)
  })

  const build = Effect.fnUntraced(function* (chain: Chain, talks: boolean) {
    const { number } = yield* chain.l2.chain.head("LocalUnsafe")
    const logs: Array<LogContent> = []
    for (let i = talks ? random.below(3) : 0; i > 0; i--) {
      const executed = random.chance(0.6) ? yield* message(chain, number + 1) : undefined
      logs.push(executed ?? plainLog(`${chain.l2.chainId}/${number}/${i}/${random.below(1000)}`))
    }
    const block = yield* chain.l2.build(logs, { mark: String(random.below(1_000_000)) })
    chain.said.set(block.hash, logs)
  })

  /** A new L1 block, which takes blocks of the chains whose batchers are in time, and not always all of theirs. */
  const mine = Effect.fnUntraced(function* (all: boolean) {
    l1.mine(1, String(random.below(1_000_000)))
    for (const { l2, pace } of chains) {
      if (!all && !random.chance(pace)) continue
      const held = new Set([...l2.batches.values()].flatMap((blocks) => blocks.map(({ hash }) => hash)))
      const head = yield* l2.chain.head("LocalUnsafe")
      const missing: Array<L2BlockRef> = []
      for (let number = 1; number <= head.number; number++) {
        const block = Option.getOrThrow(yield* l2.chain.block(number))
        if (!held.has(block.hash)) missing.push(block)
      }
      const count = all ? missing.length : random.below(missing.length + 1)
      l2.batch(l1.blocks.length - 1, ...missing.slice(0, count))
    }
  })

  const step = Effect.fnUntraced(function* () {
    if (random.chance(0.6)) yield* build(chains[random.below(3)]!, true)
    else yield* mine(false)
    yield* TestClock.adjust(250 * (1 + random.below(6)))
  })

  /** Whether everything built is cross-safe on every chain. */
  const isSettled = Effect.gen(function* () {
    for (const { l2 } of chains) {
      const head = yield* l2.chain.head("LocalUnsafe")
      if ((yield* supervisor.crossSafe(l2.chainId)).derived.hash !== head.hash) return false
    }
    return true
  }).pipe(Effect.orElseSucceed(() => false))

  /** Faults end: nobody forges, all batches are posted. Fails with where everything stands if a chain never goes on. */
  const settle = Effect.fnUntraced(function* () {
    for (let i = 0; i < 40; i++) {
      const heads = yield* Effect.forEach(chains, ({ l2 }) => l2.chain.head("LocalUnsafe"))
      const highest = Math.max(...heads.map(({ number }) => number)) + (i === 0 ? 2 : 0)
      for (const chain of chains) {
        while ((yield* chain.l2.chain.head("LocalUnsafe")).number < highest) yield* build(chain, false)
      }
      yield* mine(true)
      for (let j = 0; j < 16; j++) {
        yield* TestClock.adjust("500 millis")
        if (yield* isSettled) return
      }
    }
    const where = JSON.stringify(yield* supervisor.syncStatus)
    return yield* Effect.die(new Error(`seed ${seed}: cross-safe stands still at ${where}`))
  })
  return { step, settle, supervisor }
})
