/** One approval voting over a scripted chain: which block includes what is given, all else is captured. */
import { Context, Deferred, Effect, Layer } from "effect"
import { ApprovalVoting } from "@ephor/backing"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, type CandidateReceipt } from "@ephor/types"
import * as World from "./world.ts"

/** What outlives a run of the validator. */
export interface Ground {
  readonly chain: Chain.Service
  readonly store: Store.Service
  /** By name of the block: the candidates that it includes, or "unreadable". */
  readonly blocks: Map<string, ReadonlyArray<CandidateReceipt> | "unreadable">
}

/** A chain by its script, an empty disk, and nothing included. */
export const ground = Effect.fnUntraced(function* (script: string) {
  const parts = yield* Layer.build(
    Layer.fresh(Layer.merge(Chain.layerMemory({ genesis: ChainScript.genesis }), Store.layerMemory))
  )
  const chain = Context.get(parts, Chain.Chain)
  yield* ChainScript.run(chain, script)
  const made: Ground = { chain, store: Context.get(parts, Store.Store), blocks: new Map() }
  return made
})

/** Starts the subsystem for as long as the scope lives. */
export const start = Effect.fnUntraced(function* (
  { blocks, chain, store }: Ground,
  limits: Partial<ApprovalVoting.Limits> = {}
) {
  const runtime = Layer.mock(RuntimeApi.RuntimeApi, {
    sessionIndexForChild: () => Effect.succeed(World.session),
    sessionInfo: () => Effect.succeed({ validators: World.validators } as never),
    candidateEvents: (at) => {
      const found = blocks.get(ChainScript.name(at)) ?? []
      return found === "unreadable"
        ? Effect.fail(
            new RuntimeApi.RuntimeApiError({
              request: "candidateEvents",
              reason: new RuntimeApi.UnknownState({ block: at })
            })
          )
        : Effect.succeed(
            found.flatMap((candidate) =>
              (["CandidateBacked", "CandidateIncluded"] as const).map((_tag) => ({
                _tag,
                value: [candidate, Uint8Array.of(), 0, 0] as const
              }))
            )
          )
    }
  })
  const voting = yield* SubsystemTest.make({
    subsystem: Overseer.ApprovalVoting,
    layer: ApprovalVoting.layer(limits),
    captures: [Overseer.AvailabilityRecovery, Overseer.CandidateValidation, Overseer.DisputeCoordinator]
  }).pipe(
    Effect.provide(
      Layer.mergeAll(
        runtime,
        World.keystoreOf("//Bob"),
        Layer.succeed(Chain.Chain, chain),
        Layer.succeed(Store.Store, store)
      )
    )
  )
  const blockOf = (name: string) =>
    Effect.map(Effect.orDie(chain.content(ChainScript.hash(name))), ({ ref }) => ref)
  return {
    ...voting,
    leaf: Effect.fnUntraced(function* (name: string) {
      yield* voting.activate(yield* blockOf(name))
      yield* voting.idle
    }),
    finalized: Effect.fnUntraced(function* (name: string) {
      yield* Effect.orDie(ChainScript.run(chain, `finalize ${name}`))
      const { hash, number } = yield* blockOf(name)
      yield* voting.signal(Overseer.Signal.blockFinalized(hash, number))
      yield* voting.idle
    }),
    /** Answers the next request for data. */
    recover: Effect.fnUntraced(function* (outcome: Overseer.RecoveryOutcome) {
      const message = yield* voting.next(Overseer.AvailabilityRecovery)
      yield* Deferred.succeed(message.reply, outcome)
      yield* voting.idle
    }),
    /** Answers the next execution, and gives what it was asked for. */
    judge: Effect.fnUntraced(function* (outcome: Overseer.ValidationOutcome) {
      const message = yield* voting.next(Overseer.CandidateValidation)
      yield* Deferred.succeed(message.reply, outcome)
      yield* voting.idle
      return message
    }),
    /** Hashes of the candidates whose data was asked for since. */
    asked: Effect.map(voting.captured(Overseer.AvailabilityRecovery), (messages) =>
      messages.map(({ candidate }) => candidateHash(candidate))
    ),
    approvals: (candidate: CandidateReceipt, session = World.session) =>
      voting.ask((reply: Deferred.Deferred<ReadonlyArray<Overseer.ApprovalSignature>>) => ({
        _tag: "ApprovalStatements",
        candidateHash: candidateHash(candidate),
        session,
        reply
      })),
    /** Names of the blocks above `base` that are approved. */
    approved: Effect.fnUntraced(function* (base: string, target: string) {
      const request = { base: yield* blockOf(base), target: yield* blockOf(target) }
      const found = yield* voting.ask((reply: Deferred.Deferred<ReadonlyArray<Overseer.ApprovedBlock>>) => ({
        _tag: "ApprovedAncestor",
        ...request,
        reply
      }))
      return found.map(({ block }) => ChainScript.name(block.hash)).join("")
    })
  }
})

/** The data of a candidate is here. */
export const recovered = (pov: { readonly blockData: Uint8Array }): Overseer.RecoveryOutcome => ({
  _tag: "Recovered",
  data: { pov, validationData: World.validationData }
})

/** A candidate that adds `add` is valid. */
export const valid = (add: bigint): Overseer.ValidationOutcome => ({
  _tag: "Valid",
  commitments: World.commitmentsOf(add),
  persistedValidationData: World.validationData
})
