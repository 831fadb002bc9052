import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Committee } from "../src/index.ts"

const timeout = 900_000
const small = { groups: 4, groupSize: 5 }

describe("a simulated committee", () => {
  it.live(
    "the same seed has the same trace",
    () =>
      Effect.gen(function* () {
        const [one, other] = [
          yield* Committee.simulate({ ...small, seed: 7 }),
          yield* Committee.simulate({ ...small, seed: 7 })
        ]
        assert.strictEqual(one.hash, other.hash)
        assert.notStrictEqual((yield* Committee.simulate({ ...small, seed: 8 })).hash, one.hash)
      }),
    timeout
  )

  it.live.each([
    ["deaf", "is backed for"],
    ["twice", "was told a report twice"]
  ] as const)(
    "finds the planted fault %s",
    ([plant, sentence]) =>
      Effect.gen(function* () {
        const found = yield* Effect.forEach([1, 2, 3, 4], (seed) =>
          Committee.simulate({ ...small, leaves: 2, seed, plant })
        )
        assert.include(found.flatMap(({ violations }) => violations).join("\n"), sentence)
      }),
    timeout
  )
})
