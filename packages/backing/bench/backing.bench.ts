/**
 * What isolation costs: an execution of the adder in a worker against the same module on the main thread, and what a
 * statement costs in the tally against the check of its signature, and signatures through the pool against one thread. One JSON row per measurement, microseconds per
 * operation. Run with `node --conditions=ephor-source bench/backing.bench.ts`.
 */
import { Adder, Pvf, StatementTable } from "@ephor/backing"
import * as NodePvf from "@ephor/backing/NodePvf"
import { Keystore } from "@ephor/keystore"
import * as NodeSignaturePool from "@ephor/keystore/NodeSignaturePool"
import { fromHex, Scale, statementPayload, ValidationParams } from "@ephor/types"
import { sr25519Verify, waitReady } from "@polkadot/wasm-crypto"
import { Effect, Redacted } from "effect"
import { availableParallelism } from "node:os"
import { monitorEventLoopDelay } from "node:perf_hooks"

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

const executions = 200
const measurePvf = Effect.gen(function* () {
  const pvf = yield* Pvf.Pvf
  const request = { code: Adder.code, codeHash: Adder.codeHash, params, timeoutMs: 2000 }
  yield* pvf.execute(request)
  const ours: Array<number> = []
  const peer: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    const start = performance.now()
    for (let i = 0; i < executions; i++) yield* pvf.execute(request)
    const middle = performance.now()
    for (let i = 0; i < executions; i++) direct()
    ours.push(((middle - start) * 1000) / executions)
    peer.push(((performance.now() - middle) * 1000) / executions)
  }
  row("execute the adder: worker vs main thread", median(ours), median(peer))
})

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
