/**
 * Whether the program is alive and ready: parts register a question, `/readyz` asks them all.
 */
import { Context, Effect, Layer, type Scope } from "effect"

/** Shape of the health registry. */
export interface Service {
  /** Registers a question for as long as the scope lives; its answer is the reason for not being ready, or nothing. */
  readonly check: (
    name: string,
    why: Effect.Effect<string | undefined>
  ) => Effect.Effect<void, never, Scope.Scope>
  /** Reasons for not being ready, by name; empty when ready. */
  readonly problems: Effect.Effect<{ readonly [name: string]: string }>
}

/** The parts of a program that can tell whether they are ready. */
export class Health extends Context.Service<Health, Service>()("@ephor/cli/Health") {}

/** An empty registry. */
export const layer: Layer.Layer<Health> = Layer.sync(Health, () => {
  const checks = new Map<string, Effect.Effect<string | undefined>>()
  return {
    check: (name, why) =>
      Effect.asVoid(
        Effect.acquireRelease(
          Effect.sync(() => checks.set(name, why)),
          () => Effect.sync(() => checks.delete(name))
        )
      ),
    problems: Effect.gen(function* () {
      const problems: Record<string, string> = {}
      for (const [name, why] of checks) {
        const answer = yield* why
        if (answer !== undefined) problems[name] = answer
      }
      return problems
    })
  }
})

/**
 * The layer, in a program that is not ready before all of it is built: before every door in it is open, whichever of
 * them answers first.
 */
export const whole = <A, E, R>(layer: Layer.Layer<A, E, R>): Layer.Layer<A, E, R | Health> =>
  Layer.unwrap(
    Effect.gen(function* () {
      const health = yield* Health
      let built = false
      yield* health.check(
        "start",
        Effect.sync(() => (built ? undefined : "not every part has started yet"))
      )
      return Layer.tap(layer, () => Effect.sync(() => void (built = true)))
    })
  )
