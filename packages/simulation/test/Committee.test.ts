import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Committee } from "../src/index.ts"

const timeout = 120_000
const seeds = Array.from({ length: 100 }, (_, n) => n + 1)
const small = { groups: 4, groupSize: 5 }

describe("a committee of a hundred validators", () => {
  it.live.each(seeds)(
    "seed %i backs what is honest, nothing invalid, and bans nobody honest",
    (seed) =>
      Effect.gen(function* () {
        const { totals, violations } = yield* Committee.simulate({ seed })
        assert.deepStrictEqual(violations, [])
        assert.strictEqual(totals.honestCandidates, 20)
      }),
    timeout
  )

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
