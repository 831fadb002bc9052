/**
 * What a committee works on: a relay parent, groups of validators, a parachain on each core. Everything follows from the
 * sizes.
 */
import { Adder, CandidateChecks, Collator } from "@ephor/backing"
import { RuntimeApi } from "@ephor/chain"
import {
  blake2b256,
  type CandidateReceipt,
  type CommittedCandidateReceipt,
  type Hash,
  type PersistedValidationData,
  type PoV,
  type SignedFullStatement,
  type Statement,
  statementPayload,
  toCompact,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Effect, Layer, Option } from "effect"
import * as Keys from "./Keys.ts"

/** Sizes of a committee. */
export interface Sizes {
  readonly groups: number
  readonly groupSize: number
}

/** Names of validators in the network and in traces. */
export const nameOf = (index: ValidatorIndex): string => `validator-${index}`

/** The collator of every parachain. */
export const collator = "collator"

const session = 1
const firstPara = 2000
const minimumBackingVotes = 3
const zero: Hash = `0x${"00".repeat(32)}`

/** A leaf of the relay chain. */
export const leafAt = (number: number) => ({
  hash: blake2b256(new TextEncoder().encode(`relay parent ${number}`)),
  number,
  parentHash: blake2b256(new TextEncoder().encode(`relay parent ${number - 1}`)),
  timestamp: number
})
/** What `leafAt` makes. */
export type Leaf = ReturnType<typeof leafAt>

/** The validators of a group. */
export const membersOf = ({ groupSize }: Sizes, group: number): ReadonlyArray<ValidatorIndex> =>
  Array.from({ length: groupSize }, (_, i) => group * groupSize + i)

/** The keys of all validators. */
export const validatorsOf = ({ groups, groupSize }: Sizes): ReadonlyArray<ValidatorId> =>
  Array.from({ length: groups * groupSize }, (_, index) => Keys.keyOf(nameOf(index)))

const validationDataAt = (number: number): PersistedValidationData => ({
  parentHead: Adder.encodeHead(Adder.genesis()),
  relayParentNumber: number,
  relayParentStorageRoot: zero,
  maxPovSize: 5 * 1024 * 1024
})

/** The runtime as all validators see it: each group serves the parachain of its core. */
export const runtimeLayer = (sizes: Sizes, numberOf: (hash: Hash) => number | undefined) => {
  const validators = validatorsOf(sizes)
  const cores = Array.from({ length: sizes.groups }, (_, core) => ({
    _tag: "Scheduled" as const,
    value: { paraId: firstPara + core, collator: null }
  }))
  const groups = Array.from({ length: sizes.groups }, (_, group) => membersOf(sizes, group))
  const at = <A>(hash: Hash, answer: (number: number) => A) => {
    const number = numberOf(hash)
    return number === undefined
      ? Effect.fail(
          new RuntimeApi.RuntimeApiError({
            request: "simulation",
            reason: new RuntimeApi.UnknownState({ block: hash })
          })
        )
      : Effect.succeed(answer(number))
  }
  return Layer.mock(RuntimeApi.RuntimeApi, {
    sessionIndexForChild: (hash) => at(hash, () => session),
    sessionInfo: () => Effect.succeed({ validators } as never),
    validators: (hash) => at(hash, () => validators),
    validatorGroups: (hash) =>
      at(hash, (number) => ({
        groups,
        rotation: { sessionStartBlock: 0, groupRotationFrequency: 0, now: number + 1 }
      })),
    availabilityCores: (hash) => at(hash, () => cores),
    persistedValidationData: (hash) => at(hash, (number) => Option.some(validationDataAt(number))),
    validationCode: () => Effect.succeedSome(Adder.code),
    validationCodeByHash: (_, hash) =>
      Effect.succeed(hash === Adder.codeHash ? Option.some(Adder.code) : Option.none()),
    minimumBackingVotes: () => Effect.succeed(minimumBackingVotes),
    disabledValidators: () => Effect.succeed([]),
    inclusions: () => Effect.succeed([]),
    candidateEvents: () => Effect.succeed([]),
    disputes: () => Effect.succeed([])
  })
}

/** A candidate with everything that belongs to it. */
export interface Offer {
  readonly candidate: CandidateReceipt
  readonly committed: CommittedCandidateReceipt
  readonly pov: PoV
}

/** A candidate of the parachain of a group, one for each number that it adds. */
export const offer = Effect.fnUntraced(function* (leaf: Leaf, group: number, add: bigint, garbage = false) {
  const validationData = validationDataAt(leaf.number)
  const block = { state: 0n, add }
  const { candidate, pov } = yield* Collator.collate(Keys.keystore(collator), {
    paraId: firstPara + group,
    relayParent: leaf.hash,
    collator: Keys.keyOf(collator),
    validationData,
    block,
    garbage
  })
  const result = (garbage ? Adder.garbageResult : Adder.expectedResult)(
    validationData.parentHead,
    block,
    leaf.number
  )
  const made: Offer = {
    candidate,
    pov,
    committed: { descriptor: candidate.descriptor, commitments: CandidateChecks.toCommitments(result) }
  }
  return made
})

/** The data of an offer, as its backer serves it. */
export const dataOf = (leaf: Leaf, { pov }: Offer) => ({ pov, validationData: validationDataAt(leaf.number) })

/** A statement of a validator, signed. */
export const sign = (validatorIndex: ValidatorIndex, payload: Statement, leaf: Leaf) =>
  Effect.map(
    Keys.keystore(nameOf(validatorIndex)).sign(
      Keys.keyOf(nameOf(validatorIndex)),
      statementPayload(toCompact(payload), { sessionIndex: session, parentHash: leaf.hash })
    ),
    (signature): SignedFullStatement => ({ payload, validatorIndex, signature })
  )
