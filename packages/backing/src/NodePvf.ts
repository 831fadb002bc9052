/**
 * Validation functions in processes of their own: each execution has its own instance, a memory that cannot
 * outgrow its limit, and a process that is killed when its CPU time is over.
 *
 * Preparation checks the code and rewrites it so that it runs alike everywhere (`validation/WasmPreparation`); it
 * is done once per code and kept in memory and, with a directory, on disk.
 */
import { Effect, Layer, Metric, Result } from "effect"
import { Elapsed, blake2b256, Scale, ValidationParams, ValidationResult } from "@ephor/types"
import * as Metrics from "./Metrics.ts"
import { Pvf, type PvfOutcome, type PvfRequest } from "./Pvf.ts"
import * as NodeArtifactCache from "./validation/NodeArtifactCache.ts"
import * as NodePvfFlags from "./validation/NodePvfFlags.ts"
import * as NodePvfPool from "./validation/NodePvfPool.ts"
import type { Loss, PvfProcess, StepLimits } from "./validation/NodePvfProcess.ts"
import type { PvfAnswer, PvfTask } from "./validation/NodePvfFrame.ts"
import * as WasmFeatures from "./validation/WasmFeatures.ts"
import * as WasmPreparation from "./validation/WasmPreparation.ts"

/** Limits of the executor. Times are milliseconds. */
export interface Limits extends WasmFeatures.WasmLimits, NodePvfFlags.ProcessLimits {
  /** Processes, each running one function at a time; further requests wait in order of arrival. */
  readonly workers: number
  /** Prepared modules kept in memory, and compiled ones in each process; least recently used go first. */
  readonly cachedModules: number
  /** Bytes of code. */
  readonly maxCodeBytes: number
  /** Bytes of code after preparation. */
  readonly maxPreparedBytes: number
  /** Bytes of a result. */
  readonly maxResultBytes: number
  /** CPU time of the preparation of one module. */
  readonly prepareTimeoutMs: number
  /** Wall time a step may take, as a multiple of its CPU time. What it ends is not judged. */
  readonly wallTimeFactor: number
  /** Wall time that any step has, however short its CPU time. */
  readonly minWallTimeMs: number
  /** Bytes of prepared modules on disk; least recently used go first. */
  readonly maxCacheBytes: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  ...WasmFeatures.defaults,
  ...NodePvfFlags.defaults,
  workers: 2,
  cachedModules: 32,
  maxCodeBytes: 5 * 1024 * 1024,
  maxPreparedBytes: 32 * 1024 * 1024,
  maxResultBytes: 20 * 1024 * 1024,
  prepareTimeoutMs: 60_000,
  wallTimeFactor: 10,
  minWallTimeMs: 10_000,
  maxCacheBytes: 256 * 1024 * 1024
}

/** Limits, and where things are. */
export interface Options extends Partial<Limits> {
  /** Directory for prepared modules; without one they are kept in memory alone. */
  readonly cacheDirectory?: string
  /**
   * The module that a process runs: `NodePvfWorker`, beside this one unless a bundler put it elsewhere. A process
   * may read the files of its folder.
   */
  readonly entry?: URL
}

type Failure = Exclude<PvfOutcome, { readonly _tag: "Valid" }>

const internal = (why: string): Loss => ({ _tag: "Internal", why })

/** Run from source the worker is a `.ts` file, built it is its own entry beside the chunks. */
const defaultEntry = () =>
  new URL(import.meta.url.endsWith(".ts") ? "./NodePvfWorker.ts" : "./NodePvfWorker.js", import.meta.url)

/** What is known of a code: how it is run, or that it cannot be. */
type Prepared = {
  readonly _tag: "Artifact"
  readonly key: string
  readonly artifact: NodeArtifactCache.Artifact
}

/** A step's answer of the kind that was asked for, or why there is none. */
type Expected<Tag extends PvfAnswer["_tag"]> = {
  readonly _tag: "Answer"
  readonly answer: Extract<PvfAnswer, { readonly _tag: Tag }>
  readonly body: Uint8Array
}

const failures: ReadonlySet<string> = new Set([
  "Trapped",
  "OutOfMemory",
  "BadReturn",
  "CompileFailure",
  "Internal"
])

const ask = Effect.fnUntraced(function* <Tag extends PvfAnswer["_tag"]>(
  process: PvfProcess,
  expected: Tag,
  limits: StepLimits,
  task: PvfTask,
  body: Uint8Array
) {
  const reply = yield* process.ask(limits, task, body)
  if (reply._tag !== "Answer") return reply
  const { answer } = reply
  if (answer._tag === expected) return reply as Expected<Tag>
  if (failures.has(answer._tag)) return { _tag: answer._tag, why: (answer as { why: string }).why } as Failure
  return internal(`a process answered ${answer._tag} where ${expected} was expected`)
})

const stepOf = (limits: Limits, cpuMs: number, maxAnswerBytes: number): StepLimits => ({
  cpuMs,
  wallMs: Math.max(cpuMs * limits.wallTimeFactor, limits.minWallTimeMs),
  maxAnswerBytes
})

/** Brings the code into a slot of the process, if it is not there. */
const load = Effect.fnUntraced(function* (
  process: PvfProcess,
  { artifact, key }: Prepared,
  limits: Limits,
  step: StepLimits
) {
  const { slots } = process
  let slot = slots.get(key)
  slots.delete(key)
  if (slot === undefined) {
    const [oldest] = slots
    slot = slots.size < limits.cachedModules || oldest === undefined ? slots.size : oldest[1]
    if (oldest !== undefined && slot === oldest[1]) slots.delete(oldest[0])
    const loaded = yield* ask(process, "Loaded", step, { _tag: "Load", slot }, artifact.code)
    // It compiled when it was prepared: what goes wrong now is ours.
    if (loaded._tag !== "Answer") {
      return loaded._tag === "Internal"
        ? loaded
        : internal(`a prepared module could not be loaded: ${loaded._tag}`)
    }
  }
  slots.set(key, slot)
  return slot
})

/** Prepares in a process, and remembers modules and refusals, which are the same every time; never troubles of ours. */
const makePreparer = (
  limits: Limits,
  pool: NodePvfPool.PvfPool,
  disk: NodeArtifactCache.ArtifactCache | undefined
) => {
  const known = new Map<string, Prepared | Failure>()
  const step = stepOf(limits, limits.prepareTimeoutMs, limits.maxPreparedBytes)
  const wasm = Object.fromEntries(
    Object.keys(WasmFeatures.defaults).map((name) => [name, limits[name as keyof WasmFeatures.WasmLimits]])
  ) as unknown as WasmFeatures.WasmLimits

  const prepare = Effect.fnUntraced(function* (code: Uint8Array, key: string, maxMemoryPages: number) {
    const name = nameOf({ ...wasm, maxMemoryPages, key })
    const found = disk === undefined ? undefined : yield* disk.get(name)
    if (found !== undefined) return { _tag: "Artifact", key, artifact: found } satisfies Prepared
    const task: PvfTask = { _tag: "Prepare", limits: { ...wasm, maxMemoryPages } }
    const prepared = yield* pool.use((process) => ask(process, "Prepared", step, task, code))
    yield* Metric.update(Metrics.pvfArtifacts("prepared"), 1)
    if (prepared._tag === "Timeout" || prepared._tag === "WorkerDied") {
      return internal(`preparation ended with ${prepared._tag}`)
    }
    if (prepared._tag !== "Answer") return prepared
    const { imported, maxPages } = prepared.answer
    const artifact = { code: prepared.body, maxPages, ...(imported === undefined ? {} : { imported }) }
    if (disk !== undefined) yield* disk.put(name, artifact)
    return { _tag: "Artifact", key, artifact } satisfies Prepared
  })
  return Effect.fnUntraced(function* (request: PvfRequest) {
    const maxMemoryPages = request.maxMemoryPages ?? limits.maxMemoryPages
    const key = `${request.codeHash ?? blake2b256(request.code)}/${maxMemoryPages}`
    const prepared = known.get(key) ?? (yield* prepare(request.code, key, maxMemoryPages))
    known.delete(key)
    if (prepared._tag !== "Internal") known.set(key, prepared)
    for (const oldest of known.keys()) {
      if (known.size <= limits.cachedModules) break
      known.delete(oldest)
    }
    return prepared
  })
}

/** Names an artifact after everything that it depends on. */
const nameOf = (made: object) =>
  blake2b256(
    new TextEncoder().encode(
      JSON.stringify([made, WasmPreparation.version, process.versions.v8, NodePvfFlags.engineFlags])
    )
  ).slice(2)

const read = (bytes: Uint8Array): PvfOutcome => {
  const decoded = Scale.decodeResult(ValidationResult)(bytes)
  return Result.isSuccess(decoded)
    ? { _tag: "Valid", result: decoded.success }
    : { _tag: "BadReturn", why: decoded.failure.message }
}

const make = ({ cacheDirectory, entry = defaultEntry(), ...options }: Options) =>
  Effect.gen(function* () {
    const limits: Limits = { ...defaults, ...options }
    const pool = yield* NodePvfPool.make(entry, limits)
    const disk =
      cacheDirectory === undefined
        ? undefined
        : NodeArtifactCache.make({ directory: cacheDirectory, maxBytes: limits.maxCacheBytes })
    const prepare = makePreparer(limits, pool, disk)
    const execute = (request: PvfRequest, prepared: Prepared) => {
      const { imported, maxPages } = prepared.artifact
      const input = Scale.encode(ValidationParams)(request.params)
      const { maxResultBytes: maxOutputBytes, prepareTimeoutMs } = limits
      return pool.use((process) =>
        Effect.flatMap(load(process, prepared, limits, stepOf(limits, prepareTimeoutMs, 0)), (slot) => {
          if (typeof slot !== "number") return Effect.succeed(slot)
          const memory = imported === undefined ? {} : { memory: imported }
          const task: PvfTask = { _tag: "Execute", slot, maxPages, maxOutputBytes, ...memory }
          return ask(process, "Output", stepOf(limits, request.timeoutMs, maxOutputBytes), task, input)
        })
      )
    }
    const run = Effect.fnUntraced(function* (request: PvfRequest) {
      if (request.code.length > limits.maxCodeBytes) {
        const why = `${request.code.length} bytes of code, the limit is ${limits.maxCodeBytes}`
        return { _tag: "CompileFailure", why } satisfies PvfOutcome
      }
      const prepared = yield* prepare(request)
      if (prepared._tag !== "Artifact") return prepared
      const output = yield* execute(request, prepared)
      if (output._tag !== "Answer") return output
      yield* Metric.update(Metrics.pvfCpuTime, output.answer.stepUs / 1e6)
      return read(output.body)
    })
    return Pvf.of({
      execute: Effect.fn("Pvf.execute")(function* (request: PvfRequest) {
        const started = yield* Elapsed.ms
        const outcome = yield* run(request)
        yield* Metric.update(Metrics.pvfExecutions(outcome._tag), 1)
        yield* Metric.update(Metrics.pvfDuration, ((yield* Elapsed.ms) - started) / 1000)
        return outcome
      })
    })
  })

/** Executes in processes. They start when they are first needed, and are killed when the layer is closed. */
export const layer = (options: Options = {}): Layer.Layer<Pvf> => Layer.effect(Pvf, make(options))
