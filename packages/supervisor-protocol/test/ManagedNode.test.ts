import { assert, describe, it } from "@effect/vitest"
import { Chain, ChainError } from "@ephor/chain"
import { Backend } from "@ephor/chain/ChainError"
import { Effect, Fiber, Layer, Option, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { toRpcError } from "../src/Interop.ts"
import type { ManagedNodeError } from "../src/ManagedNodeError.ts"
import * as ManagedNode from "../src/ManagedNode.ts"
import { chainId, checks, l1Block, l2Block, layerChain } from "../src/testing/ManagedNodeTest.ts"

const node = ManagedNode.layerChain({ chainId }).pipe(Layer.provideMerge(layerChain))

describe("a node in this process", () => {
  for (const { name, run } of checks) {
    it.live(name, () => Effect.scoped(run).pipe(Effect.provide(node)))
  }
})

const run = <A, E>(
  test: Effect.Effect<A, E, ManagedNode.ManagedNode | Chain.Chain | Scope.Scope>,
  options?: Partial<ManagedNode.ChainOptions>,
  overrides?: (chain: Chain.Service) => Partial<Chain.Service>
) => {
  const chain = Layer.effect(
    Chain.Chain,
    Effect.map(Chain.Chain, (chain) => ({ ...chain, ...overrides?.(chain) }))
  ).pipe(Layer.provide(layerChain))
  const node = ManagedNode.layerChain({ chainId, ...options }).pipe(Layer.provideMerge(chain))
  return Effect.scoped(test).pipe(Effect.provide(node))
}
const heads = (number: number) => {
  const { hash } = l2Block(number)
  const id = { hash, number }
  return { localUnsafe: id, crossUnsafe: id, localSafe: id, crossSafe: id, finalized: id }
}
const grow = Effect.fnUntraced(function* (to: number) {
  const chain = yield* Chain.Chain
  for (let number = 1; number <= to; number++) {
    const ref = l2Block(number)
    const output = { stateRoot: ref.hash, messagePasserStorageRoot: ref.hash, blockHash: ref.hash }
    yield* chain.import({ ref, body: new Uint8Array(0), receipts: [], output })
  }
})

/** A chain of 20 blocks, final up to the 18th, that keeps blocks from the 13th on. */
const pruned = Layer.effect(
  Chain.Chain,
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const hashes = [chain.anchor.derived.hash]
    for (let number = 1; number <= 20; number++) {
      const hash = `0x${number.toString(16).padStart(64, "0")}` as const
      hashes.push(hash)
      const ref = { ...l2Block(number), hash, parentHash: hashes[number - 1]! }
      const output = { stateRoot: hash, messagePasserStorageRoot: hash, blockHash: hash }
      yield* chain.import({ ref, body: new Uint8Array(0), receipts: [], output })
    }
    for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const)
      yield* chain.promote(level, hashes[18]!)
    while ((yield* chain.history) < 13) yield* Effect.yieldNow
    return chain
  })
).pipe(
  Layer.provide(
    Chain.layerMemory({
      limits: { historyBlocks: 4, pruneBatchBlocks: 2, rememberedBlocks: 20, retainedBlocks: 4 }
    })
  )
)

describe("a node over a chain that keeps only the newest blocks", () => {
  const over = <A, E>(test: Effect.Effect<A, E, ManagedNode.ManagedNode | Chain.Chain | Scope.Scope>) =>
    Effect.scoped(test).pipe(
      Effect.provide(ManagedNode.layerChain({ chainId }).pipe(Layer.provideMerge(pruned)))
    )
  const at = (number: number) => ({
    hash: `0x${number.toString(16).padStart(64, "0")}` as const,
    number
  })

  it.effect("answers what it keeps no more as such, in the words of go-ethereum", () =>
    over(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const { hash } = at(12)
        for (const call of [
          node.l2BlockRefByNumber(12),
          node.blockRefByNumber(12),
          node.fetchReceipts(hash),
          node.l2BlockRefByTimestamp(l2Block(12).timestamp),
          node.outputV0AtTimestamp(l2Block(12).timestamp),
          node.pendingOutputV0AtTimestamp(l2Block(12).timestamp),
          node.invalidateBlock({ hash, number: 12, timestamp: 0 }),
          node.reset({
            localUnsafe: at(20),
            crossUnsafe: at(18),
            localSafe: at(18),
            crossSafe: at(12),
            finalized: at(12)
          })
        ]) {
          const error = yield* Effect.flip(call as Effect.Effect<unknown, ManagedNodeError>)
          assert.strictEqual(error.reason._tag, "Pruned", error.method)
          assert.match(error.reason.message, /^pruned history unavailable: /)
          assert.strictEqual(toRpcError(error).code, 4444)
        }
        assert.strictEqual((yield* node.l2BlockRefByNumber(13)).number, 13)
        assert.strictEqual((yield* Effect.flip(node.l2BlockRefByNumber(21))).reason._tag, "BlockNotFound")
        assert.strictEqual((yield* node.l2BlockRefByNumber(0)).number, 0)
      })
    )
  )
  it.effect("takes updates that come late, and a reset whose finality is far behind", () =>
    over(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const chain = yield* Chain.Chain
        const before = yield* chain.heads
        yield* node.updateCrossUnsafe(at(12))
        yield* node.updateCrossSafe(at(12), l1Block(1))
        yield* node.updateFinalized(at(12))
        assert.deepStrictEqual(yield* chain.heads, before)
        const safe = at(18)
        yield* node.reset({
          localUnsafe: at(19),
          crossUnsafe: safe,
          localSafe: safe,
          crossSafe: safe,
          finalized: at(3)
        })
        assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 19)
        assert.strictEqual((yield* chain.head("Finalized")).number, 18)
      })
    )
  )
})

const backendFailure = new ChainError({
  method: "block",
  reason: new Backend({ what: "disk", cause: new Error("full") })
})

describe("a node over a chain with troubles", () => {
  it.effect("a lookup of a reset that fails is neither missing nor conflicting", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const { reason } = yield* Effect.flip(node.reset(heads(0)))
        assert.deepStrictEqual(
          [reason._tag, reason.message],
          ["LookupFailed", "failed to find block reference"]
        )
        assert.strictEqual((yield* Effect.flip(node.l2BlockRefByNumber(0))).reason._tag, "Refused")
      }),
      {},
      () => ({ block: () => Effect.fail(backendFailure) })
    )
  )
  it.effect("a reset below finality is too deep", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const chain = yield* Chain.Chain
        yield* grow(2)
        for (const level of ["LocalSafe", "CrossUnsafe", "CrossSafe", "Finalized"] as const) {
          yield* chain.promote(level, l2Block(2).hash)
        }
        const { reason } = yield* Effect.flip(node.reset(heads(1)))
        assert.strictEqual(reason._tag, "Refused")
        assert.match(reason.message, /^reorg is too deep: /)
      })
    )
  )
  it.effect("a reset does not go back further than five sequencing windows", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        yield* grow(20)
        const { reason } = yield* Effect.flip(node.reset(heads(2)))
        assert.match(reason.message, /^reorg is too deep: traversed back to L2 block 0x/)
        // Five windows back is allowed, one block more is not.
        assert.match((yield* Effect.flip(node.reset(heads(14)))).reason.message, /^reorg is too deep/)
        yield* node.reset(heads(15))
      }),
      { sequencerWindowBlocks: 1 },
      // Each block has an L1 block of its own.
      (chain) => ({
        block: (id) =>
          Effect.map(
            chain.block(id),
            Option.map((ref) => ({ ...ref, l1origin: { ...ref.l1origin, number: ref.number } }))
          )
      })
    )
  )
  it.effect("blocks from before interop are not told of, and no reset goes there", () => {
    const interopTime = l2Block(3).timestamp
    return run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const chain = yield* Chain.Chain
        const events = yield* node.events.pipe(
          Stream.filter(({ reset }) => reset === undefined),
          Stream.take(2),
          Stream.runCollect,
          Effect.forkChild({ startImmediately: true })
        )
        yield* grow(3)
        for (const number of [2, 3]) yield* chain.promote("LocalSafe", l2Block(number).hash, l1Block(number))
        const told = yield* Fiber.join(events)
        assert.deepStrictEqual(
          told.map(({ derivationUpdate, unsafeBlock }) => (unsafeBlock ?? derivationUpdate?.derived)?.number),
          [3, 3]
        )
        assert.strictEqual((yield* Effect.flip(node.anchorPoint)).reason._tag, "InteropInactive")
        const { reason } = yield* Effect.flip(node.reset(heads(2)))
        assert.match(reason.message, /^proposed local-unsafe block 0x.*:2 is not interop-enabled$/)
      }),
      { interopTime }
    )
  })
  it.effect("an L1 block that the chain cannot take does not stop the next one", () => {
    const taken: Array<number> = []
    return run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        yield* node.provideL1(l1Block(1))
        yield* node.provideL1(l1Block(2))
        yield* TestClock.adjust(1)
        assert.deepStrictEqual(taken, [1, 2])
      }),
      {},
      () => ({
        provide: ({ number }) =>
          Effect.suspend(() => (taken.push(number) === 1 ? Effect.fail(backendFailure) : Effect.void))
      })
    )
  })
  it.effect("the head is in force for as long as a block takes", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        yield* grow(1)
        const { timestamp } = l2Block(1)
        assert.strictEqual((yield* node.l2BlockRefByTimestamp(timestamp + 1)).number, 1)
        assert.strictEqual(
          (yield* Effect.flip(node.l2BlockRefByTimestamp(timestamp + 2))).reason._tag,
          "BlockNotFound"
        )
      }),
      { blockTimeSeconds: 2 }
    )
  )
  it.effect("a reset that nobody carries out is repeated, and no more once it was", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        const resets: Array<string> = []
        yield* node.events.pipe(
          Stream.runForEach(({ reset }) => Effect.sync(() => reset !== undefined && resets.push(reset))),
          Effect.forkScoped({ startImmediately: true })
        )
        yield* TestClock.adjust("3 seconds")
        assert.lengthOf(resets, 4)
        yield* node.reset(heads(0))
        yield* TestClock.adjust("3 seconds")
        assert.lengthOf(resets, 4)
      })
    )
  )
  it.effect("the stream ends with the chain's", () =>
    run(
      Effect.gen(function* () {
        const node = yield* ManagedNode.ManagedNode
        yield* Stream.runDrain(Stream.drop(node.events, 1))
      }),
      {},
      () => ({ events: Stream.empty })
    )
  )
})
