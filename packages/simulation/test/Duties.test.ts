/** `EPHOR_DUTY_SEEDS=1-50 vitest run packages/simulation/test/duties` runs these seeds, each with a death at every step. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Duties, DutiesSteps } from "../src/index.ts"

const timeout = 900_000

/** Seeds of the environment; without, one, at which the validator dies at every step. */
const seeds = (() => {
  const [first = 1, last = first] = (process.env.EPHOR_DUTY_SEEDS ?? "1").split("-").map(Number)
  return Array.from({ length: last - first + 1 }, (_, n) => first + n)
})()

/** The end of a trace, for whoever has to find out what went wrong. */
const told = ({ trace }: Duties.Report) => trace.slice(-60).join("\n")

describe("a validator that dies at every step of its duties", () => {
  it.live.each(seeds)(
    "has done all of them in the end: seed %i",
    (seed) =>
      Effect.gen(function* () {
        const report = yield* Duties.simulate({ seed })
        assert.isUndefined(report.violation, `${report.violation?.message}\n${told(report)}`)
        assert.deepStrictEqual(report.undone, [], told(report))
        assert.strictEqual(
          report.died.length,
          DutiesSteps.steps.length,
          `died only at ${report.died.join(", ")}`
        )
      }),
    timeout
  )

  it.live(
    "and is found out if it does not come back",
    () =>
      Effect.gen(function* () {
        const { died, undone } = yield* Duties.simulate({ seed: 1, deaths: 1, plant: "gone" })
        assert.lengthOf(died, 1)
        assert.match(undone.join(), /is down/)
      }),
    timeout
  )
})
