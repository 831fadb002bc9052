/**
 * What a supervisor of two chains with 100 logs a block can take. Prints one JSON row per measurement; `target` is what
 * we want of it. Run with `npm run bench -- safety`, or `node --conditions=ephor-source --expose-gc bench/safety.bench.ts`.
 *
 * The nodes are scripts in this process (`support/script.ts`), the store is a `NodeStore` in a directory of its own,
 * clients of the port are another thread (`support/client.ts`).
 */
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Worker } from "node:worker_threads"
import * as NodeStore from "@ephor/store/NodeStore"
import { Context, Effect, Layer, References } from "effect"
import { L1, Supervisor } from "../src/index.ts"
import * as NodeSupervisorRpc from "../src/NodeSupervisorRpc.ts"
import type { Job, Outcome } from "./support/client.ts"
import * as Script from "./support/script.ts"

const blocks = 1500
const rounds = 5
const samples = 1000
const directory = mkdtempSync(join(tmpdir(), "ephor-bench-"))
const gc = globalThis.gc ?? (() => {})

const row = (what: string, ours: number, unit: string, target?: number) =>
  Effect.sync(() =>
    console.log(JSON.stringify({ what, ours: Number(ours.toPrecision(3)), unit, ...(target && { target }) }))
  )
const quantile = (values: ReadonlyArray<number>, q: number) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length * q)]!

const supervisor = (path: string, nodes: ReadonlyArray<Script.ScriptedNode>) =>
  Supervisor.layer({
    dependencySet: { dependencies: Object.fromEntries(Script.chainIds.map((id) => [id, {}])) },
    rollupConfigs: Script.rollupConfigs,
    nodes: nodes.map(({ node }) => ({ node }))
  }).pipe(
    Layer.provide(Layer.fresh(L1.layer(Script.l1))),
    Layer.provide(NodeStore.layer({ path: join(directory, path) }))
  )

/**
 * From the events of both nodes to cross-safe heads that both nodes were told of: blocks per second, and milliseconds of
 * processor time per block, all threads together.
 */
const ingest = Effect.fnUntraced(function* (path: string, chains: ReadonlyArray<Script.ScriptedChain>) {
  const nodes = chains.map(Script.makeNode)
  yield* Layer.build(supervisor(path, nodes))
  gc()
  const cpu = process.cpuUsage()
  const start = performance.now()
  for (const node of nodes) {
    for (let number = 1; number <= blocks; number++) node.unsafe(number)
    node.derive(blocks)
  }
  for (const { until } of nodes) {
    yield* until(({ crossSafe, crossUnsafe }) => crossSafe === blocks && crossUnsafe === blocks)
  }
  const { system, user } = process.cpuUsage(cpu)
  const count = nodes.length * blocks
  return { perSecond: (count * 1000) / (performance.now() - start), workMs: (system + user) / 1000 / count }
}, Effect.scoped)

/** Milliseconds from an unsafe block of one chain to the promotion of it at the node, nothing else going on. */
const promote = Effect.fnUntraced(function* (chains: ReadonlyArray<Script.ScriptedChain>) {
  const nodes = chains.map(Script.makeNode)
  yield* Layer.build(supervisor("promote", nodes))
  const latencies: Array<number> = []
  for (let number = 1; number <= samples; number++) {
    for (const { unsafe, until } of nodes) {
      const start = performance.now()
      unsafe(number)
      yield* until(({ crossUnsafe }) => crossUnsafe === number)
      latencies.push(performance.now() - start)
    }
  }
  return latencies
}, Effect.scoped)

const logs = Script.chainIds.length * blocks * Script.logsPerBlock

/** Bytes in use on the heap and in buffers. What was collected lets go of its buffers a little later. */
const used = Effect.gen(function* () {
  for (let i = 0; i < 5; i++) {
    gc()
    yield* Effect.sleep("50 millis")
  }
  const { external, heapUsed } = process.memoryUsage()
  return heapUsed + external
})

/** What supervisors take together that have loaded the databases of all rounds: bytes, and milliseconds to load. */
const reload = Effect.gen(function* () {
  const before = yield* used
  const start = performance.now()
  for (let round = 0; round <= rounds; round++) yield* Layer.build(supervisor(`ingest-${round}`, []))
  const ms = performance.now() - start
  return { bytes: (yield* used) - before, ms }
}).pipe(Effect.scoped)

const clients = (job: Job) =>
  Effect.callback<Outcome>((resume) => {
    const worker = new Worker(new URL("./support/client.ts", import.meta.url), { workerData: job })
    worker.once("message", (outcome: Outcome) => resume(Effect.succeed(outcome)))
    worker.once("error", (error) => resume(Effect.die(error)))
  })

/** Access lists of one message each, all of which exist and are safe enough. */
const bodies = Array.from({ length: 2000 }, (_, i) => {
  const number = 1 + ((i * 37) % (blocks - 1))
  const entries = Script.accessOf(i % 2, number, i % (Script.logsPerBlock - Script.executingPerBlock))
  const executing = { chainID: Script.chainIds[i % 2], timestamp: Script.timeOf(blocks), timeout: "0x0" }
  const params = [entries, i % 3 === 0 ? "safe" : "cross-unsafe", executing]
  return JSON.stringify({ jsonrpc: "2.0", id: i, method: "supervisor_checkAccessList", params })
})

const check = Effect.fnUntraced(function* (path: string) {
  const services = yield* Layer.build(
    NodeSupervisorRpc.layer({ port: 0 }).pipe(Layer.provide(supervisor(path, [])))
  )
  const { port } = Context.get(services, NodeSupervisorRpc.NodeSupervisorRpc)
  return yield* clients({ port, bodies, connections: 16, requests: 60_000, warmUp: 20_000 })
}, Effect.scoped)

const program = Effect.gen(function* () {
  let chains: ReadonlyArray<Script.ScriptedChain> = [0, 1].map((chain) => Script.makeChain(chain, blocks))
  const runs: Array<Effect.Success<ReturnType<typeof ingest>>> = []
  for (let round = 0; round <= rounds; round++) runs.push(yield* ingest(`ingest-${round}`, chains))
  runs.shift() // it warmed the code up
  const latencies = yield* promote(chains)
  chains = []
  const median = (what: "perSecond" | "workMs") =>
    quantile(
      runs.map((run) => run[what]),
      0.5
    )
  yield* row("blocks of 100 logs ingested, 2 chains", median("perSecond"), "blocks/s", 1000)
  yield* row("processor time of it", median("workMs"), "ms/block")
  const { size } = statSync(join(directory, "ingest-1", "data.mdb"))
  yield* row("disk, everything included", size / logs, "bytes/log", 200)
  const { bytes, ms } = yield* reload
  const loaded = logs * (rounds + 1)
  yield* row("memory, everything included", bytes / loaded, "MB/million logs")
  yield* row("start on what is on disk", (loaded / ms) * 1000, "logs/s")
  yield* row("unsafe block to updateCrossUnsafe, p50", quantile(latencies, 0.5), "ms")
  yield* row("unsafe block to updateCrossUnsafe, p99", quantile(latencies, 0.99), "ms")
  const { p50Ms, p99Ms, perSecond, refused } = yield* check("ingest-1")
  if (refused > 0) return yield* Effect.die(new Error(`${refused} access lists were turned down`))
  yield* row("checkAccessList over HTTP, 16 connections", perSecond, "calls/s", 10_000)
  yield* row("checkAccessList over HTTP, p50", p50Ms, "ms")
  yield* row("checkAccessList over HTTP, p99", p99Ms, "ms")
})

await Effect.runPromise(
  program.pipe(
    Effect.ensuring(Effect.sync(() => rmSync(directory, { recursive: true, force: true }))),
    // Standard output is for the rows.
    Effect.provideService(References.MinimumLogLevel, "None")
  )
)
