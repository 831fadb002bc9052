/**
 * An honest validator in a dispute storm: the real coordinator, participation, distribution and votes database over a
 * network and a store in memory. Stand-ins: its keys, the chain's state, recovery and execution of candidates, which
 * answer with what the storm says is true.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import {
  DisputeCoordinator,
  DisputeDistribution,
  DisputeParticipation,
  Disputes,
  VotesDb
} from "@ephor/disputes"
import { MemoryNetwork, Network } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import type { Hash, SessionIndex, ValidatorIndex } from "@ephor/types"
import { Context, Deferred, Effect, Layer, Stream } from "effect"
import * as Keys from "../committee/Keys.ts"
import * as Ground from "./Ground.ts"

const addresses = [
  Overseer.ApprovalVoting,
  Overseer.AvailabilityRecovery,
  Overseer.CandidateValidation,
  Overseer.DisputeCoordinator,
  Overseer.DisputeParticipation,
  Overseer.MisbehaviorArbitration,
  Overseer.DisputeDistribution
] as const

/** The chain as one witness sees it at one leaf. */
export interface Sight {
  readonly session: SessionIndex
  readonly included: ReadonlyArray<Ground.Subject>
  readonly disabled: ReadonlyArray<ValidatorIndex>
}

/** A running witness. */
export interface Witness {
  readonly index: ValidatorIndex
  readonly network: Network.Service
  readonly activate: (number: number) => Effect.Effect<void>
  readonly recent: Effect.Effect<ReadonlyArray<Overseer.DisputeEntry>>
  /** Up to which block of a chain nothing may be invalid. */
  readonly undisputed: (blocks: ReadonlyArray<Overseer.BlockDescription>) => Effect.Effect<number>
  /** Records of votes and bytes of everything in its store. */
  readonly stored: Effect.Effect<{ readonly records: number; readonly bytes: number }>
  /** Hears that a dispute was concluded, how often. */
  readonly conclusions: Map<string, number>
}

const data = {
  pov: { blockData: new Uint8Array(4) },
  validationData: {
    parentHead: new Uint8Array(1),
    relayParentNumber: 1,
    relayParentStorageRoot: Ground.relayParent,
    maxPovSize: 10
  }
}

/** What surrounds disputes: data is there, and a candidate is what the storm says. */
const surroundings = (isValid: (commitmentsHash: Hash) => boolean) =>
  Layer.mergeAll(
    Overseer.ApprovalVoting.toLayer(
      Effect.succeed({
        message: Overseer.ApprovalVoting.match({
          ApprovalStatements: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, [])),
          ApprovedAncestor: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, []))
        })
      })
    ),
    Overseer.AvailabilityRecovery.toLayer(
      Effect.succeed({
        message: ({ reply }: Overseer.AvailabilityRecoveryMessage) =>
          Effect.asVoid(Deferred.succeed(reply, { _tag: "Recovered", data }))
      })
    ),
    Overseer.CandidateValidation.toLayer(
      Effect.succeed({
        message: ({ candidate, reply }: Overseer.CandidateValidationMessage) =>
          Effect.asVoid(
            Deferred.succeed(
              reply,
              isValid(candidate.commitmentsHash)
                ? {
                    _tag: "Valid",
                    commitments: undefined as never,
                    persistedValidationData: data.validationData
                  }
                : { _tag: "Invalid", reason: { _tag: "InvalidOutputs" } }
            )
          )
      })
    ),
    Overseer.Subsystem.layerDummy(Overseer.MisbehaviorArbitration)
  )

const runtimeOf = (sightAt: (hash: Hash) => Sight) =>
  Layer.mock(RuntimeApi.RuntimeApi, {
    sessionIndexForChild: (at) => Effect.sync(() => sightAt(at).session),
    sessionInfo: (at, session) =>
      Effect.suspend(() =>
        session <= sightAt(at).session
          ? Effect.succeed({ validators: Ground.validators } as never)
          : Effect.fail(
              new RuntimeApi.RuntimeApiError({
                request: "sessionInfo",
                reason: new RuntimeApi.UnknownSession({ session })
              })
            )
      ),
    disabledValidators: (at) => Effect.sync(() => sightAt(at).disabled),
    inclusions: () => Effect.succeed([]),
    candidateEvents: (at) =>
      Effect.sync(() =>
        sightAt(at).included.map(({ receipt }) => ({
          _tag: "CandidateIncluded" as const,
          value: [receipt, new Uint8Array(0), 0, 0] as const
        }))
      ),
    // The votes of backers came with the block that includes the candidate: one block stands for all.
    onChainVotes: (at) =>
      Effect.sync(() => ({
        session: sightAt(at).session,
        backingValidatorsPerCandidate: sightAt(at)
          .included.filter(({ session }) => session === sightAt(at).session)
          .map(
            (subject) =>
              [
                subject.receipt,
                subject.backers.map((backer) => {
                  const { signature } = Ground.voteOf(subject, backer, "Backing")
                  return [backer, { _tag: "Explicit" as const, value: signature }] as const
                })
              ] as const
          ),
        disputes: []
      })),
    validationCodeByHash: () => Effect.succeedSome(new Uint8Array(1))
  })

const votesPrefix = Buffer.from("candidate-votes")

/** What a witness is started with. */
export interface Setup {
  readonly index: ValidatorIndex
  readonly spamSlots: number
  readonly sightAt: (number: number) => Sight
  readonly isValid: (commitmentsHash: Hash) => boolean
}

/** Starts a witness; it ends with the scope. */
export const start = Effect.fnUntraced(function* (
  { index, isValid, sightAt, spamSlots }: Setup,
  hub: Context.Context<MemoryNetwork.MemoryNetwork>
) {
  const numbers = new Map<Hash, number>()
  const app = Layer.mergeAll(
    DisputeCoordinator.layer({ spamSlots }),
    DisputeParticipation.layer(),
    DisputeDistribution.layer(),
    surroundings(isValid)
  ).pipe(
    Layer.provideMerge([Disputes.layer, VotesDb.layer, Overseer.Overseer.layerManual(addresses)]),
    Layer.provideMerge([
      MemoryNetwork.layerPeer({ peer: Ground.nameOf(index), authority: Ground.validators[index]! }),
      Keys.layer(Ground.nameOf(index)),
      runtimeOf((hash) => sightAt(numbers.get(hash)!)),
      Store.layerMemory,
      Chain.layerMemory({ genesis: ChainScript.genesis })
    ]),
    Layer.provide(Layer.succeedContext(hub)),
    Layer.fresh
  )
  const parts = yield* Layer.build(app)
  const overseer = Context.get(parts, Overseer.Overseer.Overseer)
  const coordinator = Context.get(parts, Overseer.DisputeCoordinator)
  const store = Context.get(parts, Store.Store)
  const conclusions = new Map<string, number>()
  yield* Context.get(parts, Disputes.Disputes).conclusions.pipe(
    Stream.runForEach(({ candidateHash, session, valid }) =>
      Effect.sync(() => {
        const name = `${session}/${candidateHash}/${valid}`
        conclusions.set(name, (conclusions.get(name) ?? 0) + 1)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  let last: Hash | undefined
  const witness: Witness = {
    index,
    network: Context.get(parts, Network.Network),
    conclusions,
    activate: (number) =>
      Effect.suspend(() => {
        const leaf = Ground.leafAt(number)
        numbers.set(leaf.hash, number)
        const left = last === undefined ? [] : [last]
        last = leaf.hash
        return Effect.orDie(overseer.broadcast(Overseer.Signal.activeLeaves(leaf, left)))
      }),
    recent: coordinator.ask((reply) => ({ _tag: "RecentDisputes", reply })),
    undisputed: (descriptions) =>
      coordinator
        .ask<{ readonly number: number; readonly hash: Hash }>((reply) => ({
          _tag: "DetermineUndisputedChain",
          base: { number: 0, hash: ChainScript.genesis.ref.hash },
          descriptions,
          reply
        }))
        .pipe(Effect.map(({ number }) => number)),
    stored: store.iterate(new Uint8Array()).pipe(
      Stream.runFold(
        () => ({ records: 0, bytes: 0 }),
        (sum, { key, value }) => ({
          records: sum.records + (Buffer.from(key).subarray(0, 15).equals(votesPrefix) ? 1 : 0),
          bytes: sum.bytes + key.length + value.length
        })
      ),
      Effect.orDie
    )
  }
  return witness
})
