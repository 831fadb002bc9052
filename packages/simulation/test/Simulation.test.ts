import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Simulation } from "../src/index.ts"

const timeout = 900_000
const briefly = { steps: 20, recovery: false }

/** The end of a trace, for whoever has to find out what went wrong. */
const told = ({ trace, violation }: Simulation.Report) =>
  violation === undefined
    ? ""
    : `${violation.invariant}: ${violation.message}\n${trace.slice(-40).join("\n")}`

const run = (seed: number, options: Partial<Simulation.Options> = {}) =>
  Simulation.simulate({ ...Simulation.faultyValidatorOf(seed), ...options, seed, steps: options.steps ?? 15 })

describe("Simulation", () => {
  it.live.each([1, 2])(
    "seed %i keeps every invariant",
    (seed) =>
      Effect.gen(function* () {
        const report = yield* run(seed)
        assert.isUndefined(report.violation, told(report))
        assert.isAbove(report.totals.included, 0)
        assert.isAbove(report.totals.observed, 0)
      }),
    timeout
  )

  it.live(
    "disputes what a faulty group backs, and takes it back",
    () =>
      Effect.gen(function* () {
        const report = yield* run(1, { quiet: true, garbageShare: 0.5 })
        assert.isUndefined(report.violation, told(report))
        assert.isAbove(report.totals.concluded, 0)
        assert.isAbove(report.totals.reverted, 0)
      }),
    timeout
  )

  it.live(
    "the same seed has the same trace, to the last hash of a block",
    () =>
      Effect.gen(function* () {
        const [one, other] = [yield* run(5, briefly), yield* run(5, briefly)]
        assert.deepStrictEqual(one.trace, other.trace)
        assert.strictEqual(one.hash, other.hash)
        assert.notStrictEqual((yield* run(6, briefly)).hash, one.hash)
      }),
    timeout
  )

  it.live(
    "finds a disk that forgets what it acknowledged",
    () =>
      Effect.gen(function* () {
        const { violation } = yield* run(2, { ...Simulation.plants.disk, quiet: true, steps: 40 })
        assert.strictEqual(violation?.invariant, "finality")
      }),
    timeout
  )

  it.live(
    "finds an invalid candidate that became final because everybody lies",
    () =>
      Effect.gen(function* () {
        const { violation } = yield* run(1, { ...Simulation.plants.garbage, quiet: true, steps: 40 })
        assert.strictEqual(violation?.invariant, "validity")
      }),
    timeout
  )
})
