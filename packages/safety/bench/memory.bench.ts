/**
 * What one block takes in a supervisor's memory: its seal, the hashes of its logs, and an entry in each safety database.
 * Prints one JSON row per measurement. Run with `node --conditions=ephor-source --expose-gc bench/memory.bench.ts`.
 */
import { Store } from "@ephor/store"
import { toHex, type Hash } from "@ephor/types"
import { Effect, Layer, Stream } from "effect"
import type { DerivationDb, LogsDb } from "../src/index.ts"
import { makeLedger } from "../src/supervisor/Ledger.ts"

const blocks = 30_000
const gc = globalThis.gc ?? (() => {})

/** Keeps nothing: only the databases in memory are weighed. */
const nowhere = Layer.succeed(Store.Store, {
  get: () => Effect.succeedNone,
  batch: () => Effect.void,
  iterate: () => Stream.empty
} as unknown as Store.Service)

const used = () => {
  for (let i = 0; i < 3; i++) gc()
  const { arrayBuffers, external, heapUsed } = process.memoryUsage()
  return heapUsed + Math.max(arrayBuffers, external)
}

/** A text of its own each time, as it comes out of a message. */
const hashOf = (mark: number, number: number): Hash => {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, mark)
  new DataView(bytes.buffer).setUint32(4, number)
  return toHex(bytes)
}

const weigh = (logsPerBlock: number) =>
  Effect.gen(function* () {
    const rules = { has: () => true, isInterop: () => true, isActivationBlock: () => false, expiryWindow: 1 }
    const ledger = yield* makeLedger(["901"], rules)
    const before = used()
    for (let number = 0; number < blocks; number++) {
      const seal = () => ({ hash: hashOf(1, number), number, timestamp: 1000 + 2 * number })
      const source = () => ({ hash: hashOf(2, number), number, timestamp: 1000 + 12 * number })
      const block: LogsDb.SealedBlock = {
        ...seal(),
        parentHash: hashOf(1, number - 1),
        logs: Array.from({ length: logsPerBlock }, (_, at) => hashOf(3 + at, number)),
        executing: []
      }
      const entry = (): DerivationDb.DerivationEntry => ({
        source: source(),
        derived: seal(),
        revision: 0,
        invalidated: false
      })
      const edit = () => ({ keep: number, append: [entry()] })
      ledger.decideNow(() => ({
        result: undefined,
        changes: [{ chainId: "901", logs: { keep: number, append: [block] }, local: edit(), cross: edit() }]
      }))
      if (number % 100 === 0) yield* Effect.yieldNow
    }
    yield* Effect.sleep(50)
    const bytes = (used() - before) / blocks
    console.log(
      JSON.stringify({
        what: `memory of a block with ${logsPerBlock} logs`,
        ours: Math.round(bytes),
        unit: "B"
      })
    )
    return ledger.state("901").logs.length
  }).pipe(Effect.scoped, Effect.provide(nowhere))

for (const logsPerBlock of [0, 4, 16]) await Effect.runPromise(weigh(logsPerBlock))
