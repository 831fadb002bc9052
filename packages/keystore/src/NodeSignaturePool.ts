/**
 * Verifies sr25519 signatures in worker threads, in batches: signatures are the budget of a validator, and its event
 * loop has other things to do. What waits when a thread is free is verified together; when something in a batch is wrong,
 * one by one. All validators of a process share one pool.
 */
import { Checks, Schnorrkel } from "@ephor/schnorrkel"
import type { Signature, ValidatorId } from "@ephor/types"
import { Context, Effect, Layer, Metric, type Scope, Semaphore } from "effect"
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import * as Metrics from "./Metrics.ts"
import { type Check, toBytes } from "./Signatures.ts"

/** Bounds of the pool. */
export interface Limits {
  /** Threads. Default: as many as the machine has cores, at most four. */
  readonly workers: number
  /** Checks that one message to a thread carries, which are verified together. At most `Schnorrkel.maxChecks`. */
  readonly batchSize: number
  /** Checks that wait or run; `verify` suspends beyond. */
  readonly queueCapacity: number
  /** Longest payload that goes to a thread; longer ones are none of a validator's and are verified where they are. */
  readonly payloadBytes: number
}

/** What applies where nothing is given. */
export const defaults: Limits = {
  workers: Math.min(4, availableParallelism()),
  batchSize: 128,
  queueCapacity: 8192,
  payloadBytes: 64 * 1024
}

/** Shape of the pool. */
export interface Service {
  /** False for anything that is not a valid signature, whatever the bytes. */
  readonly verify: (key: ValidatorId, payload: Uint8Array, signature: Signature) => Effect.Effect<boolean>
  /** The verdicts of `verify` on each check, asked for at once. */
  readonly verifyAll: (checks: ReadonlyArray<Check>) => Effect.Effect<ReadonlyArray<boolean>>
}

/** The threads that verify signatures for this process. */
export class NodeSignaturePool extends Context.Service<NodeSignaturePool, Service>()(
  "@ephor/keystore/NodeSignaturePool"
) {}

interface Job extends Checks.Check {
  readonly done: (valid: boolean) => void
  /** Threads that died over it. */
  deaths: number
}

/** A job that ended so many threads is verified here: something else is wrong with them. */
const maxDeaths = 2

/** Run from source the worker is a `.ts` file, built it is its own entry beside the chunks. */
const isSource = import.meta.url.endsWith(".ts")
const workerUrl = new URL(isSource ? "./NodeSignatureWorker.ts" : "./NodeSignatureWorker.js", import.meta.url)
/** From source it finds the sources of its siblings, too. */
const execArgv = isSource ? ["-C", "ephor-source"] : []

class Pool {
  readonly #limits: Limits
  readonly #idle = new Set<Worker>()
  readonly #alive = new Map<Worker, ReadonlyArray<Job>>()
  #waiting: Array<Job> = []
  #isFlushing = false
  #isClosed = false

  constructor(limits: Limits) {
    this.#limits = limits
  }

  add(job: Job): void {
    this.#waiting.push(job)
    if (this.#isFlushing) return
    // Whoever else asks in this turn of the event loop shares the message.
    this.#isFlushing = true
    queueMicrotask(() => {
      this.#isFlushing = false
      this.#flush()
    })
  }

  close(): Promise<unknown> {
    this.#isClosed = true
    return Promise.all([...this.#alive.keys()].map((worker) => worker.terminate()))
  }

  #flush(): void {
    if (this.#isClosed) return
    while (this.#waiting.length > 0) {
      const worker = this.#take()
      if (worker === undefined) return
      // Spread what waits over all threads, so that none idles while another has a full batch.
      const share = Math.ceil(this.#waiting.length / this.#limits.workers)
      const batch = this.#waiting.splice(0, Math.min(this.#limits.batchSize, share))
      this.#alive.set(worker, batch)
      // A thread keeps the program alive while somebody waits for it, and no longer.
      worker.ref()
      const bytes = Checks.pack(batch)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
      worker.postMessage(bytes, [bytes.buffer])
    }
  }

  #take(): Worker | undefined {
    for (const worker of this.#idle) {
      this.#idle.delete(worker)
      return worker
    }
    return this.#alive.size < this.#limits.workers ? this.#start() : undefined
  }

  #start(): Worker {
    const worker = new Worker(workerUrl, { execArgv, env: {}, name: "signatures" })
    this.#alive.set(worker, [])
    worker.on("message", (verdicts: Uint8Array) => {
      const batch = this.#alive.get(worker) ?? []
      this.#alive.set(worker, [])
      this.#idle.add(worker)
      worker.unref()
      batch.forEach((job, i) => job.done(verdicts[i] === 1))
      this.#flush()
    })
    // Its exit follows and says the rest; without a listener it would be an uncaught exception of the process.
    worker.on("error", () => undefined)
    worker.on("exit", () => this.#onExit(worker))
    return worker
  }

  #onExit(worker: Worker): void {
    const batch = this.#alive.get(worker) ?? []
    this.#alive.delete(worker)
    this.#idle.delete(worker)
    if (this.#isClosed) return
    for (const job of batch) {
      job.deaths++
      if (job.deaths < maxDeaths) this.#waiting.push(job)
      else job.done(verifyHere(job))
    }
    this.#flush()
  }
}

const verifyHere = ({ key, message, signature }: Checks.Check): boolean =>
  Schnorrkel.verify(signature, message, key)

/** A pool until the scope closes. Threads start when they are first needed. */
export const make = Effect.fn("NodeSignaturePool.make")(function* (
  options: Partial<Limits> = {}
): Effect.fn.Return<Service, never, Scope.Scope> {
  const given = { ...defaults, ...options }
  // As many as a thread takes in one message, whatever their payloads.
  const batchSize = Math.min(given.batchSize, Schnorrkel.maxChecks)
  const longest = Math.floor(Schnorrkel.maxInputBytes / batchSize) - Checks.headBytes - Checks.seedBytes
  const limits: Limits = { ...given, batchSize, payloadBytes: Math.min(given.payloadBytes, longest) }
  yield* Effect.sync(() => Schnorrkel.load())
  const pool = yield* Effect.acquireRelease(
    Effect.sync(() => new Pool(limits)),
    (one) => Effect.promise(() => one.close())
  )
  const permits = yield* Semaphore.make(limits.queueCapacity)
  /** The verdicts on so many checks that there is room for all of them. */
  const inPool = (checks: ReadonlyArray<Checks.Check>) => {
    const verdicts = Effect.callback<Array<boolean>>((resume) => {
      const found = checks.map(() => false)
      let missing = checks.length
      checks.forEach(({ key, message, signature }, at) => {
        const done = (valid: boolean) => {
          found[at] = valid
          if (--missing === 0) resume(Effect.succeed(found))
        }
        pool.add({ key, message, signature, done, deaths: 0 })
      })
    })
    const counted = Metric.update(Metrics.signaturesVerified, checks.length)
    return Effect.tap(permits.withPermits(checks.length)(verdicts), counted)
  }
  const verifyAll = (checks: ReadonlyArray<Check>) =>
    Effect.suspend(() => {
      const verdicts = checks.map(() => false)
      const places: Array<number> = []
      const pooled: Array<Checks.Check> = []
      checks.forEach((check, at) => {
        const bytes = toBytes(check)
        if (bytes === undefined) return
        if (bytes.message.length > limits.payloadBytes) verdicts[at] = verifyHere(bytes)
        else {
          places.push(at)
          pooled.push(bytes)
        }
      })
      // No more at a time than half of the room: others come in between.
      const share = Math.ceil(limits.queueCapacity / 2)
      const starts = Array.from({ length: Math.ceil(pooled.length / share) }, (_, i) => i * share)
      const all = Effect.forEach(starts, (from) =>
        Effect.map(inPool(pooled.slice(from, from + share)), (found) =>
          found.forEach((valid, i) => (verdicts[places[from + i]!] = valid))
        )
      )
      return Effect.as(all, verdicts)
    })
  return {
    verify: (key, payload, signature) =>
      Effect.suspend(() => {
        const check = toBytes({ key, payload, signature })
        if (check === undefined) return Effect.succeed(false)
        return payload.length > limits.payloadBytes
          ? Effect.sync(() => verifyHere(check))
          : Effect.map(inPool([check]), ([valid]) => valid === true)
      }),
    verifyAll
  }
})

/** One pool for everybody who verifies. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<NodeSignaturePool> =>
  Layer.effect(NodeSignaturePool, make(options))
