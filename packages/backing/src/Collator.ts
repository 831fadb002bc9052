/**
 * A development collator: at each new block of the relay chain it builds the next block of an adder parachain,
 * signs it and offers it to the validators that may back it.
 *
 * Its n-th block adds n, so the state can be told from the number of a head, and a restarted collator needs no
 * memory. With `garbageEvery` it is faulty: every so often it offers a candidate whose head the validation
 * function contradicts.
 */
import { Effect, Layer, Option, Result, Stream } from "effect"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import type { NewCandidate } from "@ephor/overseer"
import {
  type CandidateReceipt,
  type CollatorId,
  collatorSignaturePayload,
  commitmentsHash,
  type Hash,
  headDataHash,
  type ParaId,
  type PersistedValidationData,
  persistedValidationDataHash,
  povHash,
  Scale,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import * as Adder from "./Adder.ts"
import * as Assignment from "./Assignment.ts"
import * as CandidateChecks from "./CandidateChecks.ts"

/** A validator that may back the candidate. */
export interface Target {
  readonly index: ValidatorIndex
  readonly key: ValidatorId
}

/** How a collator works. */
export interface Options {
  readonly paraId: ParaId
  /** The key that signs; the key store of the layer must hold it. */
  readonly collator: CollatorId
  /** State before the first block. */
  readonly genesisState?: bigint
  /** Every n-th candidate is garbage; 0 or nothing: none. */
  readonly garbageEvery?: number
  /** Takes the candidate to a validator: to its candidate selection, or by the collator protocol, which names the parent head. */
  readonly offer: (target: Target, candidate: NewCandidate, parentHead: Uint8Array) => Effect.Effect<void>
}

/** The state after the block of this number, when the n-th block adds n. */
export const stateAt = (genesisState: bigint, number: bigint): bigint =>
  BigInt.asUintN(64, genesisState + (number * (number + 1n)) / 2n)

/**
 * The next block upon a head, or nothing for a head that is not the adder's or has another state than it
 * should.
 */
export const nextBlock = (genesisState: bigint, parentHead: Uint8Array): Adder.AdderBlock | undefined => {
  const head = Scale.decodeResult(Adder.AdderHead)(parentHead)
  if (Result.isFailure(head)) return undefined
  const { number, postState } = head.success
  const state = stateAt(genesisState, number)
  return Adder.stateHash(state) === postState ? { state, add: number + 1n } : undefined
}

/** What a candidate is made of. */
export interface Material {
  readonly paraId: ParaId
  readonly relayParent: Hash
  readonly collator: CollatorId
  readonly validationData: PersistedValidationData
  readonly block: Adder.AdderBlock
  readonly garbage: boolean
}

/** A candidate as its collator offers it, signed. */
export const collate = Effect.fnUntraced(function* (keystore: Keystore.Service, material: Material) {
  const { block, collator, garbage, paraId, relayParent, validationData } = material
  const { parentHead, relayParentNumber } = validationData
  const pov = { blockData: Adder.encodeBlock(block) }
  const result = (garbage ? Adder.garbageResult : Adder.expectedResult)(parentHead, block, relayParentNumber)
  const unsigned = {
    paraId,
    relayParent,
    persistedValidationDataHash: persistedValidationDataHash(validationData),
    povHash: povHash(pov),
    validationCodeHash: Adder.codeHash
  }
  const signature = yield* keystore.sign(collator, collatorSignaturePayload(unsigned))
  const candidate: CandidateReceipt = {
    descriptor: {
      _tag: "V1",
      ...unsigned,
      collator,
      erasureRoot: CandidateChecks.erasureRoot({ pov, validationData }),
      signature,
      paraHead: headDataHash(result.headData)
    },
    commitmentsHash: commitmentsHash(CandidateChecks.toCommitments(result))
  }
  const message: NewCandidate = {
    _tag: "NewCandidate",
    relayParent,
    collator,
    candidate,
    pov,
    block: { block: pov.blockData }
  }
  return message
})

/** Who may back a candidate of the para at this relay parent. Nobody, if the para is not scheduled. */
export const targets = Effect.fnUntraced(function* (
  runtime: RuntimeApi.Service,
  relayParent: Hash,
  paraId: ParaId
) {
  const cores = yield* runtime.availabilityCores(relayParent)
  const groups = yield* runtime.validatorGroups(relayParent)
  const validators = yield* runtime.validators(relayParent)
  const assignment = Assignment.assignments(cores, groups).find((found) => found.paraId === paraId)
  return (assignment?.members ?? []).flatMap((index): ReadonlyArray<Target> => {
    const key = validators[index]
    return key === undefined ? [] : [{ index, key }]
  })
})

/**
 * Collates upon one block: makes the candidate and offers it to each target. Answers what was offered, if
 * anything.
 */
export const collateAt = Effect.fnUntraced(function* (
  options: Options,
  services: { readonly runtime: RuntimeApi.Service; readonly keystore: Keystore.Service },
  relayParent: Hash,
  garbage: boolean
) {
  const { collator, offer, paraId } = options
  const group = yield* targets(services.runtime, relayParent, paraId)
  const validationData = yield* services.runtime.persistedValidationData(relayParent, paraId)
  if (group.length === 0 || Option.isNone(validationData)) return undefined
  const block = nextBlock(options.genesisState ?? 0n, validationData.value.parentHead)
  if (block === undefined) {
    yield* Effect.logWarning("collator: the head of the para is not one it can build upon", {
      paraId,
      relayParent
    })
    return undefined
  }
  const material = { paraId, relayParent, collator, validationData: validationData.value, block, garbage }
  const candidate = yield* collate(services.keystore, material)
  const { parentHead } = validationData.value
  yield* Effect.forEach(group, (target) => offer(target, candidate, parentHead), { discard: true })
  return candidate
})

/** Collates at every block that the chain imports, until the layer is closed. */
export const layer = (
  options: Options
): Layer.Layer<never, never, Chain.Chain | RuntimeApi.RuntimeApi | Keystore.Keystore> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const services = { runtime: yield* RuntimeApi.RuntimeApi, keystore: yield* Keystore.Keystore }
      const every = options.garbageEvery ?? 0
      let offered = 0
      const onBlock = Effect.fnUntraced(function* (relayParent: Hash) {
        const garbage = every > 0 && (offered + 1) % every === 0
        const candidate = yield* collateAt(options, services, relayParent, garbage)
        if (candidate !== undefined) offered++
      })
      yield* chain.events.pipe(
        Stream.runForEach((event) =>
          event._tag === "Imported"
            ? onBlock(event.block.hash).pipe(
                Effect.catch((error) => Effect.logWarning("collator: no candidate", error.message))
              )
            : Effect.void
        ),
        Effect.forkScoped
      )
    })
  )
