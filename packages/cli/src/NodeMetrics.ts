/**
 * What every process tells of itself: its build, its memory, its CPU time, how late its event loop is, how long its
 * garbage collector takes.
 */
import { readdir } from "node:fs/promises"
import { constants, monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks"
import { Effect, Metric, type Scope } from "effect"
import { resolutionMs } from "./NodeProcess.ts"

/** How often the event loop is asked for its longest delay. */
export const sampleMs = 1000

/** Most collections between two samples that are measured; more are counted with the longest of them left out. */
export const maxCollections = 1024

const boundaries = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

const delays = Metric.histogram("process_event_loop_delay_seconds", {
  description: "Longest delay of the event loop in each second",
  boundaries
})
const collections = (kind: string) =>
  Metric.histogram("process_gc_duration_seconds", {
    description: "Time that the garbage collector took, by kind",
    boundaries,
    attributes: { kind }
  })
const cpu = Metric.counter("process_cpu_seconds_total", {
  description: "User and system CPU time spent in seconds",
  incremental: true
})
const residentBytes = Metric.gauge("process_resident_memory_bytes", {
  description: "Resident memory size in bytes"
})
const heapBytes = Metric.gauge("process_heap_bytes", {
  description: "Memory of the heap of JavaScript that is in use"
})
const externalBytes = Metric.gauge("process_external_memory_bytes", {
  description: "Memory of buffers outside the heap of JavaScript"
})
const started = Metric.gauge("process_start_time_seconds", {
  description: "Start time of the process since unix epoch in seconds"
})
const descriptors = Metric.gauge("process_open_fds", { description: "Number of open file descriptors" })
const build = (version: string) =>
  Metric.gauge("ephor_build_info", {
    description: "Always 1, with what runs, by version, node",
    attributes: { version, node: process.versions.node }
  })

const kindOf = (kind: number | undefined): string => {
  switch (kind) {
    case constants.NODE_PERFORMANCE_GC_MAJOR:
      return "major"
    case constants.NODE_PERFORMANCE_GC_MINOR:
      return "minor"
    case constants.NODE_PERFORMANCE_GC_INCREMENTAL:
      return "incremental"
    default:
      return "weak"
  }
}

interface Collection {
  readonly kind: string
  readonly seconds: number
}

/** Listens to the collector for as long as the scope lives; answers what there was since it was last asked. */
const listen = Effect.gen(function* () {
  let waiting: Array<Collection> = []
  yield* Effect.acquireRelease(
    Effect.sync(() => {
      const observer = new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          if (waiting.length >= maxCollections) return
          const { detail, duration } = entry as PerformanceEntry & {
            readonly detail?: { readonly kind?: number }
          }
          waiting.push({ kind: kindOf(detail?.kind), seconds: duration / 1000 })
        }
      })
      observer.observe({ entryTypes: ["gc"] })
      return observer
    }),
    (observer) => Effect.sync(() => observer.disconnect())
  )
  return Effect.sync(() => {
    const taken = waiting
    waiting = []
    return taken
  })
})

/** Where Linux lists the open files of a process; elsewhere there is no such figure. */
const openFiles = Effect.promise(() =>
  readdir("/proc/self/fd").then(
    ({ length }) => length,
    () => undefined
  )
)

/** CPU time that the counter holds: there is one process, however many doors tell of it. */
let toldSeconds = 0

/** Measures for as long as the scope lives. What it gives brings the figures of the moment up to date. */
export const make = Effect.fnUntraced(function* (
  version: string
): Effect.fn.Return<Effect.Effect<void>, never, Scope.Scope> {
  const delay = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const histogram = monitorEventLoopDelay({ resolution: resolutionMs })
      histogram.enable()
      return histogram
    }),
    (histogram) => Effect.sync(() => void histogram.disable())
  )
  const collected = yield* listen
  const sample = Effect.gen(function* () {
    // Each measure holds the wait that was asked for.
    if (delay.count > 0) yield* Metric.update(delays, Math.max(0, delay.max / 1e9 - resolutionMs / 1000))
    delay.reset()
    for (const { kind, seconds } of yield* collected) yield* Metric.update(collections(kind), seconds)
  })
  yield* Effect.forkScoped(Effect.forever(Effect.andThen(Effect.sleep(sampleMs), sample)))
  yield* Metric.update(build(version), 1)
  yield* Metric.update(started, Math.round(performance.timeOrigin) / 1000)
  return Effect.gen(function* () {
    const { external, heapUsed, rss } = process.memoryUsage()
    const { system, user } = process.cpuUsage()
    const seconds = (system + user) / 1e6
    yield* Metric.update(cpu, seconds - toldSeconds)
    toldSeconds = seconds
    yield* Metric.update(residentBytes, rss)
    yield* Metric.update(heapBytes, heapUsed)
    yield* Metric.update(externalBytes, external)
    const files = yield* openFiles
    if (files !== undefined) yield* Metric.update(descriptors, files)
  })
})
