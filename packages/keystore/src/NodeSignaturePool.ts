/**
 * Verifies sr25519 signatures in worker threads, in batches: signatures are the budget of a validator, and its event
 * loop has other things to do. All validators of a process share one pool.
 */
import { fromHex, isHex, type Signature, type ValidatorId } from "@ephor/types"
import { Context, Effect, Layer, Metric, type Scope, Semaphore } from "effect"
import { availableParallelism } from "node:os"
import { Worker } from "node:worker_threads"
import { sr25519Ready, sr25519Verify } from "./Keystore.ts"
import * as Metrics from "./Metrics.ts"
import { type Check, packChecks } from "./pool/Checks.ts"

/** Bounds of the pool. */
export interface Limits {
  /** Threads. Default: as many as the machine has cores, at most four. */
  readonly workers: number
  /** Checks that one message to a thread carries. */
  readonly batchSize: number
  /** Checks that wait or run; `verify` suspends beyond. */
  readonly queueCapacity: number
  /** Longest payload that goes to a thread; longer ones are none of a validator's and are verified where they are. */
  readonly payloadBytes: number
}

/** What applies where nothing is given. */
export const defaults: Limits = {
  workers: Math.min(4, availableParallelism()),
  batchSize: 16,
  queueCapacity: 8192,
  payloadBytes: 64 * 1024
}

/** Shape of the pool. */
export interface Service {
  /** False for anything that is not a valid signature, whatever the bytes. */
  readonly verify: (key: ValidatorId, payload: Uint8Array, signature: Signature) => Effect.Effect<boolean>
}

/** The threads that verify signatures for this process. */
export class NodeSignaturePool extends Context.Service<NodeSignaturePool, Service>()(
  "@ephor/keystore/NodeSignaturePool"
) {}

interface Job extends Check {
  readonly done: (valid: boolean) => void
  /** Threads that died over it. */
  deaths: number
}

/** A job that ended so many threads is verified here: something else is wrong with them. */
const maxDeaths = 2

/** Run from source the worker is a `.ts` file, built it is its own entry beside the chunks. */
const workerUrl = new URL(
  import.meta.url.endsWith(".ts") ? "./NodeSignatureWorker.ts" : "./NodeSignatureWorker.js",
  import.meta.url
)

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
      const bytes = packChecks(batch)
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
    const worker = new Worker(workerUrl, { execArgv: [], env: {}, name: "signatures" })
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

const toHexText = (bytes: Uint8Array): `0x${string}` => `0x${Buffer.from(bytes).toString("hex")}`
const verifyHere = ({ key, payload, signature }: Check): boolean =>
  sr25519Verify(toHexText(key), payload, toHexText(signature))

/** A pool until the scope closes. Threads start when they are first needed. */
export const make = Effect.fn("NodeSignaturePool.make")(function* (
  options: Partial<Limits> = {}
): Effect.fn.Return<Service, never, Scope.Scope> {
  const limits = { ...defaults, ...options }
  yield* sr25519Ready
  const pool = yield* Effect.acquireRelease(
    Effect.sync(() => new Pool(limits)),
    (one) => Effect.promise(() => one.close())
  )
  const permits = yield* Semaphore.make(limits.queueCapacity)
  const counted = Metric.update(Metrics.signaturesVerified, 1)
  return {
    verify: (key, payload, signature) =>
      Effect.suspend(() => {
        if (key.length !== 66 || signature.length !== 130 || !isHex(key) || !isHex(signature)) {
          return Effect.succeed(false)
        }
        if (payload.length > limits.payloadBytes) {
          return Effect.sync(() => sr25519Verify(key, payload, signature))
        }
        const verdict = Effect.callback<boolean>((resume) => {
          const done = (valid: boolean) => resume(Effect.succeed(valid))
          pool.add({ key: fromHex(key), payload, signature: fromHex(signature), done, deaths: 0 })
        })
        return Effect.tap(permits.withPermits(1)(verdict), counted)
      })
  }
})

/** One pool for everybody who verifies. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<NodeSignaturePool> =>
  Layer.effect(NodeSignaturePool, make(options))
