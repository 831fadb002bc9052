/** A supervisor that is killed at any of its writes and calls, again and again, while two chains go on. */
import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeTown } from "./town.ts"

const steps = 24
const kills = 2

describe("Supervisor, killed", () => {
  it.effect.each(Array.from({ length: 110 }, (_, n) => n + 1))(
    "seed %i: all heads are where they would have been",
    (seed) =>
      Effect.gen(function* () {
        const town = yield* makeTown(seed)
        for (let killed = 0; killed < kills; killed++) {
          town.plan(1 + town.random.below(60), town.random.chance(0.5))
          for (let i = 0; i < steps && !town.isDead(); i++) yield* town.step()
          yield* town.kill()
          if (town.random.chance(0.5)) yield* town.step()
          yield* town.start()
        }
        for (let i = 0; i < steps / 2; i++) yield* town.step()
        yield* town.settle()
        yield* town.verify()
      }),
    60_000
  )
})
