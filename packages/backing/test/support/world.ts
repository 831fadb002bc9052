/**
 * One relay parent, four validators in two groups, one adder para: what the tests of single subsystems share.
 */
import { Effect, Layer, Option, Redacted } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import {
  type CandidateCommitments,
  candidateHash,
  type CandidateReceipt,
  type CoreState,
  type Hash,
  type PersistedValidationData,
  type SignedFullStatement,
  type Statement,
  statementPayload,
  toCompact,
  type ValidatorId
} from "@ephor/types"
import { Adder, CandidateChecks, Collator } from "@ephor/backing"

export const suris = ["//Alice", "//Bob", "//Charlie", "//Dave"] as const
export const paraId = 2000
export const session = 3
export const hashOf = (byte: number): Hash => `0x${byte.toString(16).padStart(2, "0").repeat(32)}`
export const relayParent = hashOf(0xaa)
export const leaf = { hash: relayParent, number: 7, parentHash: hashOf(0xa9), timestamp: 7 }

/** The keys of some of the validators. */
export const keystoreOf = (...secrets: ReadonlyArray<string>) =>
  Keystore.layerSr25519({ secrets: secrets.map((secret) => Redacted.make(secret)) })

const buildKeystore = (secrets: ReadonlyArray<string>) =>
  Effect.provide(Keystore.Keystore.use(Effect.succeed), keystoreOf(...secrets))

export const everybody = await Effect.runPromise(buildKeystore([...suris, "//Eve"]))
export const validators: ReadonlyArray<ValidatorId> = everybody.publicKeys.slice(0, 4)
export const collator = everybody.publicKeys[4]!

export const validationData: PersistedValidationData = {
  parentHead: Adder.encodeHead(Adder.genesis(0n)),
  relayParentNumber: leaf.number,
  relayParentStorageRoot: hashOf(0x55),
  maxPovSize: 1024
}

export const scheduled: CoreState = { _tag: "Scheduled", value: { paraId, collator: null } }

export interface World {
  readonly cores?: ReadonlyArray<CoreState>
  readonly minimumBackingVotes?: number
  readonly disabled?: ReadonlyArray<number>
  readonly code?: Option.Option<Uint8Array>
}

const unknownState = (block: string) =>
  new RuntimeApi.RuntimeApiError({ request: "test", reason: new RuntimeApi.UnknownState({ block }) })

/** The runtime at every block but the zero hash, whose state is unknown. Validators 0 and 1 serve core 0. */
export const runtime = (world: World = {}) =>
  Layer.mock(RuntimeApi.RuntimeApi, {
    sessionIndexForChild: (at) =>
      at === hashOf(0) ? Effect.fail(unknownState(at)) : Effect.succeed(session),
    sessionInfo: () => Effect.succeed({ validators } as never),
    validators: () => Effect.succeed(validators),
    validatorGroups: () =>
      Effect.succeed({
        groups: [[0, 1, 3], [2]],
        rotation: { sessionStartBlock: 0, groupRotationFrequency: 0, now: 8 }
      }),
    availabilityCores: () => Effect.succeed(world.cores ?? [scheduled, { _tag: "Free" }]),
    persistedValidationData: (_, para) =>
      Effect.succeed(para === paraId ? Option.some(validationData) : Option.none()),
    validationCode: () => Effect.succeed(world.code ?? Option.some(Adder.code)),
    validationCodeByHash: (_, hash) =>
      Effect.succeed(hash === Adder.codeHash ? Option.some(Adder.code) : Option.none()),
    minimumBackingVotes: () => Effect.succeed(world.minimumBackingVotes ?? 2),
    disabledValidators: () => Effect.succeed(world.disabled ?? []),
    candidateEvents: () => Effect.succeed([]),
    disputes: () => Effect.succeed([])
  })

/** A signed candidate that adds `add` to the genesis state. */
export const candidateOf = (add: bigint, garbage = false) =>
  Effect.runPromise(
    Collator.collate(everybody, {
      paraId,
      relayParent,
      collator,
      validationData,
      block: { state: 0n, add },
      garbage
    })
  )

/** The commitments of a candidate of `candidateOf`. */
export const commitmentsOf = (add: bigint): CandidateCommitments =>
  CandidateChecks.toCommitments(
    Adder.expectedResult(validationData.parentHead, { state: 0n, add }, validationData.relayParentNumber)
  )

/** A statement of a validator, signed at the relay parent. */
export const signed = (validatorIndex: number, payload: Statement): Promise<SignedFullStatement> =>
  Effect.runPromise(
    Effect.map(
      everybody.sign(
        validators[validatorIndex]!,
        statementPayload(toCompact(payload), { sessionIndex: session, parentHash: relayParent })
      ),
      (signature) => ({ payload, validatorIndex, signature })
    )
  )

export const secondedBy = (validatorIndex: number, candidate: CandidateReceipt, add: bigint) =>
  signed(validatorIndex, {
    _tag: "Seconded",
    value: { descriptor: candidate.descriptor, commitments: commitmentsOf(add) }
  })

export const validBy = (validatorIndex: number, candidate: CandidateReceipt) =>
  signed(validatorIndex, { _tag: "Valid", value: candidateHash(candidate) })
