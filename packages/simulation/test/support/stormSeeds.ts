/** The seeds of the dispute storm, in files of their own so that they run beside each other. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Storm from "../../src/storm/Storm.ts"

const timeout = 900_000

/** Declares the tests of these seeds. */
export const suite = (first: number, last: number): void => {
  describe("a storm of disputes among a hundred validators", () => {
    it.live.each(Array.from({ length: last - first + 1 }, (_, n) => first + n))(
      "seed %i concludes what is real, waits for nothing that is spam, bans nobody honest, and stays small",
      (seed) =>
        Effect.gen(function* () {
          const { totals, violations } = yield* Storm.simulate({ seed })
          assert.deepStrictEqual(violations, [])
          assert.strictEqual(totals.disputes, 6)
          assert.isAtLeast(totals.spam, 120)
        }),
      timeout
    )
  })
}
