import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import { DevChain } from "@ephor/devchain"
import { Store } from "@ephor/store"
import type { DagCommittee, Hash } from "@ephor/types"
import { Effect, Layer, References, type Scope, Stream } from "effect"
import { BlockSource, Publisher, Subscriber } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { dagOf, type Round } from "./dag.ts"

const zero: Hash = `0x${"0".repeat(64)}`
const hashOf = (number: number, fork = 0): Hash =>
  number === 0 ? `0x${"01".repeat(32)}` : `0x${(number * 16 + fork).toString(16).padStart(64, "0")}`
const chainBlock = (round: Round, number: number): Chain.ChainBlock => ({
  ref: {
    hash: hashOf(number),
    number,
    parentHash: hashOf(number - 1),
    timestamp: number,
    l1origin: { hash: zero, number: 0 },
    sequenceNumber: 0
  },
  body: round.body,
  receipts: [],
  output: { stateRoot: zero, messagePasserStorageRoot: zero, blockHash: hashOf(number) }
})

const source = (options: { readonly maxCommits?: number; readonly gcDepth?: number } = {}) =>
  Effect.map(Layer.build(Layer.fresh(BlockSource.layerChain({ committeeSize: 4, ...options }))), (context) =>
    BlockSource.BlockSource.pipe(Effect.provide(context))
  ).pipe(Effect.flatten)
const withChain = (
  body: (chain: Chain.Service) => Effect.Effect<void, unknown, Scope.Scope | Chain.Chain>,
  limits: Partial<Chain.Limits> = {}
) => Effect.flatMap(Chain.Chain, body).pipe(Effect.scoped, Effect.provide(Chain.layerMemory({ limits })))

/** Up the whole ladder. */
const finalize = (chain: Chain.Service, number: number) =>
  Effect.forEach(["CrossUnsafe", "LocalSafe", "CrossSafe", "Finalized"] as const, (level) =>
    chain.promote(level, hashOf(number), level === "LocalSafe" ? chain.anchor.source : undefined)
  )
const settle = Effect.sleep("20 millis")
const indices = (source: BlockSource.Service, after: number, limit = 100) =>
  Effect.map(source.commitsAfter(after, limit), (commits) => commits.map(({ commitIndex }) => commitIndex))

describe("BlockSource.layerChain", () => {
  const dag = dagOf(40)
  const importUpTo = Effect.fnUntraced(function* (chain: Chain.Service, from: number, to: number) {
    for (let number = from; number <= to; number++)
      yield* chain.import(chainBlock(dag.rounds[number - 1]!, number))
  })

  it.live("imports feed the blocks, each once; finality feeds the commits, in order", () =>
    withChain(
      Effect.fnUntraced(function* (chain) {
        const one = yield* source()
        const events: Array<BlockSource.SourceEvent> = []
        yield* Stream.runForEach(yield* one.subscribe, (event) => Effect.sync(() => events.push(event))).pipe(
          Effect.forkScoped
        )
        yield* importUpTo(chain, 1, 5)
        yield* settle
        const accepted = events.flatMap((event) => (event._tag === "Accepted" ? event.blocks : []))
        assert.strictEqual(accepted.length, 20)
        assert.strictEqual(new Set(accepted.map(({ ref }) => ref.digest)).size, 20)
        assert.deepStrictEqual(yield* one.tip, { highestCommitIndex: 0, earliestCommitIndex: 1, gcRound: 0 })
        yield* finalize(chain, 3)
        yield* settle
        assert.deepStrictEqual(
          events.slice(-3).map((event) => (event._tag === "Committed" ? event.commits[0]!.commitIndex : 0)),
          [1, 2, 3]
        )
        assert.deepStrictEqual(yield* one.commitsAfter(0, 2), [dag.rounds[0]!.commit, dag.rounds[1]!.commit])
        const blocks = yield* one.blocksAfter([4, 5, 5, 5], { limit: 10 })
        assert.deepStrictEqual(
          blocks.map(({ ref }) => [ref.round, ref.author]),
          [[5, 0]]
        )
      })
    )
  )

  it.live("a restart finds all of it in the chain, with history beyond what memory holds", () =>
    withChain(
      Effect.fnUntraced(function* (chain) {
        yield* importUpTo(chain, 1, 40)
        yield* finalize(chain, 30)
        const one = yield* source({ maxCommits: 5, gcDepth: 6 })
        assert.deepStrictEqual(yield* one.tip, {
          highestCommitIndex: 30,
          earliestCommitIndex: 1,
          gcRound: 24
        })
        assert.deepStrictEqual(yield* indices(one, 3, 4), [4, 5, 6, 7])
        assert.deepStrictEqual(yield* indices(one, 28), [29, 30])
        // Every block above the GC round, up to the head of the chain.
        assert.strictEqual((yield* one.blocksAfter([], { limit: 1000 })).length, (40 - 24) * 4)
        yield* finalize(chain, 38)
        yield* settle
        assert.deepStrictEqual(yield* indices(one, 27, 8), [28, 29, 30, 31, 32, 33])
        assert.deepStrictEqual(yield* indices(one, 30, 3), [31, 32, 33])
        assert.deepStrictEqual(yield* indices(one, 33), [34, 35, 36, 37, 38])
        assert.deepStrictEqual(yield* one.commitsAfter(32, 1), [dag.rounds[32]!.commit])
      })
    )
  )

  it.live("what the chain keeps no more is out of range, and nothing goes before it was told", () =>
    withChain(
      Effect.fnUntraced(function* (chain) {
        const one = yield* source({ maxCommits: 3, gcDepth: 6 })
        const told: Array<number> = []
        yield* Stream.runForEach(yield* one.subscribe, (event) =>
          Effect.sync(() => {
            if (event._tag === "Committed") told.push(...event.commits.map(({ commitIndex }) => commitIndex))
          })
        ).pipe(Effect.forkScoped)
        yield* importUpTo(chain, 1, 40)
        // Further than the window in one step: the source needs every block of it.
        yield* finalize(chain, 36)
        while (told.length < 36) yield* Effect.sleep("1 millis")
        assert.deepStrictEqual(
          told,
          Array.from({ length: 36 }, (_, at) => at + 1)
        )
        yield* finalize(chain, 37)
        while ((yield* chain.history) < 27) yield* Effect.sleep("1 millis")
        const { earliestCommitIndex } = yield* one.tip
        assert.strictEqual(earliestCommitIndex, yield* chain.history)
        assert.deepStrictEqual(yield* indices(one, 26, 3), [27, 28, 29])
        const { reason } = yield* Effect.flip(one.commitsAfter(9, 5))
        assert.deepStrictEqual(reason._tag === "OutOfRange" ? [reason.earliest, reason.latest] : reason, [
          earliestCommitIndex,
          37
        ])
        // A source that begins now begins with what is there.
        const two = yield* source({ maxCommits: 3, gcDepth: 6 })
        assert.strictEqual((yield* two.tip).earliestCommitIndex, earliestCommitIndex)
        assert.deepStrictEqual(yield* indices(two, 30, 4), [31, 32, 33, 34])
        const publisher = yield* Publisher.makeApi().pipe(Effect.provideService(BlockSource.BlockSource, two))
        assert.deepStrictEqual(yield* publisher.replayInfo!, { earliestCommitIndex, highestCommitIndex: 37 })
      }),
      { historyBlocks: 10, pruneBatchBlocks: 2, retainedBlocks: 8 }
    )
  )

  it.live("pages go on after a block, equivocations and all", () =>
    Effect.gen(function* () {
      const memory = yield* BlockSource.makeMemory({ committeeSize: 4 })
      const twin = { ...dag.rounds[1]!.blocks[2]!, ref: { ...dag.rounds[1]!.blocks[2]!.ref, digest: zero } }
      yield* memory.accept([...dag.rounds[1]!.blocks, twin, ...dag.rounds[0]!.blocks])
      const all = yield* memory.source.blocksAfter([], { limit: 100 })
      assert.strictEqual(all.length, 9)
      const paged: Array<BlockSource.SourceBlock> = []
      for (;;) {
        const page = yield* memory.source.blocksAfter([], { after: paged.at(-1)?.ref, limit: 2 })
        if (page.length === 0) break
        paged.push(...page)
      }
      assert.deepStrictEqual(paged, all)
    }).pipe(Effect.scoped)
  )
})

describe("a development chain, published and observed", () => {
  const options: DevChain.Options = {
    chainId: "901",
    genesisTime: 1_700_000_000,
    blockTimeMs: 20,
    finality: { depth: 3 }
  }
  const layer = DevChain.layer(options).pipe(Layer.provideMerge(Store.layerMemory))
  const observed = (committee: DagCommittee) =>
    Effect.gen(function* () {
      const context = yield* Layer.build(
        BlockSource.layerChain({ committeeSize: committee.authorities.length })
      )
      const api = yield* Effect.provide(Publisher.makeApi(), context)
      return yield* Effect.provide(
        Subscriber.make([{ name: "dev", connect: Effect.succeed(api) }], { evaluateIntervalMs: 10 }),
        NodeBlockVerifier.layerMysticeti({ committee })
      )
    })

  it.live("every final block is a certified commit, also after one was replaced", () =>
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const { committee } = yield* DevChain.DevChain
      const subscriber = yield* observed(committee)
      const first = yield* Stream.runCollect(Stream.take(subscriber.commits, 10))
      const head = yield* chain.head("LocalUnsafe")
      yield* chain.invalidate(head.hash)
      const rest = yield* Stream.runCollect(Stream.take(subscriber.commits, 30))
      const commits = [...first, ...rest]
      assert.deepStrictEqual(
        commits.map(({ index }) => index),
        commits.map((_, i) => i + 1)
      )
      const last = yield* chain.block(40)
      assert.strictEqual(last._tag, "Some")
      const { digest } = commits[39]!
      assert.isDefined(digest)
    }).pipe(Effect.scoped, Effect.provide(layer), Effect.provideService(References.MinimumLogLevel, "Warn"))
  )
})
