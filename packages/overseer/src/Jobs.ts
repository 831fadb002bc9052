/**
 * Work that a subsystem does beside its handlers. Jobs end with the subsystem, or with the leaf that they were spawned
 * for, and a job that fails ends the subsystem: nothing fails unseen.
 */
import { Context, Deferred, Effect, Exit, Fiber, Scope } from "effect"
import type { Hash } from "@ephor/types"
import { isEnded } from "./OverseerError.ts"

/** Which leaf a job belongs to, if any. */
export interface SpawnOptions {
  /** Ends the job when this leaf deactivates; a leaf that is not active gets no job. */
  readonly leaf?: Hash | undefined
}

/** Shape of the jobs of one running subsystem. */
export interface JobsService {
  readonly spawn: <E, R>(
    job: Effect.Effect<void, E, R>,
    options?: SpawnOptions
  ) => Effect.Effect<void, never, Exclude<R, Scope.Scope>>
  /** From now on jobs may be spawned for this leaf. */
  readonly openUnsafe: (leaf: Hash) => void
  /** Interrupts what was spawned for this leaf; returns before the interrupted jobs have ended. */
  readonly closeUnsafe: (leaf: Hash) => void
  /** Never succeeds; fails with the cause of the first job that fails. */
  readonly failed: Effect.Effect<never, unknown>
  /** Lives as long as the subsystem. */
  readonly scope: Scope.Closeable
}

/** The jobs of the subsystem that the current handler belongs to; given to handlers by `Subsystem.toLayer`. */
export class Jobs extends Context.Service<Jobs, JobsService>()("@ephor/overseer/Jobs") {
  /** A set of jobs that ends with the surrounding scope. */
  static readonly make = Effect.fnUntraced(function* (name: string) {
    const scope = yield* Effect.acquireRelease(Scope.make(), Scope.close)
    const failure = Deferred.makeUnsafe<never, unknown>()
    const byLeaf = new Map<Hash, Set<Fiber.Fiber<unknown, unknown>>>()
    const spawn = Effect.fnUntraced(function* <E, R>(job: Effect.Effect<void, E, R>, options?: SpawnOptions) {
      const leaf = options?.leaf
      const siblings = leaf === undefined ? undefined : byLeaf.get(leaf)
      if (leaf !== undefined && siblings === undefined) return
      const fiber = yield* Effect.forkIn(Effect.scoped(job), scope)
      siblings?.add(fiber)
      fiber.addObserver((exit) => {
        siblings?.delete(fiber)
        if (Exit.isFailure(exit) && !isInterruptOnly(exit) && !isEnded(exit.cause))
          Deferred.doneUnsafe(failure, Effect.failCause(exit.cause))
      })
    })
    return Jobs.of({
      spawn: spawn as JobsService["spawn"],
      openUnsafe: (leaf) => {
        if (!byLeaf.has(leaf)) byLeaf.set(leaf, new Set())
      },
      closeUnsafe: (leaf) => {
        const fibers = byLeaf.get(leaf)
        byLeaf.delete(leaf)
        if (fibers !== undefined) for (const fiber of fibers) fiber.interruptUnsafe()
      },
      failed: Effect.annotateLogs(Deferred.await(failure), { subsystem: name }),
      scope
    })
  })
}

const isInterruptOnly = (exit: Exit.Failure<unknown, unknown>) =>
  exit.cause.reasons.every((reason) => reason._tag === "Interrupt")

/**
 * Runs a job, with a scope of its own, beside the handlers of the current subsystem. With `leaf` it is interrupted when that leaf deactivates.
 * If the job fails the subsystem ends, so handle what may go wrong inside.
 */
export const spawn = <E, R>(
  job: Effect.Effect<void, E, R>,
  options?: SpawnOptions
): Effect.Effect<void, never, Exclude<R, Scope.Scope> | Jobs> => Jobs.use((jobs) => jobs.spawn(job, options))
