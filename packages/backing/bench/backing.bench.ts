/**
 * What isolation costs: an execution of the adder in a process against the same module in a worker thread, in turns,
 * and on the main thread; and what a
 * statement costs in the tally against the check of its signature, and signatures through the pool against one thread. One JSON row per measurement, microseconds per
 * operation. Run with `node --conditions=ephor-source bench/backing.bench.ts`.
 */
import { Adder, Pvf, StatementTable } from "@ephor/backing"
import * as Metrics from "@ephor/backing/Metrics"
import * as NodePvf from "@ephor/backing/NodePvf"
import { Keystore } from "@ephor/keystore"
import * as NodeSignaturePool from "@ephor/keystore/NodeSignaturePool"
import { fromHex, Scale, statementPayload, ValidationParams, ValidationResult } from "@ephor/types"
import { sr25519Verify, waitReady } from "@polkadot/wasm-crypto"
import { Clock, Effect, Metric, Redacted, Semaphore } from "effect"
import { availableParallelism } from "node:os"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { Worker } from "node:worker_threads"
import type { Task } from "./workerThread.ts"

await waitReady()

const rounds = 5
const median = (values: ReadonlyArray<number>) => values.toSorted((a, b) => a - b)[values.length >> 1]!
const row = (what: string, ours: number, peer: number) => {
  const round = (value: number) => Number(value.toPrecision(3))
  const ratio = round(peer / ours)
  process.stdout.write(
    `${JSON.stringify({ what, ours: round(ours), peer: round(peer), ratio, unit: "us/op" })}\n`
  )
}

const params: ValidationParams = {
  parentHead: Adder.encodeHead(Adder.genesis(5n)),
  blockData: Adder.encodeBlock({ state: 5n, add: 7n }),
  relayParentNumber: 1,
  relayParentStorageRoot: `0x${"00".repeat(32)}`
}
const module = new WebAssembly.Module(Adder.code.slice())
const direct = () => {
  const { alloc, memory, validate_block } = new WebAssembly.Instance(module).exports as {
    readonly alloc: (length: number) => number
    readonly memory: WebAssembly.Memory
    readonly validate_block: (at: number, length: number) => bigint
  }
  const input = Scale.encode(ValidationParams)(params)
  const at = alloc(input.length)
  new Uint8Array(memory.buffer).set(input, at)
  return validate_block(at, input.length)
}

/**
 * An executor whose function runs in a worker thread. A thread shares its process, so that a function can take the
 * whole of it along. It does what `NodePvf` does at its door.
 */
const threadExecutor = Effect.gen(function* () {
  const permits = yield* Semaphore.make(1)
  const worker = yield* Effect.acquireRelease(
    Effect.sync(() => new Worker(new URL("./workerThread.ts", import.meta.url), { execArgv: [] })),
    (worker) => Effect.promise(() => worker.terminate())
  )
  const ask = (task: Task, timeoutMs: number) =>
    Effect.callback<Uint8Array>((resume) => {
      const timer = setTimeout(() => void worker.terminate(), timeoutMs)
      worker.once("message", (bytes: Uint8Array) => {
        clearTimeout(timer)
        resume(Effect.succeed(bytes))
      })
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker, not a window
      worker.postMessage(task)
    })
  return Effect.fn("execute")(function* (request: Pvf.PvfRequest) {
    const started = yield* Clock.currentTimeMillis
    const input = Scale.encode(ValidationParams)(request.params)
    const output = yield* ask({ module, input }, request.timeoutMs).pipe(permits.withPermits(1))
    yield* Metric.update(Metrics.pvfExecutions("Valid"), 1)
    yield* Metric.update(Metrics.pvfDuration, ((yield* Clock.currentTimeMillis) - started) / 1000)
    return Scale.decode(ValidationResult)(output)
  })
})

const executions = 200
const turns = 15
const measurePvf = Effect.gen(function* () {
  const pvf = yield* Pvf.Pvf
  const request = { code: Adder.code, codeHash: Adder.codeHash, params, timeoutMs: 2000 }
  const inThreadOnce = yield* threadExecutor
  const many = (once: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      for (let i = 0; i < executions; i++) yield* once
    })
  const inProcess = many(Effect.suspend(() => pvf.execute(request)))
  const inThread = many(Effect.suspend(() => inThreadOnce(request)))
  const onMainThread = Effect.sync(() => {
    for (let i = 0; i < executions; i++) direct()
  })
  const timed = (work: Effect.Effect<void>) =>
    Effect.gen(function* () {
      const start = performance.now()
      yield* work
      return ((performance.now() - start) * 1000) / executions
    })
  yield* inProcess
  yield* inThread
  const taken: Array<readonly [number, number, number]> = []
  for (let turn = 0; turn < turns; turn++) {
    taken.push([yield* timed(inProcess), yield* timed(inThread), yield* timed(onMainThread)])
  }
  const [ours, threads, main] = [0, 1, 2].map((index) => median(taken.map((times) => times[index]!)))
  row("execute the adder: process vs worker thread", ours!, threads!)
  row("execute the adder: process vs main thread", ours!, main!)
}).pipe(Effect.scoped)

const validators = 300
const candidateHash = `0x${"ab".repeat(32)}` as const
const measureTally = Effect.gen(function* () {
  const keystore = yield* Keystore.Keystore
  const key = keystore.publicKeys[0]!
  const payload = statementPayload(
    { _tag: "Valid", value: candidateHash },
    { sessionIndex: 1, parentHash: candidateHash }
  )
  const signature = yield* keystore.sign(key, payload)
  const members = Array.from({ length: validators }, (_, index) => index)
  const ours: Array<number> = []
  const peer: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const groups = new Map([[0, members]])
    const table = StatementTable.make<string>({ era: "current", groups, threshold: StatementTable.quorum(2) })
    const start = performance.now()
    for (const validatorIndex of members) {
      StatementTable.importStatement(table, {
        ...(validatorIndex === 0 ? { _tag: "Seconded", candidate: "a", group: 0 } : { _tag: "Valid" }),
        candidateHash,
        validatorIndex,
        signature
      })
    }
    const middle = performance.now()
    for (const _ of members) yield* keystore.verify(key, payload, signature)
    ours.push(((middle - start) * 1000) / validators)
    peer.push(((performance.now() - middle) * 1000) / validators)
  }
  row("take one statement: tally vs signature check", median(ours), median(peer))
})

const signatures = 2000
const pooledSignatures = Effect.gen(function* () {
  const here = yield* Keystore.Keystore
  const pool = yield* NodeSignaturePool.NodeSignaturePool
  const key = here.publicKeys[0]!
  const payload = statementPayload(
    { _tag: "Valid", value: candidateHash },
    { sessionIndex: 1, parentHash: candidateHash }
  )
  const signature = yield* here.sign(key, payload)
  const many = Array.from({ length: signatures })
  const inPool = Effect.forEach(many, () => pool.verify(key, payload, signature), {
    concurrency: "unbounded",
    discard: true
  })
  yield* inPool
  const ours: Array<number> = []
  const peer: Array<number> = []
  const delay = monitorEventLoopDelay({ resolution: 1 })
  for (let round = 0; round < rounds; round++) {
    delay.enable()
    const start = performance.now()
    yield* inPool
    const middle = performance.now()
    delay.disable()
    for (const _ of many) sr25519Verify(fromHex(signature), payload, fromHex(key))
    ours.push(((middle - start) * 1000) / signatures)
    peer.push(((performance.now() - middle) * 1000) / signatures)
  }
  row("verify a signature: pool vs one thread of @polkadot/wasm-crypto", median(ours), median(peer))
  const p99 = Number((delay.percentile(99) / 1e6).toPrecision(3))
  process.stdout.write(
    `${JSON.stringify({ what: "event loop delay meanwhile, p99", ours: p99, unit: "ms" })}\n`
  )
}).pipe(Effect.provide(NodeSignaturePool.layer({ workers: availableParallelism() })))

const keys = Keystore.layerSr25519({ secrets: [Redacted.make("//Alice")] })
await Effect.runPromise(
  Effect.andThen(Effect.andThen(measurePvf, measureTally), pooledSignatures).pipe(
    Effect.provide([NodePvf.layer({ workers: 1 }), keys])
  )
)
