/** The seeds of the large committee, in files of their own so that they run beside each other. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Committee } from "../../src/index.ts"

const timeout = 900_000

/** Declares the tests of these seeds. */
export const suite = (first: number, last: number): void => {
  describe("a committee of a hundred validators", () => {
    it.live.each(Array.from({ length: last - first + 1 }, (_, n) => first + n))(
      "seed %i backs what is honest, nothing invalid, and bans nobody honest",
      (seed) =>
        Effect.gen(function* () {
          const { totals, violations } = yield* Committee.simulate({ seed })
          assert.deepStrictEqual(violations, [])
          assert.strictEqual(totals.honestCandidates, 20)
        }),
      timeout
    )
  })
}
