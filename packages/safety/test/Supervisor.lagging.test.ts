/** Cross-safe of every chain goes on when faults end: no state of the databases is without a next step. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { makeLagging } from "./support/lagging.ts"

const seeds = Array.from({ length: Number(process.env["EPHOR_LAGGING_SEEDS"] ?? 12) }, (_, at) => at + 1)

describe("Supervisor, three chains whose batches lag", () => {
  let replaced = 0
  for (const seed of seeds) {
    it.effect(`cross-safe goes on, seed ${seed}`, () =>
      Effect.gen(function* () {
        const world = yield* makeLagging(seed)
        for (let i = 0; i < 40; i++) yield* world.step()
        yield* world.settle()
        replaced += (yield* world.supervisor.counters).invalidatedBlocks
      }).pipe(Effect.provide(Logger.layer([])))
    )
  }
  it("blocks were invalid in some of them", () => assert.isAbove(replaced, seeds.length / 4))
})
