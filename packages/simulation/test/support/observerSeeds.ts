/** Seeds of the observers, in files of their own so that they run beside each other. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Observers } from "../../src/index.ts"

const timeout = 60_000

/** Invariants that every run looks at; `I10` needs a publisher that was stopped, and `I4` a leaf that is up. */
const always = ["I1", "I2", "I3", "I5", "I6", "I7", "I8", "I9"] as const

/** The end of a trace, for whoever has to find out what went wrong. */
const told = ({ seed, trace, violation }: Observers.Report) =>
  violation === undefined
    ? ""
    : `seed ${seed}, ${violation.invariant}: ${violation.message}\n${trace.slice(-40).join("\n")}`

/** Declares the tests of these seeds. */
export const suite = (first: number, last: number): void => {
  describe("observers over faulty links", () => {
    it.live.each(Array.from({ length: last - first + 1 }, (_, n) => first + n))(
      "seed %i keeps every invariant, and all come to the tip",
      (seed) =>
        Effect.gen(function* () {
          const report = yield* Observers.simulate({ seed })
          assert.isUndefined(report.violation, told(report))
          for (const invariant of always) assert.isAbove(report.checks.get(invariant) ?? 0, 0, invariant)
        }),
      timeout
    )
  })
}
