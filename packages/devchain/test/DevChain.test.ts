import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Ref, Stream } from "effect"
import { TestClock } from "effect/testing"
import { dagSigningMessage, hasQuorum } from "@ephor/types"
import * as Chain from "@ephor/chain/Chain"
import * as DevChain from "../src/DevChain.ts"
import { messagePasser } from "@ephor/types"
import * as DevTransaction from "../src/DevTransaction.ts"
import { ed25519Verify } from "@ephor/keystore/Signatures"
import * as Store from "@ephor/store/Store"
import {
  base,
  canonical,
  checkCommits,
  genesisTime,
  l1,
  newStore,
  running,
  seconds,
  subDag,
  word
} from "./support/devChain.ts"

describe("DevChain", () => {
  it.effect("makes a block per block time, and commits chain as blocks do", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        base,
        Effect.gen(function* () {
          yield* seconds(50)
          const blocks = yield* canonical
          assert.strictEqual(blocks.length, 51)
          checkCommits(blocks)
          const { committee } = yield* DevChain.DevChain
          for (const { block, blockBytes, ref, signature } of subDag(blocks[50]!).blocks) {
            const key = committee.authorities[ref.author]!.publicKey
            assert.isTrue(ed25519Verify(key, dagSigningMessage(blockBytes), signature as `0x${string}`))
            assert.strictEqual(block._tag, "V2")
          }
        })
      )
    })
  )

  it.effect("takes wall-clock time where it is ahead of the chain", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        { ...base, genesisTime: 0, blockTimeMs: 500 },
        Effect.gen(function* () {
          yield* TestClock.adjust("1 minute")
          const chain = yield* Chain.Chain
          const { number, timestamp } = yield* chain.head("LocalUnsafe")
          assert.deepStrictEqual([number, timestamp], [120, 60])
          yield* (yield* DevChain.DevChain).pause
          yield* TestClock.adjust("5 minutes")
          assert.strictEqual((yield* chain.head("LocalUnsafe")).number, 120)
          yield* (yield* DevChain.DevChain).resume
          yield* TestClock.adjust("1 second")
          assert.isAtLeast((yield* chain.head("LocalUnsafe")).timestamp, 360)
        })
      )
    })
  )

  it.effect(
    "derives what L1 covers and nobody disputed for a while, and builds on the L1 block provided last",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        yield* running(
          store,
          base,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            yield* seconds(10)
            yield* chain.provide(l1(2, 1008))
            yield* seconds(1)
            assert.strictEqual((yield* chain.head("LocalSafe")).number, 6)
            yield* seconds(4)
            yield* chain.provide(l1(3, 1007))
            yield* seconds(1)
            assert.strictEqual((yield* chain.head("LocalSafe")).number, 7)
            yield* chain.provide(l1(4, 1012))
            yield* seconds(2)
            const head = yield* chain.head("LocalUnsafe")
            const { l1origin, sequenceNumber } = Option.getOrThrow(yield* chain.block(head.hash))
            assert.deepStrictEqual([l1origin.number, sequenceNumber], [4, 1])
            assert.strictEqual((yield* chain.head("LocalSafe")).number, 12)
          })
        )
      })
  )

  it.effect(
    "derives again from an L1 block what it gave before, also after a restart and with more blocks",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const pairs = (count: number) =>
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            const found: Array<readonly [source: number, derived: number]> = []
            yield* chain.events.pipe(
              Stream.runForEach((event) =>
                Effect.sync(() => {
                  if (event._tag === "Promoted" && event.level === "LocalSafe") {
                    found.push([event.source!.number, event.block.number])
                  }
                })
              ),
              Effect.forkScoped({ startImmediately: true })
            )
            for (let number = 2; number < 2 + count; number++) {
              yield* chain.provide(l1(number, 1000 + 4 * number))
              yield* seconds(2)
            }
            return found
          })
        const first = yield* running(store, base, Effect.andThen(seconds(10), pairs(3)))
        const again = yield* running(
          store,
          base,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            yield* seconds(20)
            const { derived } = chain.anchor
            const genesis = { hash: derived.hash, number: derived.number }
            const heads = Chain.headIds(yield* chain.heads)
            const all = {
              ...heads,
              crossUnsafe: genesis,
              localSafe: genesis,
              crossSafe: genesis,
              finalized: genesis
            }
            yield* chain.revert(all, "a test", { commanded: true })
            return yield* pairs(4)
          })
        )
        assert.isAbove(first.length, 6)
        assert.deepStrictEqual(again.slice(0, first.length), first)
        assert.isAbove(again.length, first.length + 1, "a new L1 block gives what came meanwhile")
      })
  )

  it.effect("carries on after blacklist, invalidate, revert and restart, and never signs a round twice", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const bad = DevTransaction.emit(messagePasser, [word("0b")])
      const before = yield* running(
        store,
        base,
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          const devChain = yield* DevChain.DevChain
          yield* seconds(5)
          yield* chain.provide(l1(2, 1003))
          yield* devChain.submit(bad)
          yield* seconds(1)
          const invalid = yield* chain.content((yield* chain.head("LocalUnsafe")).hash)
          assert.deepStrictEqual(
            invalid.receipts.flatMap(({ logs }) => logs).map(({ address }) => address),
            [messagePasser]
          )
          yield* seconds(2)
          const { replacement } = yield* chain.invalidate(invalid.ref.hash)
          const replaced = yield* chain.content(replacement.hash)
          assert.deepStrictEqual(replaced.pending, invalid.output)
          assert.deepStrictEqual(
            [replaced.ref.number, replaced.ref.timestamp, replaced.ref.l1origin],
            [invalid.ref.number, invalid.ref.timestamp, invalid.ref.l1origin]
          )
          yield* seconds(3)
          const head = yield* chain.head("LocalUnsafe")
          yield* chain.blacklist(head.hash, "a test")
          yield* seconds(3)
          const heads = Chain.headIds(yield* chain.heads)
          const back = Option.getOrThrow(yield* chain.block(heads.localUnsafe.number - 2))
          const target = { ...heads, localUnsafe: { hash: back.hash, number: back.number } }
          yield* chain.revert(target, "a test", { commanded: true })
          yield* seconds(3)
          const blocks = yield* canonical
          checkCommits(blocks)
          const withdrawn = blocks.flatMap(({ receipts }) => receipts.flatMap(({ logs }) => logs))
          assert.deepStrictEqual(withdrawn, [], "what the replaced block did does not come back")
          yield* devChain.pause
          // After a revert, L1 is walked again from where the local-safe block was derived.
          for (const source of [l1(2, 1003), l1(3, 1005)]) {
            yield* chain.provide(source)
            yield* seconds(1)
          }
          return yield* canonical
        })
      )
      const after = yield* running(
        store,
        base,
        Effect.gen(function* () {
          yield* seconds(5)
          return yield* canonical
        })
      )
      checkCommits(after)
      assert.isAtLeast(after.length, before.length + 5)
      assert.deepStrictEqual(
        after.slice(0, before.length).map(({ ref }) => ref),
        before.map(({ ref }) => ref)
      )
      const last = subDag(before.at(-1)!).commit.leader.round
      assert.strictEqual(subDag(after[before.length]!).commit.leader.round, last + 1)
      assert.deepStrictEqual(
        [before, after].map((blocks) => blocks.at(-1)!.ref.l1origin.number),
        [2, 3]
      )
    })
  )

  it.effect("does not bring a branch back that was left while a block was made on it", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const hook = yield* Ref.make<Effect.Effect<void, unknown>>(Effect.void)
      const hooked: Store.Service = {
        ...store,
        batch: (writes) =>
          Ref.getAndSet(hook, Effect.void).pipe(
            Effect.flatMap((run) => Effect.orDie(run)),
            Effect.andThen(store.batch(writes))
          )
      }
      yield* running(
        hooked,
        base,
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          yield* seconds(5)
          const heads = Chain.headIds(yield* chain.heads)
          const left = yield* chain.head("LocalUnsafe")
          const back = Option.getOrThrow(yield* chain.block(3))
          yield* Ref.set(
            hook,
            chain.revert({ ...heads, localUnsafe: { hash: back.hash, number: 3 } }, "a test")
          )
          yield* seconds(4)
          const blocks = yield* canonical
          assert.isTrue(blocks.every(({ ref }) => ref.hash !== left.hash))
          assert.strictEqual(blocks.length, 7)
          checkCommits(blocks)
        })
      )
    })
  )

  it.effect("builds on a block further back than the rounds that it holds in memory", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const options = { ...base, heldRounds: 3 }
      const back = Effect.gen(function* () {
        const chain = yield* Chain.Chain
        const heads = Chain.headIds(yield* chain.heads)
        const { hash } = Option.getOrThrow(yield* chain.block(2))
        yield* chain.revert({ ...heads, localUnsafe: { hash, number: 2 } }, "a test")
        yield* seconds(3)
        const blocks = yield* canonical
        assert.strictEqual(blocks.length, 6)
        checkCommits(blocks)
      })
      yield* running(store, options, Effect.andThen(seconds(10), back))
      yield* running(store, options, Effect.andThen(seconds(10), back))
    })
  )

  it.effect("brings the calls of reverted blocks back", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        base,
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          yield* seconds(3)
          yield* (yield* DevChain.DevChain).submit(DevTransaction.emit(messagePasser, [word("01")]))
          yield* seconds(1)
          const heads = Chain.headIds(yield* chain.heads)
          const back = Option.getOrThrow(yield* chain.block(3))
          yield* chain.revert({ ...heads, localUnsafe: { hash: back.hash, number: 3 } }, "a test")
          yield* seconds(2)
          const logs = (yield* canonical).map(({ receipts }) => receipts.flatMap(({ logs }) => logs).length)
          assert.deepStrictEqual(logs, [0, 0, 0, 0, 1, 0])
        })
      )
    })
  )

  it.effect("votes for final commits only, so that a quorum certifies them", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        { ...base, finality: { depth: 3 } },
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          const { committee } = yield* DevChain.DevChain
          yield* seconds(20)
          assert.strictEqual((yield* chain.head("Finalized")).number, 17)
          const rounds = yield* Stream.runCount(store.iterate(new TextEncoder().encode("dev/round\0")))
          assert.strictEqual(rounds, 5, "rounds below the finalized block are deleted")
          const blocks = yield* canonical
          checkCommits(blocks)
          const digests = new Map(blocks.slice(1).map((block) => [block.ref.number, subDag(block).digest]))
          const voters = new Map<number, Set<number>>()
          for (const chainBlock of blocks.slice(1)) {
            for (const { block } of [...subDag(chainBlock).blocks, ...subDag(chainBlock).tip]) {
              for (const { digest, index } of block.value.commitVotes) {
                assert.strictEqual(digest, digests.get(index))
                voters.set(index, (voters.get(index) ?? new Set()).add(block.value.author))
              }
            }
          }
          assert.deepStrictEqual(
            [...voters.keys()],
            Array.from({ length: 16 }, (_, at) => at + 1)
          )
          assert.isTrue([...voters.values()].every((authors) => hasQuorum(committee, authors)))
        })
      )
    })
  )

  it.effect("goes on when the disk failed between a round and its block", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const failing = yield* Ref.make(false)
      let written = 0
      const flaky: Store.Service = {
        ...store,
        batch: (writes) =>
          Effect.flatMap(Ref.get(failing), (fails) =>
            fails && written++ % 3 !== 0
              ? Effect.fail(
                  new Store.StoreError({
                    operation: "batch",
                    path: "test",
                    reason: new Store.StoreIo({ cause: "full" })
                  })
                )
              : store.batch(writes)
          )
      }
      const call = DevTransaction.emit(messagePasser, [word("01")])
      yield* running(
        flaky,
        base,
        Effect.gen(function* () {
          const devChain = yield* DevChain.DevChain
          const chain = yield* Chain.Chain
          yield* seconds(3)
          yield* Ref.set(failing, true)
          yield* devChain.submit(call)
          yield* seconds(6)
          const { number } = yield* chain.head("LocalUnsafe")
          assert.isBelow(number, 9)
          yield* Ref.set(failing, false)
          yield* seconds(4)
          const blocks = yield* canonical
          assert.isAtLeast(blocks.length, number + 5)
          checkCommits(blocks)
          assert.strictEqual(
            blocks.flatMap(({ receipts }) => receipts).length,
            1,
            "the call happens, and once"
          )
        })
      )
      yield* running(
        store,
        base,
        Effect.gen(function* () {
          yield* seconds(2)
          checkCommits(yield* canonical)
        })
      )
    })
  )

  it.effect("refuses a store of another committee or chain", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(store, base, seconds(2))
      const other = { ...base, authors: { seed: "other", size: 4 } }
      const committee = yield* Effect.flip(running(store, other, Effect.void))
      assert.include(committee.message, "the store belongs to another committee")
      const chain = yield* Effect.flip(
        running(store, { ...base, authors: { seed: "901", size: 4 }, chainId: "902" }, Effect.void)
      )
      assert.include(chain.message, "the store holds the chain with genesis")
    })
  )

  it.effect("runs an L1 of one author that finalizes itself", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const services = yield* Layer.build(
        DevChain.layerL1({ chainId: "1", genesisTime, blockTimeMs: 2000, finalityDepth: 2 }).pipe(
          Layer.provide(Layer.succeed(Store.Store, store))
        )
      )
      const chain = Context.get(services, Chain.Chain)
      yield* seconds(20)
      const head = Option.getOrThrow(yield* chain.block((yield* chain.head("LocalUnsafe")).hash))
      assert.strictEqual(head.number, 10)
      assert.deepStrictEqual(head.l1origin, { hash: head.hash, number: 10 })
      assert.strictEqual((yield* chain.head("Finalized")).number, 8)
    })
  )
})
