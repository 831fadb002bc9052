/** What the storm's checks can find, and one storm in full. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Storm from "../src/storm/Storm.ts"

const timeout = 900_000
const finds = (plant: Storm.Plant, what: string, options: Partial<Storm.Options> = {}) =>
  it.live(
    `finds ${what}`,
    () =>
      Effect.gen(function* () {
        const { violations } = yield* Storm.simulate({ seed: 1, plant, ...options })
        assert.include(violations.join("\n"), what)
      }),
    timeout
  )

describe("a storm of disputes", () => {
  it.live(
    "is the same run for the same seed",
    () =>
      Effect.gen(function* () {
        const one = yield* Storm.simulate({ seed: 3, disputes: 4, unknown: 4, witnesses: 2 })
        const again = yield* Storm.simulate({ seed: 3, disputes: 4, unknown: 4, witnesses: 2 })
        assert.deepStrictEqual(again, one)
        const other = yield* Storm.simulate({ seed: 4, disputes: 4, unknown: 4, witnesses: 2 })
        assert.notStrictEqual(other.hash, one.hash)
      }),
    timeout
  )
  it.live.each([1, 2])(
    "of a thousand candidates, raised by as many malicious validators as can be, seed %i",
    (seed) =>
      Effect.gen(function* () {
        const sizes = { villains: 33, disputes: 20, unknown: 30, lies: 10, spamSlots: 20, witnesses: 2 }
        const { totals, violations } = yield* Storm.simulate({ seed, ...sizes })
        assert.deepStrictEqual(violations, [])
        assert.isAtLeast(totals.disputes + totals.spam, 1000)
        // The slots are full, and most of the flood is in none.
        assert.isAtMost(totals.records, 20 + 6 + 33 * 20)
      }),
    timeout
  )
  finds("slots", "records, more than")
  finds("deaf", "candidate 0x")
  finds("gullible", "finalizes 0 of 6 blocks")
})
