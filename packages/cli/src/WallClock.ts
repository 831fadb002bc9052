/**
 * Watches the clock of the machine: durations run on monotonic time, but timestamps and tokens need the time of day, so
 * whoever runs the program should hear of it when that is set.
 */
import { Clock, Effect, Layer, Metric } from "effect"
import { Health } from "./Health.ts"

/** How often the clocks are compared. */
export const lookMs = 1000

/** The smallest step that counts: NTP slews what is less, and tokens tolerate it. */
export const stepMs = 1000

/** How long the program is not ready after a step. */
export const unsettledMs = 10_000

/** Steps of the wall clock, by direction (`forward`, `back`). */
export const steps = (direction: "forward" | "back") =>
  Metric.counter("process_clock_steps_total", {
    description: "Times that the clock of the machine was set while the program ran",
    incremental: true,
    attributes: { direction }
  })

const words = (byMs: number) => `${byMs > 0 ? "forward" : "back"} by ${Math.round(Math.abs(byMs) / 1000)} s`

/**
 * Logs and counts steps of the wall clock against the monotonic one, and answers to the health registry for ten seconds
 * after one. A machine that slept may look as if its clock had been set.
 */
export const layer: Layer.Layer<never, never, Health> = Layer.effectDiscard(
  Effect.gen(function* () {
    const health = yield* Health
    const clock = yield* Clock.Clock
    const elapsedMs = () => Number(clock.monotonicTimeNanosUnsafe() / 1_000_000n)
    const offsetMs = () => clock.currentTimeMillisUnsafe() - elapsedMs()
    let expectedMs = offsetMs()
    let last: { readonly byMs: number; readonly atMs: number } | undefined
    const look = Effect.suspend(() => {
      const byMs = offsetMs() - expectedMs
      expectedMs += byMs
      if (Math.abs(byMs) < stepMs) return Effect.void
      last = { byMs, atMs: elapsedMs() }
      return Effect.andThen(
        Metric.update(steps(byMs > 0 ? "forward" : "back"), 1),
        Effect.logWarning(
          `the clock of this machine was set ${words(byMs)}: check its time service; timestamps follow when it stays so`
        )
      )
    })
    yield* health.check(
      "clock",
      Effect.sync(() =>
        last !== undefined && elapsedMs() - last.atMs < unsettledMs
          ? `the clock of this machine was set ${words(last.byMs)} a moment ago`
          : undefined
      )
    )
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(lookMs), look)))
  })
)
