/** A development chain whose history is bounded: what stays on disk, what a restart finds, and who is answered what. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Stream } from "effect"
import { mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import * as Chain from "@ephor/chain/Chain"
import * as NodeStore from "@ephor/store/NodeStore"
import * as Store from "@ephor/store/Store"
import type { CandidateHash } from "@ephor/types"
import * as ChainFeed from "../src/ChainFeed.ts"
import * as DevChain from "../src/DevChain.ts"
import { rejections as rejectionsTable } from "../src/runtime/Rejections.ts"
import { newStore, running, seconds, subDag } from "./support/devChain.ts"

const root = mkdtempSync(join(tmpdir(), "ephor-pruning-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const options: DevChain.Options = {
  chainId: "901",
  genesisTime: 1000,
  finality: { depth: 3 },
  chainLimits: { historyBlocks: 16, pruneBatchBlocks: 4, rememberedBlocks: 20, retainedBlocks: 8 },
  heldRounds: 32,
  keptStates: 8
}
/** Blocks on disk at most: the window, a batch that is not full, what is not final, and the first one. */
const window = 16 + 4 + 4 + 1

const countOf = (store: Store.Service, table: string) =>
  Stream.runCount(store.iterate(new TextEncoder().encode(`${table}\0`)))
const counts = (store: Store.Service) =>
  Effect.all({
    content: countOf(store, "content"),
    block: countOf(store, "block"),
    number: countOf(store, "number"),
    canonical: countOf(store, "canonical"),
    states: countOf(store, "dev/runtime"),
    all: Stream.runCount(store.iterate(new Uint8Array(0)))
  })

/** Goes on until the chain is this high, and old blocks are gone. */
const upTo = Effect.fnUntraced(function* (height: number) {
  const chain = yield* Chain.Chain
  while ((yield* chain.head("LocalUnsafe")).number < height) yield* seconds(1)
  while ((yield* chain.history) < height - window) yield* Effect.yieldNow
  // The disk may still be busy with what readers know to be gone.
  for (let turn = 0; turn < 50; turn++) yield* Effect.yieldNow
  return chain
})

describe("a development chain with a bounded history", () => {
  it.effect(
    "keeps as many records after 140 blocks as after 70, and goes on after a restart",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const early = yield* running(store, options, Effect.andThen(upTo(70), counts(store)))
        assert.isAtMost(early.content, window)
        assert.strictEqual(early.block, early.content)
        // Those whose hashes are remembered, and two batches of these.
        assert.isAtMost(early.number, window + 20 + 8)
        const late = yield* running(
          store,
          options,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            const { number } = yield* chain.head("LocalUnsafe")
            assert.isAtLeast(number, 70)
            assert.isAbove(yield* chain.history, 40)
            yield* upTo(140)
            return yield* counts(store)
          })
        )
        for (const table of ["content", "block", "number", "canonical"] as const)
          assert.isAtMost(Math.abs(late[table] - early[table]), 12, table)
        // Old states are deleted every 64 blocks.
        assert.isAtMost(late.states, 8 + 64 + 8)
        assert.isAtMost(late.all, early.all + 100)
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect(
    "authors still vote for every commit when finality jumps over more than the window",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        yield* running(
          store,
          { ...options, finality: "external" },
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            while ((yield* chain.head("LocalUnsafe")).number < 60) yield* seconds(1)
            assert.strictEqual(yield* chain.history, 0)
            const finalize = Effect.fnUntraced(function* (number: number) {
              const { hash } = Option.getOrThrow(yield* chain.block(number))
              for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const)
                yield* chain.promote(level, hash)
            })
            yield* finalize(50)
            const voted = new Set<number>()
            for (let at = 0; at < 60 && voted.size < 50; at++) {
              yield* seconds(1)
              const head = yield* chain.head("LocalUnsafe")
              const { blocks, tip } = subDag(yield* chain.content(head.hash))
              for (const { block } of [...blocks, ...tip])
                for (const { index } of block.value.commitVotes) voted.add(index)
            }
            assert.strictEqual(voted.size, 50)
            // What was needed is not any more: the next final block takes it along.
            yield* finalize(51)
            while ((yield* chain.history) < 33) yield* Effect.yieldNow
          })
        )
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect(
    "a follower that was away for less than the window goes on, one that was away for longer is told why",
    () =>
      Effect.gen(function* () {
        yield* running(
          yield* newStore,
          options,
          Effect.gen(function* () {
            const chain = yield* upTo(70)
            const feed = yield* ChainFeed.make(chain, yield* DevChain.DevChain)
            const ask = (number: number) =>
              Effect.gen(function* () {
                const known = yield* Effect.option(chain.block(number))
                const hash = Option.getOrThrow(Option.flatten(known)).hash
                return yield* feed.next({ known: [hash, chain.anchor.derived.hash], finalized: number })
              })
            const recent = yield* ask(60)
            assert.strictEqual(recent.common.number, 60)
            assert.strictEqual(recent.blocks[0]!.ref.number, 61)
            const lowest = yield* chain.history
            const stranger = yield* Effect.flip(
              feed.next({ known: [chain.anchor.derived.hash], finalized: 0 })
            )
            assert.strictEqual(stranger.reason._tag, "Pruned")
            assert.include(stranger.message, `below block ${lowest}`)
          })
        )
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect(
    "forgets rejected candidates that nobody could back any more, and no others",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const candidate = (n: number): CandidateHash => `0x${n.toString(16).padStart(64, "0")}`
        const rejections = Effect.all([countOf(store, "dev/rejected"), countOf(store, "dev/rejected-at")])
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            const dev = yield* DevChain.DevChain
            for (let n = 1; n <= 60; n++) {
              yield* seconds(1)
              yield* dev.reject(candidate(n))
              yield* dev.reject(candidate(n))
            }
          })
        )
        const [kept, dated] = yield* rejections
        assert.strictEqual(kept, dated)
        assert.isAtLeast(kept, 8)
        assert.isAtMost(kept, 8 + 8)
        const found = (n: number) => Effect.map(rejectionsTable.get(store, [candidate(n)]), Option.isSome)
        assert.deepStrictEqual(yield* Effect.all([found(1), found(30), found(60)]), [false, false, true])
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect(
    "the file on disk is reused and does not grow after the window",
    () =>
      Effect.gen(function* () {
        const path = join(root, "lmdb")
        const context = yield* Layer.build(NodeStore.layer({ path }))
        const store = Context.get(context, Store.Store)
        const sizes: Array<number> = []
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            for (const height of [140, 170, 200]) {
              yield* upTo(height)
              sizes.push(statSync(join(path, "data.mdb")).size)
            }
          })
        )
        const [first, , last] = sizes
        assert.isAtMost(last!, first! * 1.1, `${sizes.join(", ")} bytes`)
      }).pipe(Effect.scoped),
    120_000
  )
})
