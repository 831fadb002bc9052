/**
 * Validation functions in worker threads: each execution has its own instance, a memory that cannot outgrow its
 * limit, and a thread that is ended when its time is over.
 */
import { Clock, Effect, Layer, Metric, Result, type Scope, Semaphore } from "effect"
import { blake2b256, Scale, ValidationParams, ValidationResult } from "@ephor/types"
import { Worker } from "node:worker_threads"
import * as Metrics from "./Metrics.ts"
import type { PvfAnswer, PvfTask } from "./NodePvfWorker.ts"
import { Pvf, type PvfOutcome, type PvfRequest } from "./Pvf.ts"
import * as WasmMemory from "./WasmMemory.ts"

/** Limits of the executor. Times are milliseconds. */
export interface Limits {
  /** Threads, each running one function at a time; further requests wait in order of arrival. */
  readonly workers: number
  /** Compiled modules kept, least recently used go first. */
  readonly cachedModules: number
  /**
   * Pages of 64 KiB a module may have unless its request says otherwise: 32 + 2048, as Polkadot's default heap.
   */
  readonly maxMemoryPages: number
  /** Bytes of code. */
  readonly maxCodeBytes: number
  /** Bytes of a result. */
  readonly maxResultBytes: number
  /** Compilation of one module. */
  readonly prepareTimeoutMs: number
  /** Start of a thread, until it answers. */
  readonly startTimeoutMs: number
  /** Stack of a thread in MiB: deep recursion traps here, at the same depth on every machine of one build. */
  readonly stackMiB: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  workers: 2,
  cachedModules: 32,
  maxMemoryPages: 2080,
  maxCodeBytes: 3 * 1024 * 1024,
  maxResultBytes: 20 * 1024 * 1024,
  prepareTimeoutMs: 60_000,
  startTimeoutMs: 30_000,
  stackMiB: 4
}

type Failure = Exclude<PvfOutcome, { readonly _tag: "Valid" }>

const internal = (why: string): Failure => ({ _tag: "Internal", why })

/** Run from source the worker is a `.ts` file, built it is its own entry beside the chunks. */
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./NodePvfWorker.ts" : "./NodePvfWorker.js",
  import.meta.url
)

/** Asks a worker to end. That it cannot be ended any more is as good as its end. */
const end = (worker: Worker): void => {
  worker.terminate().catch(() => {})
}

/** Waits for the next answer of a worker. Whatever ends the wait but an answer ends the worker. */
const nextAnswer = (worker: Worker, timeoutMs: number, task?: PvfTask) =>
  Effect.callback<PvfAnswer | Failure>((resume) => {
    const settle = (answer: PvfAnswer | Failure, keep: boolean) => {
      cleanup()
      if (!keep) end(worker)
      resume(Effect.succeed(answer))
    }
    const onMessage = (answer: PvfAnswer) => settle(answer, true)
    const onError = (error: Error) => settle({ _tag: "WorkerDied", why: error.message }, false)
    const onExit = (code: number) => settle({ _tag: "WorkerDied", why: `exit code ${code}` }, false)
    const timer = setTimeout(() => settle({ _tag: "Timeout", timeoutMs }, false), timeoutMs)
    const cleanup = () => {
      clearTimeout(timer)
      worker.off("message", onMessage)
      worker.off("error", onError)
      worker.off("exit", onExit)
    }
    worker.on("message", onMessage)
    worker.on("error", onError)
    worker.on("exit", onExit)
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
    if (task !== undefined) worker.postMessage(task)
    return Effect.sync(() => {
      cleanup()
      end(worker)
    })
  })

interface Pool {
  readonly run: (task: PvfTask, timeoutMs: number) => Effect.Effect<PvfAnswer | Failure>
}

/** A pool that keeps idle threads and replaces those that ended, or had to be ended. */
const makePool = (limits: Limits): Effect.Effect<Pool, never, Scope.Scope> =>
  Effect.gen(function* () {
    const idle = new Set<Worker>()
    const alive = new Set<Worker>()
    const permits = yield* Semaphore.make(limits.workers)
    yield* Effect.addFinalizer(() =>
      Effect.promise(() => Promise.all([...alive].map((worker) => worker.terminate())))
    )
    const start = Effect.suspend(() => {
      const resourceLimits = { stackSizeMb: limits.stackMiB }
      const worker = new Worker(workerUrl, { execArgv: [], env: {}, name: "pvf", resourceLimits })
      alive.add(worker)
      // Without a listener the death of an idle thread would be an uncaught exception of the process.
      worker.on("error", () => idle.delete(worker))
      worker.on("exit", () => {
        idle.delete(worker)
        alive.delete(worker)
      })
      return Effect.map(nextAnswer(worker, limits.startTimeoutMs), (answer) =>
        answer._tag === "Ready" ? worker : undefined
      )
    })
    const takeIdle = Effect.sync(() => {
      for (const worker of idle) {
        idle.delete(worker)
        return worker
      }
      return undefined
    })
    const run = (task: PvfTask, timeoutMs: number): Effect.Effect<PvfAnswer | Failure> =>
      Effect.gen(function* () {
        const worker = (yield* takeIdle) ?? (yield* start)
        if (worker === undefined) return internal("a worker thread did not start")
        const answer = yield* nextAnswer(worker, timeoutMs, task)
        if (answer._tag !== "Timeout" && answer._tag !== "WorkerDied") idle.add(worker)
        return answer
      }).pipe(permits.withPermits(1))
    return { run }
  })

interface Prepared {
  readonly _tag: "Module"
  readonly module: WebAssembly.Module
  readonly maxPages: number
  readonly memory?: WasmMemory.ImportedMemory
}

/**
 * Compiles in a worker and remembers modules and refusals, which are the same every time; never troubles of
 * ours.
 */
const makeCompiler = (limits: Limits, pool: Pool) => {
  const cache = new Map<string, Prepared | Failure>()
  const compile = Effect.fnUntraced(function* (code: Uint8Array, maxPages: number) {
    const bounded = WasmMemory.bound(code, maxPages)
    if (Result.isFailure(bounded)) {
      const { _tag, message } = bounded.failure
      return {
        _tag: _tag === "MemoryTooLarge" ? "OutOfMemory" : "CompileFailure",
        why: message
      } satisfies Failure
    }
    const answer = yield* pool.run({ _tag: "Prepare", code: bounded.success.code }, limits.prepareTimeoutMs)
    if (answer._tag === "Prepared") {
      const { imported } = bounded.success
      return {
        _tag: "Module",
        module: answer.module,
        maxPages: bounded.success.maxPages,
        ...(imported === undefined ? {} : { memory: imported })
      } satisfies Prepared
    }
    if (answer._tag === "CompileFailure" || answer._tag === "Internal") return answer
    return internal(`compilation ended with ${answer._tag}`)
  })
  return Effect.fnUntraced(function* (request: PvfRequest, maxPages: number) {
    const key = `${request.codeHash ?? blake2b256(request.code)}/${maxPages}`
    const known = cache.get(key)
    const prepared = known ?? (yield* compile(request.code, maxPages))
    cache.delete(key)
    if (prepared._tag !== "Internal") cache.set(key, prepared)
    for (const oldest of cache.keys()) {
      if (cache.size <= limits.cachedModules) break
      cache.delete(oldest)
    }
    return prepared
  })
}

const read = (bytes: Uint8Array): PvfOutcome => {
  const decoded = Scale.decodeResult(ValidationResult)(bytes)
  return Result.isSuccess(decoded)
    ? { _tag: "Valid", result: decoded.success }
    : { _tag: "BadReturn", why: decoded.failure.message }
}

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const pool = yield* makePool(limits)
    const prepare = makeCompiler(limits, pool)
    const run = Effect.fnUntraced(function* (request: PvfRequest) {
      if (request.code.length > limits.maxCodeBytes) {
        const why = `${request.code.length} bytes of code, the limit is ${limits.maxCodeBytes}`
        return { _tag: "CompileFailure", why } satisfies PvfOutcome
      }
      const prepared = yield* prepare(request, request.maxMemoryPages ?? limits.maxMemoryPages)
      if (prepared._tag !== "Module") return prepared
      const task: PvfTask = {
        ...prepared,
        _tag: "Execute",
        input: Scale.encode(ValidationParams)(request.params),
        maxOutputBytes: limits.maxResultBytes
      }
      const answer = yield* pool.run(task, request.timeoutMs)
      if (answer._tag === "Output") return read(answer.bytes)
      if (answer._tag === "Ready" || answer._tag === "Prepared") {
        return internal(`a worker answered ${answer._tag} to an execution`)
      }
      return answer
    })
    return Pvf.of({
      execute: Effect.fn("Pvf.execute")(function* (request: PvfRequest) {
        const started = yield* Clock.currentTimeMillis
        const outcome = yield* run(request)
        yield* Metric.update(Metrics.pvfExecutions(outcome._tag), 1)
        yield* Metric.update(Metrics.pvfDuration, (yield* Clock.currentTimeMillis) - started)
        return outcome
      })
    })
  })

/** Executes in worker threads. Threads start when they are first needed. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<Pvf> =>
  Layer.effect(Pvf, make({ ...defaults, ...options }))
