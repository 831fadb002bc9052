import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Ref } from "effect"
import { type BlockRef, type Hash, type InherentData, toHex, toPlain, validationCodeHash } from "@ephor/types"
import { sr25519KeypairFromSeed, sr25519Sign, waitReady } from "@polkadot/wasm-crypto"
import * as Chain from "@ephor/chain/Chain"
import * as DevChain from "../src/DevChain.ts"
import { relayHeader } from "../src/DevExecution.ts"
import * as DevRuntime from "../src/DevRuntime.ts"
import * as RuntimeApi from "@ephor/chain/RuntimeApi"
import { base, canonical, newStore, running, seconds, type Services, word } from "./support/devChain.ts"
import * as Relay from "./support/relay.ts"

await waitReady()

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

  it.effect("remembers which block included a candidate when its state is gone, also after a restart", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const forgetful = { ...options, finality: { depth: 2 }, keptStates: 2, cachedStates: 4 }
      const early = yield* running(
        store,
        forgetful,
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          const api = yield* RuntimeApi.RuntimeApi
          yield* working
          yield* seconds(8)
          const block = yield* chain.head("LocalUnsafe")
          const [event] = yield* api.candidateEvents(block.hash)
          assert.isTrue(event?._tag === "CandidateIncluded")
          const receipt = event!.value[0]
          const other = { ...receipt, commitmentsHash: word("00") }
          assert.deepStrictEqual(yield* api.inclusions(other), [])
          yield* seconds(64)
          return { block, receipt }
        })
      )
      yield* running(
        store,
        forgetful,
        Effect.gen(function* () {
          const api = yield* RuntimeApi.RuntimeApi
          const gone = yield* Effect.flip(api.candidateEvents(early.block.hash))
          assert.strictEqual(gone.reason._tag, "UnknownState")
          const found = yield* api.inclusions(early.receipt)
          assert.deepStrictEqual(
            found.map(({ hash }) => hash),
            [early.block.hash]
          )
          // Nor is the block before it gone, which backed the candidate: it has what the state knew by hash only.
          const backed = Option.getOrThrow(yield* api.committedCandidate(early.block.hash, early.receipt))
          assert.deepStrictEqual(toPlain(backed.candidate), early.receipt)
          assert.strictEqual(backed.block.number, early.block.number - 1)
          const other = { ...early.receipt, commitmentsHash: word("00") }
          assert.isTrue(Option.isNone(yield* api.committedCandidate(early.block.hash, other)))
          const { relayParent } = early.receipt.descriptor
          assert.isTrue(Option.isNone(yield* api.committedCandidate(relayParent, early.receipt)))
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

  it.effect("tells slashes by the runtime API: of its own branch only, and again after a restart", () =>
    Effect.gen(function* () {
      const store = yield* newStore
      const bad = word("ba")
      const slashed = Effect.gen(function* () {
        const head = yield* (yield* Chain.Chain).head("LocalUnsafe")
        const slashes = yield* (yield* RuntimeApi.RuntimeApi).unappliedSlashes(head.hash)
        return slashes.map(({ candidateHash, kind, validatorId, validatorIndex }) => {
          assert.deepStrictEqual([candidateHash, validatorId], [bad, validators[validatorIndex]])
          return `${validatorIndex} ${kind._tag}`
        })
      })
      const expected = ["0 ForInvalidBacked", "1 ForInvalidBacked"]
      yield* running(
        store,
        options,
        Effect.gen(function* () {
          const chain = yield* Chain.Chain
          const devChain = yield* DevChain.DevChain
          const votes = yield* Ref.make(true)
          for (const author of [0, 1, 2, 3]) {
            yield* devChain.provideInherents(author, (parent) =>
              Effect.gen(function* () {
                const inherent = empty(yield* chain.content(parent.hash))
                const set = Relay.disputeSet(signer, bad, 0, { valid: [0, 1], invalid: [1, 2, 3, 4, 5] })
                return (yield* Ref.get(votes)) ? { ...inherent, disputes: [set] } : inherent
              }).pipe(Effect.orDie)
            )
          }
          yield* seconds(1)
          const proved = yield* chain.head("LocalUnsafe")
          assert.deepStrictEqual(yield* slashed, expected)
          yield* Ref.set(votes, false)
          yield* chain.blacklist(proved.hash, "something else in it was invalid")
          yield* seconds(1)
          const other = yield* chain.head("LocalUnsafe")
          assert.strictEqual(other.number, proved.number)
          assert.deepStrictEqual(yield* slashed, [])
          // The votes are still known to those who provide for blocks: the next one proves it again.
          yield* Ref.set(votes, true)
          yield* seconds(1)
          assert.deepStrictEqual(yield* slashed, expected)
        })
      )
      yield* running(
        store,
        options,
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* slashed, expected)
          yield* seconds(2)
          assert.deepStrictEqual(yield* slashed, expected)
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
