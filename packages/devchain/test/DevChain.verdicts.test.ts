/** What verdicts in the blocks of a running development chain do to its validators. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Ref } from "effect"
import { type DisputeStatementSet, type Evidence, toHex } from "@ephor/types"
import { sr25519KeypairFromSeed, sr25519Sign, waitReady } from "@polkadot/wasm-crypto"
import * as Chain from "@ephor/chain/Chain"
import * as RuntimeApi from "@ephor/chain/RuntimeApi"
import * as DevChain from "../src/DevChain.ts"
import { relayHeader } from "../src/DevExecution.ts"
import { base, newStore, running, seconds, word } from "./support/devChain.ts"
import * as Relay from "./support/relay.ts"

await waitReady()

const pairs = Array.from({ length: 4 }, (_, at) => sr25519KeypairFromSeed(new Uint8Array(32).fill(at + 1)))
const validators = pairs.map((pair) => toHex(pair.slice(64)))
const signer: Relay.Signer = {
  sign: (validator, payload) =>
    toHex(sr25519Sign(pairs[validator]!.slice(64), pairs[validator]!.slice(0, 64), payload))
}
const runtime = {
  validators,
  groups: [[0, 1, 2], [3]],
  paras: Relay.options.paras,
  sessionLengthBlocks: 8,
  groupRotationFrequency: 0
}
const options: DevChain.Options = { ...base, runtime }
const verdict = (session: number) =>
  Relay.disputeSet(signer, word("ba"), session, { valid: [3], invalid: [0, 1, 2] })

/** Rewards for those who found it out, with their votes, and the slash that the chain knows by itself. */
const evidenceOf = (disputes: ReadonlyArray<DisputeStatementSet>): ReadonlyArray<Evidence> =>
  disputes.map((votes) => ({
    _tag: "Verdicts",
    value: {
      votes,
      verdicts: [0, 1, 2, 3].map((validatorIndex) => ({
        validatorIndex,
        judgement: { _tag: validatorIndex === 3 ? "Slash" : "Reward" }
      }))
    }
  }))

/** Where the validators stand at the head, and who the next block is made without. */
const atHead = Effect.gen(function* () {
  const { hash, number } = yield* (yield* Chain.Chain).head("LocalUnsafe")
  const api = yield* RuntimeApi.RuntimeApi
  const standings = yield* api.standings(hash)
  return {
    number,
    disabled: yield* api.disabledValidators(hash),
    slashes: standings.map(({ slashes }) => slashes),
    stakes: standings.map(({ stake }) => stake)
  }
})

describe("verdicts on a running chain", () => {
  /** Providers that note who was asked, and put in what is set. */
  const providing = (asked: Array<number>, disputes: Ref.Ref<ReadonlyArray<DisputeStatementSet>>) =>
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const devChain = yield* DevChain.DevChain
      for (const author of [0, 1, 2, 3]) {
        yield* devChain.provideInherents(author, (parent) =>
          Effect.gen(function* () {
            asked.push(author)
            const inherent: DevChain.Provided = {
              bitfields: [],
              backedCandidates: [],
              disputes: yield* Ref.get(disputes),
              evidence: evidenceOf(yield* Ref.get(disputes)),
              parentHeader: relayHeader(yield* chain.content(parent.hash))
            }
            return inherent
          }).pipe(Effect.orDie)
        )
      }
    })

  it.effect(
    "slash once, on every fork and after a restart; disable for a session, and have others provide",
    () =>
      Effect.gen(function* () {
        const store = yield* newStore
        const asked: Array<number> = []
        const disputes = yield* Ref.make<ReadonlyArray<DisputeStatementSet>>([])
        const reward = 1_000_000_000n
        const whole = 1_000_000_000_000n
        const winners = [whole + reward, whole + reward, whole + reward]
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            const chain = yield* Chain.Chain
            yield* providing(asked, disputes)
            yield* seconds(1)
            assert.deepStrictEqual((yield* atHead).stakes, [whole, whole, whole, whole])
            yield* Ref.set(disputes, [verdict(0)])
            yield* seconds(1)
            assert.deepStrictEqual(yield* atHead, {
              number: 2,
              disabled: [3],
              slashes: [0, 0, 0, 1],
              stakes: [...winners, 0n]
            })
            // Another fork knows nothing of it until it holds the votes, too.
            yield* Ref.set(disputes, [])
            yield* chain.blacklist(
              (yield* chain.head("LocalUnsafe")).hash,
              "something else in it was invalid"
            )
            yield* seconds(1)
            assert.deepStrictEqual((yield* atHead).slashes, [0, 0, 0, 0])
            yield* Ref.set(disputes, [verdict(0)])
            yield* seconds(1)
            assert.deepStrictEqual((yield* atHead).stakes, [...winners, 0n])
            asked.length = 0
            yield* seconds(3)
            assert.deepStrictEqual((yield* atHead).disabled, [3])
            assert.lengthOf(asked, 3)
            assert.notInclude(asked, 3)
          })
        )
        yield* running(
          store,
          options,
          Effect.gen(function* () {
            yield* providing(asked, disputes)
            assert.deepStrictEqual((yield* atHead).stakes, [...winners, 0n])
            asked.length = 0
            // The votes are told again in each block, over the end of the session.
            yield* seconds(6)
            const after = yield* atHead
            assert.isAbove(after.number, 8)
            assert.deepStrictEqual([after.disabled, after.slashes], [[], [0, 0, 0, 1]])
            yield* seconds(4)
            assert.include(asked, 3)
          })
        )
      })
  )
})
