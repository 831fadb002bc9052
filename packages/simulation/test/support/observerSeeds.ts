/** Seeds of the observers, in files of their own so that they run beside each other. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Observers } from "../../src/index.ts"

const timeout = 900_000

const invariants = Array.from({ length: 10 }, (_, n) => `I${n + 1}` as Observers.Invariant)

/** The end of a trace, for whoever has to find out what went wrong. */
const told = ({ seed, trace, violation }: Observers.Report) =>
  violation === undefined
    ? ""
    : `seed ${seed}, ${violation.invariant}: ${violation.message}\n${trace.slice(-40).join("\n")}`

/** Seeds that `npm test` runs; `OBSERVER_SEEDS=1000` runs so many. */
const usual = 500
const wanted = Number(process.env["OBSERVER_SEEDS"] ?? usual)

/** Seeds of a file, and its share of those that are wanted beyond the usual ones. */
const seedsOf = (first: number, last: number): ReadonlyArray<number> => {
  const own = Array.from({ length: last - first + 1 }, (_, n) => first + n)
  const share = own.length / usual
  const beyond = Math.max(0, wanted - usual)
  const from = usual + Math.floor(((first - 1) / usual) * beyond)
  const to = usual + Math.floor(((first - 1) / usual + share) * beyond)
  return [...own, ...Array.from({ length: to - from }, (_, n) => from + 1 + n)]
}

/** Declares the tests of these seeds. */
export const suite = (first: number, last: number): void => {
  describe("observers over faulty links", () => {
    const checks = new Map<Observers.Invariant, number>()
    let archiveReads = 0

    it.live.each(seedsOf(first, last))(
      "seed %i keeps every invariant, and all come to the tip",
      (seed) =>
        Effect.gen(function* () {
          const report = yield* Observers.simulate({ seed })
          assert.isUndefined(report.violation, told(report))
          archiveReads += report.totals.archiveReads
          for (const [invariant, count] of report.checks) {
            checks.set(invariant, (checks.get(invariant) ?? 0) + count)
          }
        }),
      timeout
    )

    // A single run may be too quiet for some, all of them together are not.
    it("looked at every invariant in more than a hundred places", () => {
      for (const invariant of invariants) assert.isAbove(checks.get(invariant) ?? 0, 100, invariant)
      assert.isAbove(archiveReads, 100)
    })
  })
}
