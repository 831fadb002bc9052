import { Effect, References } from "effect"

/** Lost sessions are what some tests are about: no need to print them. */
export const quietly = Effect.provideService(References.MinimumLogLevel, "None")
