import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Random } from "effect"
import { TestClock } from "effect/testing"
import * as Chain from "@ephor/chain/Chain"
import { SteadyTime } from "../src/authoring/SteadyTime.ts"
import { Timestamps } from "../src/authoring/Timestamps.ts"
import { base, newStore, running, seconds } from "./support/devChain.ts"

const hourMs = 3_600_000

describe("clocks of makers of blocks", () => {
  it.effect(
    "blocks go on, each with its own second, when the clock is set back, forward, and right again",
    () =>
      Effect.gen(function* () {
        yield* TestClock.setTime(2_000_000_000_000)
        const test = yield* Clock.Clock
        let setByMs = 0
        const wall = () => test.currentTimeMillisUnsafe() + setByMs
        const clock = { ...test, currentTimeMillisUnsafe: wall, currentTimeMillis: Effect.sync(wall) }
        yield* running(
          yield* newStore,
          { ...base, genesisTime: 2_000_000_000 },
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            yield* seconds(5)
            for (const step of [-hourMs, 0, 25 * hourMs, 0]) {
              setByMs = step
              const before = yield* chain.head("LocalUnsafe")
              yield* seconds(10)
              const after = yield* chain.head("LocalUnsafe")
              assert.strictEqual(after.number - before.number, 10)
              assert.strictEqual(after.timestamp - before.timestamp, 10)
            }
            // It stays an hour ahead: the chain believes it, and does not stop when it is put right again.
            setByMs = hourMs
            yield* seconds(40)
            assert.isAtLeast((yield* chain.head("LocalUnsafe")).timestamp, 2_000_003_600)
            setByMs = 0
            const { number } = yield* chain.head("LocalUnsafe")
            yield* seconds(60)
            assert.strictEqual((yield* chain.head("LocalUnsafe")).number, number + 60)
          })
        ).pipe(Effect.provideService(Clock.Clock, clock))
      })
  )

  it.effect("timestamps do not run away from the clock, however short the block time", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(2_000_000_000_000)
      yield* running(
        yield* newStore,
        { ...base, genesisTime: 2_000_000_000, blockTimeMs: 100 },
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          yield* seconds(30)
          const { number, timestamp } = yield* chain.head("LocalUnsafe")
          assert.strictEqual(number, 300)
          assert.isAtMost(timestamp, 2_000_000_031)
        })
      )
    })
  )

  it.effect("timestamps never go back, and gain on the clock at most once", () =>
    Effect.gen(function* () {
      for (const blockTimeMs of [100, 333, 1000, 2500]) {
        const timestamps = new Timestamps()
        let parent = 100
        for (let slot = 1; slot < 300; slot++) {
          const jitterMs = yield* Random.nextIntBetween(0, 50)
          const next = timestamps.after(parent, slot * blockTimeMs + jitterMs, slot * blockTimeMs)
          assert.isAtLeast(next, blockTimeMs < 1000 ? parent : parent + 1)
          assert.isAtMost(next, 102 + (slot * blockTimeMs) / 1000)
          parent = next
        }
      }
    })
  )

  it("a jump is believed when it lasts, drift at once", () => {
    const time = new SteadyTime()
    assert.strictEqual(time.at(5000, 1000), 5000)
    assert.strictEqual(time.at(6900, 2000), 6900)
    assert.strictEqual(time.at(100_000, 3000), 7900)
    assert.strictEqual(time.at(8900, 4000), 8900)
    assert.strictEqual(time.at(100_000, 5000), 9900)
    assert.strictEqual(time.at(129_000, 34_000), 38_900)
    assert.strictEqual(time.at(130_000, 35_000), 130_000)
  })
})
