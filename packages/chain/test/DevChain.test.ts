import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Ref, Result, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  type BlockRef,
  type Hash,
  hasQuorum,
  type InherentData,
  toHex,
  validationCodeHash
} from "@ephor/types"
import { sr25519KeypairFromSeed, sr25519Sign } from "@polkadot/wasm-crypto"
import * as Chain from "../src/Chain.ts"
import { subDagOf } from "../src/DagBody.ts"
import * as DevChain from "../src/DevChain.ts"
import { messagePasser, relayHeader } from "../src/DevExecution.ts"
import * as DevTransaction from "../src/DevTransaction.ts"
import * as RuntimeApi from "../src/RuntimeApi.ts"
import * as Store from "../src/Store.ts"
import * as DevRuntime from "../src/DevRuntime.ts"
import { ed25519Verify } from "../src/internal/signatures.ts"
import { dagSigningMessage } from "@ephor/types"
import * as Relay from "./support/relay.ts"

const word = (byte: string) => `0x${byte.repeat(32)}` as const
const l1 = (number: number, timestamp: number, fork = "a"): BlockRef => ({
  hash: word(fork === "a" ? number.toString(16).padStart(2, "0") : `f${number.toString(16)}`),
  number,
  parentHash: number === 1 ? word("00") : word((number - 1).toString(16).padStart(2, "0")),
  timestamp
})
const genesisTime = 1000
const base: DevChain.Options = { chainId: "901", genesisTime, l1Genesis: l1(1, 900) }
const seconds = (count: number) => TestClock.adjust(`${count} seconds`)

type Services = Chain.Chain | RuntimeApi.RuntimeApi | DevChain.DevChain

/** Runs a chain on a store; the chain ends with the effect, the store does not. */
const running = <A, E>(
  store: Store.Service,
  options: DevChain.Options,
  use: Effect.Effect<A, E, Services | Scope.Scope>
) =>
  Effect.scoped(
    Effect.gen(function* () {
      const services = yield* Layer.build(Layer.fresh(DevChain.layer(options)))
      return yield* Effect.provideContext(use, services)
    })
  ).pipe(Effect.provideService(Store.Store, store))

const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), Context.get(Store.Store))

/** All canonical blocks from the first to the head. */
const canonical = Effect.gen(function* () {
  const chain = yield* Chain.Chain
  const { number } = yield* chain.head("LocalUnsafe")
  const blocks: Array<Chain.ChainBlock> = []
  for (let at = 0; at <= number; at++) {
    const ref = Option.getOrThrow(yield* chain.block(at))
    blocks.push(yield* chain.content(ref.hash))
  }
  return blocks
})

const subDag = (block: Chain.ChainBlock) => Result.getOrThrow(subDagOf(block.body))

/** What must hold for every chain that a committee made, whatever happened to it. */
const checkCommits = (blocks: ReadonlyArray<Chain.ChainBlock>) => {
  const seen = new Set<string>()
  for (const [at, block] of blocks.entries()) {
    if (at === 0) continue
    const { commit, blocks: committed } = subDag(block)
    assert.strictEqual(commit.index, block.ref.number)
    assert.strictEqual(commit.previousDigest, at === 1 ? word("00") : subDag(blocks[at - 1]!).digest)
    for (const { ref } of committed) {
      assert.isFalse(seen.has(ref.digest), `block ${ref.round}/${ref.author} is committed twice`)
      seen.add(ref.digest)
    }
    assert.isAbove(block.ref.timestamp, blocks[at - 1]!.ref.timestamp)
  }
}

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
          assert.deepStrictEqual([number, timestamp], [120, 120])
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

describe("the relay chain", () => {
  const pairs = Array.from({ length: 6 }, (_, at) => sr25519KeypairFromSeed(new Uint8Array(32).fill(at + 1)))
  const validators = pairs.map((pair) => toHex(pair.slice(64)))
  const signer: Relay.Signer = {
    sign: (validator, payload) => {
      const pair = pairs[validator]!
      return toHex(sr25519Sign(pair.slice(64), pair.slice(0, 64), payload))
    }
  }
  const { groups, paras } = Relay.options
  const runtime = { validators, groups, paras, groupRotationFrequency: 0 }
  const options: DevChain.Options = { ...base, runtime }
  const known = DevChain.resolveRuntime(runtime)
  const empty = (parent: Chain.ChainBlock): InherentData => ({
    bitfields: [],
    backedCandidates: [],
    disputes: [],
    parentHeader: relayHeader(parent)
  })

  /** The state at a block, as far as builders of candidates need it. */
  const stateAt = Effect.fnUntraced(function* (hash: Hash) {
    const chain = yield* Chain.Chain
    const api = yield* RuntimeApi.RuntimeApi
    const { output, ref } = yield* chain.content(hash)
    const data = Option.getOrThrow(yield* api.persistedValidationData(hash, 1000))
    const cores = yield* api.availabilityCores(hash)
    const state = DevRuntime.genesisState(known, { output, ref })
    return {
      cores,
      data,
      state: { ...state, paras: [{ ...state.paras[0]!, head: data.parentHead }] }
    }
  })

  /** Validators that back a new candidate for every free core, and hold what is occupied. */
  const working = Effect.gen(function* () {
    const context = yield* Effect.context<Services>()
    const chain = yield* Chain.Chain
    const asked = yield* Ref.make(0)
    const provider = (parent: BlockRef) =>
      Effect.gen(function* () {
        yield* Ref.update(asked, (count) => count + 1)
        const { cores, state } = yield* stateAt(parent.hash)
        const inherent = empty(yield* chain.content(parent.hash))
        if (cores[0]?._tag === "Occupied") {
          return {
            ...inherent,
            bitfields: [0, 1, 2, 3].map((at) => Relay.bitfield(known, state, signer, at))
          }
        }
        const receipt = Relay.candidate(known, state, `head after ${parent.number}`)
        return { ...inherent, backedCandidates: [Relay.backed(known, state, signer, receipt, [0, 1])] }
      }).pipe(Effect.orDie, Effect.provideContext(context))
    const devChain = yield* DevChain.DevChain
    for (const author of [0, 1, 2, 3]) yield* devChain.provideInherents(author, provider)
    return asked
  })

  it.effect(
    "backs and includes candidates with real signatures, block after block, and again after a restart",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const first = yield* running(
          store,
          options,
          Effect.gen(function* () {
            yield* working
            yield* seconds(10)
            const chain = yield* Chain.Chain
            const api = yield* RuntimeApi.RuntimeApi
            const events: Array<string> = []
            for (const block of (yield* canonical).slice(1)) {
              const [event] = yield* api.candidateEvents(block.ref.hash)
              events.push(event?._tag ?? "-")
            }
            assert.deepStrictEqual(
              events,
              Array.from({ length: 10 }, (_, at) => (at % 2 === 0 ? "CandidateBacked" : "CandidateIncluded"))
            )
            const head = yield* chain.head("LocalUnsafe")
            const code = yield* api.validationCode(head.hash, 1000)
            assert.deepStrictEqual(Option.getOrThrow(code), Relay.code)
            const byHash = yield* api.validationCodeByHash(head.hash, validationCodeHash(Relay.code))
            assert.isTrue(Option.isSome(byHash))
            return Option.getOrThrow(yield* api.persistedValidationData(head.hash, 1000))
          })
        )
        assert.strictEqual(new TextDecoder().decode(first.parentHead), "head after 8")
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            const api = yield* RuntimeApi.RuntimeApi
            const head = yield* (yield* Chain.Chain).head("LocalUnsafe")
            assert.deepStrictEqual(
              Option.getOrThrow(yield* api.persistedValidationData(head.hash, 1000)),
              first
            )
            yield* working
            yield* seconds(2)
            const next = yield* (yield* Chain.Chain).head("LocalUnsafe")
            const [event] = yield* api.candidateEvents(next.hash)
            assert.strictEqual(event?._tag, "CandidateIncluded")
          })
        )
      })
  )

  it.effect(
    "does not back a rejected candidate again when its block is blacklisted, nor after a restart",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const rejected = yield* running(
          store,
          options,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            const api = yield* RuntimeApi.RuntimeApi
            const devChain = yield* DevChain.DevChain
            yield* working
            yield* seconds(1)
            const backed = yield* chain.head("LocalUnsafe")
            const [core] = yield* api.availabilityCores(backed.hash)
            assert.isTrue(core?._tag === "Occupied")
            if (core?._tag !== "Occupied") return ""
            yield* devChain.reject(core.value.candidateHash)
            yield* chain.blacklist(backed.hash, "invalid candidate")
            yield* seconds(1)
            const next = yield* chain.head("LocalUnsafe")
            assert.strictEqual(next.number, backed.number)
            assert.deepStrictEqual(yield* api.candidateEvents(next.hash), [])
            yield* chain.blacklist(next.hash, "back to where the candidate fits")
            return core.value.candidateHash
          })
        )
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            const api = yield* RuntimeApi.RuntimeApi
            yield* working
            yield* seconds(1)
            const next = yield* chain.head("LocalUnsafe")
            assert.strictEqual(next.number, 1)
            assert.deepStrictEqual(yield* api.candidateEvents(next.hash), [])
            yield* seconds(1)
            const [core] = yield* api.availabilityCores((yield* chain.head("LocalUnsafe")).hash)
            assert.isTrue(core?._tag === "Occupied" && core.value.candidateHash !== rejected)
          })
        )
      })
  )

  it.effect("makes blocks without inherents when a provider is late or breaks", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        options,
        Effect.gen(function* () {
          const devChain = yield* DevChain.DevChain
          for (const author of [0, 1]) yield* devChain.provideInherents(author, () => Effect.never)
          for (const author of [2, 3]) yield* devChain.provideInherents(author, () => Effect.die("broken"))
          yield* seconds(8)
          assert.isAtLeast((yield* canonical).length, 7)
        })
      )
    })
  )

  it.effect("knows nothing of blocks that it does not know", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      yield* running(
        store,
        options,
        Effect.gen(function* () {
          const api = yield* RuntimeApi.RuntimeApi
          const error = yield* Effect.flip(api.validators(word("99")))
          assert.strictEqual(error.message, `validators: the state of block ${word("99")} is not known here`)
        })
      )
    })
  )
})
