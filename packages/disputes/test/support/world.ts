/** Four development validators, a scripted runtime, and votes with real signatures. */
import { StaticRuntime } from "@ephor/devchain"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import type { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import type { SignedDisputeStatement } from "@ephor/overseer"
import {
  type AvailableData,
  type CandidateCommitments,
  type CandidateEvent,
  type BlockRef,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type DisputeRequest,
  type DisputeStatement,
  disputeStatementPayload,
  type Hash,
  type ScrapedOnChainVotes,
  type SessionIndex,
  type ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Layer, Option, Redacted } from "effect"

/** Commitments of a candidate that does nothing but go on. */
export const commitments: CandidateCommitments = {
  upwardMessages: [],
  horizontalMessages: [],
  newValidationCode: null,
  headData: new Uint8Array(1),
  processedDownwardMessages: 0,
  hrmpWatermark: 1
}

export const names = ["//Alice", "//Bob", "//Charlie", "//Dave"] as const
export const keystoreOf = (...secrets: ReadonlyArray<string>) =>
  Keystore.layerSr25519({ secrets: secrets.map((secret) => Redacted.make(secret)) })

/** All keys: for making votes of others. */
export const everybody = await Effect.runPromise(
  Effect.provide(Keystore.Keystore.pipe(Effect.map((service) => service)), keystoreOf(...names))
)
export const validators = everybody.publicKeys

export const hashOf = (name: string): Hash => `0x${Buffer.from(name).toString("hex").padEnd(64, "0")}`

/** The data of any candidate. */
export const data: AvailableData = {
  pov: { blockData: new Uint8Array(4) },
  validationData: {
    parentHead: new Uint8Array(1),
    relayParentNumber: 1,
    relayParentStorageRoot: hashOf("root"),
    maxPovSize: 10
  }
}

export const receipt = (name: string): CandidateReceipt => ({
  descriptor: {
    _tag: "V1",
    paraId: 1000,
    relayParent: ChainScript.hash("a"),
    collator: hashOf("collator"),
    persistedValidationDataHash: hashOf("data"),
    povHash: hashOf("pov"),
    erasureRoot: hashOf("root"),
    signature: `0x${"11".repeat(64)}`,
    paraHead: hashOf(name),
    validationCodeHash: hashOf("code")
  },
  commitmentsHash: hashOf(name)
})

export const seconded: DisputeStatement = {
  _tag: "Valid",
  value: { _tag: "BackingSeconded", value: ChainScript.hash("a") }
}
export const valid: DisputeStatement = { _tag: "Valid", value: { _tag: "Explicit" } }
export const invalid: DisputeStatement = { _tag: "Invalid", value: { _tag: "Explicit" } }

/** A vote that its validator signed. */
export const vote = (
  candidate: CandidateReceipt,
  session: SessionIndex,
  statement: DisputeStatement,
  validatorIndex: ValidatorIndex
): SignedDisputeStatement => {
  const payload = disputeStatementPayload(statement, candidateHash(candidate), session)!
  const validatorId = validators[validatorIndex]!
  const signature = Effect.runSync(everybody.sign(validatorId, payload))
  return { statement, validatorIndex, validatorId, signature }
}

/** A pair of votes as it travels. */
export const request = (
  candidate: CandidateReceipt,
  session: SessionIndex,
  validVote: SignedDisputeStatement,
  invalidVote: SignedDisputeStatement
): DisputeRequest => ({
  candidateReceipt: candidate,
  sessionIndex: session,
  validVote: {
    validatorIndex: validVote.validatorIndex,
    signature: validVote.signature,
    kind: validVote.statement.value as DisputeRequest["validVote"]["kind"]
  },
  invalidVote: {
    validatorIndex: invalidVote.validatorIndex,
    signature: invalidVote.signature,
    kind: { _tag: "Explicit" }
  }
})

/** What the scripted runtime answers; tests change it as they go. */
export class Script {
  session: SessionIndex = 10
  failing = false
  disabled: ReadonlyArray<ValidatorIndex> = []
  /** Where it is another list, or another session, than elsewhere. */
  readonly disabledAt = new Map<Hash, ReadonlyArray<ValidatorIndex>>()
  readonly sessionAt = new Map<Hash, SessionIndex>()
  /** Blocks that the runtime remembers to include a candidate. */
  readonly remembered = new Map<CandidateHash, ReadonlyArray<BlockRef>>()
  /** Candidates with their commitments, wherever they are asked for. */
  readonly committed = new Map<CandidateHash, RuntimeApi.BackedIn>()
  readonly events = new Map<Hash, ReadonlyArray<CandidateEvent>>()
  readonly votes = new Map<Hash, ScrapedOnChainVotes>()

  include(block: string, candidate: CandidateReceipt, what: "CandidateIncluded" | "CandidateBacked"): void {
    const hash = ChainScript.hash(block)
    this.events.set(hash, [
      ...(this.events.get(hash) ?? []),
      { _tag: what, value: [candidate, new Uint8Array(0), 0, 0] }
    ])
  }
}

/** A runtime that follows a script. */
export const runtimeOf = (script: Script) =>
  Layer.effect(
    RuntimeApi.RuntimeApi,
    Effect.gen(function* () {
      const services = yield* Layer.build(StaticRuntime.layer({ validators, session: 1000 }))
      const fixed = Context.get(services, RuntimeApi.RuntimeApi)
      const unless = <A, E>(effect: Effect.Effect<A, E>) =>
        Effect.suspend((): Effect.Effect<A, E | RuntimeApi.RuntimeApiError> => {
          const reason = new RuntimeApi.UnknownState({ block: hashOf("lost") })
          return script.failing
            ? Effect.fail(new RuntimeApi.RuntimeApiError({ request: "any", reason }))
            : effect
        })
      return RuntimeApi.RuntimeApi.of({
        ...fixed,
        sessionIndexForChild: (at) => unless(Effect.sync(() => script.sessionAt.get(at) ?? script.session)),
        sessionInfo: (at, session) =>
          unless(
            Effect.suspend(() =>
              session > (script.sessionAt.get(at) ?? script.session)
                ? Effect.fail(
                    new RuntimeApi.RuntimeApiError({
                      request: "sessionInfo",
                      reason: new RuntimeApi.UnknownSession({ session })
                    })
                  )
                : fixed.sessionInfo(at, 1000)
            )
          ),
        validationCodeByHash: () => unless(Effect.succeedSome(new Uint8Array(1))),
        disabledValidators: (at) => unless(Effect.sync(() => script.disabledAt.get(at) ?? script.disabled)),
        inclusions: (candidate) => Effect.sync(() => script.remembered.get(candidateHash(candidate)) ?? []),
        committedCandidate: (_, candidate) =>
          Effect.sync(() => Option.fromUndefinedOr(script.committed.get(candidateHash(candidate)))),
        candidateEvents: (at) => unless(Effect.sync(() => script.events.get(at) ?? [])),
        onChainVotes: (at) =>
          unless(
            Effect.sync(
              () =>
                script.votes.get(at) ?? {
                  session: script.session,
                  backingValidatorsPerCandidate: [],
                  disputes: []
                }
            )
          )
      })
    })
  )

export const chain = Chain.layerMemory({ genesis: ChainScript.genesis })

/** Imports blocks that each build upon the one before: `"a-b-c"`, the first one upon genesis unless a parent is named. */
export const grow = Effect.fnUntraced(function* (branch: string, parent = "g", from = 1) {
  const hub = yield* Chain.Chain
  let last = parent
  for (const [index, block] of branch.split("-").entries()) {
    yield* hub.import(ChainScript.block(block, last, from + index))
    last = block
  }
  return ChainScript.ref(last, "", 0)
})

export const leafOf = (block: string, parent: string, number: number) =>
  ChainScript.ref(block, parent, number)

/** A store that counts, and that can be made to fail. */
export const watched = (
  store: Store.Service,
  failing: () => Store.StoreError | undefined
): Store.Service => ({
  ...store,
  batch: (writes) =>
    Effect.suspend(() => {
      const error = failing()
      return error === undefined ? store.batch(writes) : Effect.fail(error)
    })
})
