import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Observers } from "../src/index.ts"

const timeout = 900_000

/** Runs for each plant, one of which must show it: a planted fault needs its occasion. */
const seeds = [2, 3, 4, 5, 6, 7, 8, 9]

describe("Observers", () => {
  it.live(
    "the same seed has the same trace",
    () =>
      Effect.gen(function* () {
        const [one, other] = [yield* Observers.simulate({ seed: 7 }), yield* Observers.simulate({ seed: 7 })]
        assert.deepStrictEqual(one.trace, other.trace)
        assert.strictEqual(one.hash, other.hash)
        assert.notStrictEqual((yield* Observers.simulate({ seed: 8 })).hash, one.hash)
      }),
    timeout
  )

  it.live.each(Object.entries(Observers.plants))(
    "finds the planted fault %s",
    ([name, broken]) =>
      Effect.gen(function* () {
        const plant = name as Observers.Plant
        const found = new Set<string | undefined>()
        for (const seed of seeds) {
          found.add((yield* Observers.simulate({ seed, plant })).violation?.invariant)
          found.delete(undefined)
          if (found.size > 0) break
        }
        assert.isAbove(found.size, 0)
        for (const invariant of found) assert.include<string>(broken, invariant!)
      }),
    timeout
  )

  it.live(
    "looks at all ten invariants",
    () =>
      Effect.gen(function* () {
        const looked = new Set<string>()
        for (const seed of seeds) {
          const { checks, totals } = yield* Observers.simulate({ seed, rounds: 20 })
          for (const invariant of checks.keys()) looked.add(invariant)
          assert.isAbove(totals.commits, 0)
        }
        for (let i = 1; i <= 10; i++) assert.isTrue(looked.has(`I${i}`), `I${i}`)
      }),
    timeout
  )
})
