/** Durable writes, reads and scans of the embedded store, imports of a chain, signature checks. Prints one line each. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Layer, Redacted, Stream } from "effect"
import { Chain } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import * as Script from "@ephor/chain/testing/ChainScript"

const measure = <A, E, R>(name: string, count: number, effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const start = performance.now()
    yield* effect
    const ms = performance.now() - start
    console.log(`${name}: ${((ms * 1000) / count).toFixed(1)} µs each, ${Math.round((count / ms) * 1000)}/s`)
  })

const key = (prefix: number, index: number) => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setUint32(0, prefix)
  new DataView(bytes.buffer).setUint32(4, index)
  return bytes
}
const value = new Uint8Array(200)
const range = (count: number) => Array.from({ length: count }, (_, index) => index)

const storeBench = Effect.gen(function* () {
  const store = yield* Store.Store
  const five = (index: number) => store.batch(range(5).map((part) => Store.put(key(index, part), value)))
  yield* measure(
    "durable batch of 5, one after the other",
    200,
    Effect.forEach(range(200), five, { discard: true })
  )
  yield* measure(
    "durable batch of 5, all at once",
    5000,
    Effect.forEach(range(5000), five, { concurrency: "unbounded", discard: true })
  )
  const many = (round: number) =>
    store.batch(range(500).map((part) => Store.put(key(1_000_000 + round, part), value)))
  yield* measure("durable batch of 500", 50, Effect.forEach(range(50), many, { discard: true }))
  yield* measure(
    "get",
    20_000,
    Effect.forEach(range(20_000), (index) => store.get(key(index % 5000, 1)), { discard: true })
  )
  yield* measure(
    "entry of a scan",
    25_000,
    Stream.runDrain(Stream.take(store.iterate(new Uint8Array(0)), 25_000))
  )
})

const importBench = (name: string, count: number) =>
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const blocks = range(count).map((index) =>
      Script.block(`b${index + 1}`, index === 0 ? "g" : `b${index}`, index + 1)
    )
    yield* measure(
      `import into a chain ${name}`,
      count,
      Effect.forEach(blocks, chain.import, { discard: true })
    )
  })

const verifyBench = Effect.gen(function* () {
  const store = yield* Keystore.Keystore
  const alice = store.publicKeys[0]!
  const signature = yield* store.sign(alice, value)
  yield* measure(
    "sr25519 verify",
    500,
    Effect.forEach(range(500), () => store.verify(alice, value, signature), { discard: true })
  )
})

const path = mkdtempSync(join(tmpdir(), "ephor-bench-"))
const backend = Effect.succeed<Chain.Backend>({ genesis: Script.genesis, anchorSource: Script.l1(0) })
const onDisk = Chain.layer(backend).pipe(Layer.provide(NodeStore.layer({ path: join(path, "chain") })))
await Effect.runPromise(
  Effect.all([
    storeBench.pipe(Effect.provide(NodeStore.layer({ path: join(path, "store") }))),
    importBench("in memory", 5000).pipe(Effect.provide(Chain.layerMemory({ genesis: Script.genesis }))),
    importBench("on disk", 200).pipe(Effect.provide(onDisk)),
    verifyBench.pipe(Effect.provide(Keystore.layerSr25519({ secrets: [Redacted.make("//Alice")] })))
  ])
)
rmSync(path, { recursive: true, force: true })
