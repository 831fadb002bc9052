/** How every simulation runs: on one virtual clock, with chance from its seed, and in silence. */
import { Effect, Fiber, Random, References, type Scope } from "effect"
import { TestClock } from "effect/testing"

/** A run from its seed; what it cannot handle is a defect of the simulation. */
export const inVirtualTime = <A, E>(seed: number, run: Effect.Effect<A, E, Scope.Scope>): Effect.Effect<A> =>
  run.pipe(
    Effect.scoped,
    Random.withSeed(seed),
    // A slow machine must not hurry the clock: a step is over when all is quiet, however long that takes.
    Effect.provide(TestClock.layer({ warningDelay: "1 hour" })),
    Effect.provideService(References.MinimumLogLevel, "None"),
    Effect.orDie,
    // On a fiber of its own: where it makes room for others must not depend on what was run before it.
    Effect.forkChild,
    Effect.flatMap(Fiber.join)
  )
