import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { Health } from "../src/index.ts"

describe("Health", () => {
  it.effect("a program is not ready before the last of its doors is open, whichever opens first", () =>
    Effect.gen(function* () {
      const health = yield* Health.Health
      const opened = yield* Deferred.make<void>()
      const program = Layer.mergeAll(
        Layer.effectDiscard(Effect.void),
        Layer.effectDiscard(Deferred.await(opened))
      )
      const building = yield* Layer.build(Health.whole(program)).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      assert.deepStrictEqual(yield* health.problems, { start: "not every part has started yet" })
      yield* Deferred.succeed(opened, undefined)
      yield* Fiber.join(building)
      assert.deepStrictEqual(yield* health.problems, {})
    }).pipe(Effect.scoped, Effect.provide(Health.layer))
  )
})
