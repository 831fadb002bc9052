/** Processes that run validation functions: kept while idle, replaced when lost, killed with their scope. */
import { Effect, Metric, type Scope, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import type * as NodePvfFlags from "./NodePvfFlags.ts"
import { type Loss, PvfProcess } from "./NodePvfProcess.ts"

/** A pool of processes. */
export interface PvfPool {
  /** Uses a process alone; waits for one in order of arrival. */
  readonly use: <A>(work: (process: PvfProcess) => Effect.Effect<A>) => Effect.Effect<A | Loss>
}

/** Bounds of a pool. */
export interface PoolLimits extends NodePvfFlags.ProcessLimits {
  readonly workers: number
}

const maxDoublings = 5

/** A pool whose processes run the code at `entry`. Processes start when they are first needed. */
export const make = (entry: URL, limits: PoolLimits): Effect.Effect<PvfPool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const idle = new Set<PvfProcess>()
    const running = new Set<PvfProcess>()
    const permits = yield* Semaphore.make(limits.workers)
    let failures = 0
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => {
        for (const process of running) process.kill({ _tag: "Internal", why: "the executor is closed" })
        return Promise.all([...running].map(({ ended }) => ended))
      })
    )
    const spawn = Effect.try({
      try: () => new PvfProcess(entry, limits),
      catch: (error): Loss => ({ _tag: "Internal", why: `a process could not be started: ${String(error)}` })
    }).pipe(Effect.catch(Effect.succeed))
    /** A process that said its first word; a start that failed makes the next one wait. */
    const start = Effect.gen(function* () {
      if (failures > 0) {
        yield* Effect.sleep(limits.restartDelayMs * 2 ** (Math.min(failures, maxDoublings + 1) - 1))
      }
      const process = yield* spawn
      if (!(process instanceof PvfProcess)) return process
      running.add(process)
      const forget = () => {
        running.delete(process)
        idle.delete(process)
      }
      process.ended.then(forget, forget)
      const { startTimeoutMs } = limits
      const first = yield* process.ask({ cpuMs: startTimeoutMs, wallMs: startTimeoutMs, maxAnswerBytes: 0 })
      yield* Metric.update(Metrics.pvfProcesses(first._tag === "Answer" ? "started" : "failed"), 1)
      if (first._tag === "Answer") {
        failures = 0
        return process
      }
      failures++
      const why = first._tag === "Timeout" ? `nothing within ${startTimeoutMs} ms` : first.why
      return { _tag: "Internal", why: `a process did not start: ${why}` } satisfies Loss
    })
    const takeIdle = Effect.sync(() => {
      for (const process of idle) {
        idle.delete(process)
        if (process.alive) return process
      }
      return undefined
    })
    return {
      use: (work) =>
        Effect.gen(function* () {
          const process = (yield* takeIdle) ?? (yield* start)
          if (!(process instanceof PvfProcess)) return process
          return yield* Effect.onExit(work(process), () =>
            Effect.andThen(
              Effect.sync(() => process.alive && idle.add(process)),
              process.alive ? Effect.void : Metric.update(Metrics.pvfProcesses("lost"), 1)
            )
          )
        }).pipe(permits.withPermits(1))
    }
  })
