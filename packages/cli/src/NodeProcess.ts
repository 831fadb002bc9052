/**
 * Figures of the process: memory, time, and how late its event loop is.
 */
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Effect, Metric, type Scope } from "effect"
import type { Process } from "./Status.ts"
import { recent } from "./Warnings.ts"

/** How often the event loop is asked whether it is late: the most that can go unseen. */
export const resolutionMs = 50

const toMs = (nanos: number) => Math.max(0, Math.round(nanos / 1e5) / 10)

/** Time of a metric of batches: how many there were, and how long they took. */
const storeOf = (snapshots: ReadonlyArray<Metric.Metric.Snapshot>): Process["store"] => {
  const found = snapshots.find(
    ({ id, type }) => id === "store_batch_duration_seconds" && type === "Histogram"
  )
  return found?.type === "Histogram"
    ? { batches: found.state.count, totalMs: Math.round(found.state.sum * 1000) }
    : undefined
}

/** Reads the figures; what is said of the event loop is of the time since it was last asked. */
export const make: Effect.Effect<(streams: number) => Effect.Effect<Process>, never, Scope.Scope> =
  Effect.gen(function* () {
    const delay = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => void histogram.disable())
    )
    const lateness = () => {
      // Each measure holds the wait that was asked for.
      const figures = {
        p99: toMs(delay.percentile(99) - resolutionMs * 1e6),
        max: toMs(delay.max - resolutionMs * 1e6)
      }
      const none = delay.count === 0
      delay.reset()
      return none ? { p99: 0, max: 0 } : figures
    }
    return (streams) =>
      Effect.map(Metric.snapshot, (snapshots) => {
        const { heapUsed, rss } = process.memoryUsage()
        const { system, user } = process.cpuUsage()
        return {
          pid: process.pid,
          residentBytes: rss,
          heapBytes: heapUsed,
          cpuMs: Math.round((system + user) / 1000),
          delayMs: lateness(),
          store: storeOf(snapshots),
          streams,
          warnings: recent()
        }
      })
  })
