import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Layer, Metric } from "effect"
import { TestClock } from "effect/testing"
import { Health, WallClock } from "../src/index.ts"

describe("WallClock", () => {
  it.effect(
    "counts steps in both directions, is not ready for a while, and takes slewing for what it is",
    () =>
      Effect.gen(function* () {
        const test = yield* Clock.Clock
        let setByMs = 0
        const wall = () => test.currentTimeMillisUnsafe() + setByMs
        const clock = { ...test, currentTimeMillisUnsafe: wall, currentTimeMillis: Effect.sync(wall) }
        const counted = Effect.forEach(["forward", "back"] as const, (direction) =>
          Effect.map(Metric.value(WallClock.steps(direction)), ({ count }) => count)
        )
        yield* Effect.gen(function* () {
          const { problems } = yield* Health.Health
          yield* Layer.build(WallClock.layer)
          for (let at = 0; at < 20; at++) {
            setByMs += 400
            yield* TestClock.adjust("1 second")
          }
          assert.deepStrictEqual([yield* counted, yield* problems], [[0, 0], {}])
          setByMs -= 3_600_000
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* counted, [0, 1])
          assert.include((yield* problems).clock, "back by 3600 s")
          setByMs += 25 * 3_600_000
          yield* TestClock.adjust("1 second")
          assert.deepStrictEqual(yield* counted, [1, 1])
          yield* TestClock.adjust("10 seconds")
          assert.deepStrictEqual(yield* problems, {})
        }).pipe(Effect.provideService(Clock.Clock, clock))
      }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )
})
