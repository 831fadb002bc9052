/** A supervisor whose disk is full says so and ends; with room it goes on where it was. */
import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import { Context, Effect, Fiber, Layer } from "effect"
import { is, makeWorld, start } from "./support/supervisor.ts"
import { until } from "./world.ts"

describe("a supervisor without room", () => {
  it.effect("ends with a sentence, and goes on where it was when there is room", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const inner = Context.get(yield* Layer.build(world.store), Store.Store)
      let isFull = false
      const full = new Store.StoreError({
        operation: "batch",
        path: "/data",
        reason: new Store.StoreFull({ why: "no byte is left" })
      })
      const store = Layer.succeed(Store.Store, {
        ...inner,
        batch: (writes) => (isFull ? Effect.fail(full) : inner.batch(writes))
      })
      const first = yield* start(world, {}, { store })
      const blocks = [yield* a.build(), yield* b.build()] as const
      l1.mine(1)
      a.batch(1, blocks[0])
      b.batch(1, blocks[1])
      l1.mine(2)
      for (const [index, chain] of (["901", "902"] as const).entries()) {
        yield* until(
          `block 1 of ${chain} is cross-safe`,
          Effect.map(first.supervisor.crossSafe(chain), ({ derived }) => is(blocks[index]!)(derived))
        )
      }
      isFull = true
      const next = yield* a.build()
      const ended = yield* Effect.forkChild(Effect.flip(first.supervisor.join))
      yield* until(
        "it ends",
        Effect.sync(() => ended.pollUnsafe() !== undefined)
      )
      const why = yield* Fiber.join(ended)
      assert.include(why.message, "the disk is full: no byte is left")
      assert.include(why.message, "make room and start again")
      yield* first.stop
      isFull = false
      const { supervisor } = yield* start(world, {}, { store })
      for (const [index, chain] of (["901", "902"] as const).entries())
        assert.strictEqual((yield* supervisor.crossSafe(chain)).derived.hash, blocks[index]!.hash)
      yield* until("the next block is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(next)))
    })
  )
})
