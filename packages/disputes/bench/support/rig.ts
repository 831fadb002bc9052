/** One dispute coordinator over a store on disk, with everything around it scripted. */
import { StaticRuntime } from "@ephor/devchain"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import * as ChainScript from "@ephor/chain/testing/ChainScript"
import {
  ApprovalVoting,
  type DisputeCoordinatorMessage,
  DisputeDistribution,
  type CandidateInSession,
  type DisputeEntry,
  DisputeParticipation,
  type ImportStatementsResult,
  type Mailbox,
  MisbehaviorArbitration,
  type SignedDisputeStatement
} from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import type {
  CandidateEvent,
  CandidateReceipt,
  CandidateVotes,
  DisputeStatement,
  Hash,
  SessionIndex
} from "@ephor/types"
import { Context, Deferred, Effect, Layer } from "effect"
import { DisputeCoordinator, Disputes, VotesDb } from "../../src/index.ts"

/** Validators of every session. */
export const validatorCount = 500
export const session: SessionIndex = 10

const hashOf = (name: string): Hash => `0x${Buffer.from(name).toString("hex").padEnd(64, "0")}`

/** A candidate with this number. */
export const receiptOf = (number: number): CandidateReceipt => ({
  descriptor: {
    _tag: "V1",
    paraId: 2000 + number,
    relayParent: ChainScript.hash("a"),
    collator: hashOf("collator"),
    persistedValidationDataHash: hashOf("data"),
    povHash: hashOf("pov"),
    erasureRoot: hashOf("root"),
    signature: `0x${"11".repeat(64)}`,
    paraHead: hashOf(`candidate ${number}`),
    validationCodeHash: hashOf("code")
  },
  commitmentsHash: hashOf(`candidate ${number}`)
})

/** Every third validator calls a candidate invalid: a dispute stays open until nearly all have spoken. */
export const statementOf = (validator: number): DisputeStatement =>
  validator % 3 === 0
    ? { _tag: "Invalid", value: { _tag: "Explicit" } }
    : { _tag: "Valid", value: { _tag: "Explicit" } }

/** Pieces of at most `size`. */
export const chunksOf = <A>(list: ReadonlyArray<A>, size: number): ReadonlyArray<ReadonlyArray<A>> =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size))

/** What one coordinator is asked here. */
export interface Rig {
  readonly store: Store.Service
  readonly db: VotesDb.Service
  /** A block that includes these candidates becomes the leaf; returns when the coordinator is through with it. */
  readonly leaf: (number: number, included: ReadonlyArray<CandidateReceipt>) => Effect.Effect<void>
  /** Imports checked votes; returns when they are on disk. */
  readonly import: (
    candidate: CandidateReceipt,
    votes: ReadonlyArray<SignedDisputeStatement>
  ) => Effect.Effect<ImportStatementsResult>
  /** What a provisioner asks for a block, before what else waits: all disputes, and their votes. */
  readonly provision: Effect.Effect<ReadonlyArray<CandidateInSession & { readonly votes: CandidateVotes }>>
}

/** Starts a coordinator with its database in this directory. It owns none of the keys: what it would say is others' work. */
export const start = Effect.fnUntraced(function* (path: string, validators: ReadonlyArray<Hash>) {
  const events = new Map<Hash, ReadonlyArray<CandidateEvent>>()
  const fixed = Context.get(
    yield* Layer.build(Layer.fresh(StaticRuntime.layer({ validators, session }))),
    RuntimeApi.RuntimeApi
  )
  const info = yield* fixed.sessionInfo(ChainScript.hash("a"), session)
  const runtime = RuntimeApi.RuntimeApi.of({
    ...fixed,
    sessionIndexForChild: () => Effect.succeed(session),
    sessionInfo: () => Effect.succeed(info),
    disabledValidators: () => Effect.succeed([]),
    candidateEvents: (at) => Effect.sync(() => events.get(at) ?? []),
    onChainVotes: () => Effect.succeed({ session, backingValidatorsPerCandidate: [], disputes: [] })
  })
  const services = yield* Layer.build(
    Layer.mergeAll(
      Disputes.layer,
      VotesDb.layer,
      Chain.layerMemory({ genesis: ChainScript.genesis }),
      Layer.succeed(RuntimeApi.RuntimeApi, runtime),
      Layer.succeed(
        Keystore.Keystore,
        Keystore.make([], () => false)
      )
    ).pipe(Layer.provideMerge(NodeStore.layer({ path })), Layer.fresh)
  )
  const mailbox = yield* Deferred.make<Mailbox.Mailbox<DisputeCoordinatorMessage>>()
  const harness = yield* SubsystemTest.make({
    subsystem: DisputeCoordinator.DisputeCoordinator,
    layer: Layer.merge(
      DisputeCoordinator.layer(),
      Layer.effectDiscard(
        Effect.flatMap(DisputeCoordinator.DisputeCoordinator, (own) => Deferred.succeed(mailbox, own))
      )
    ).pipe(Layer.provide(Layer.succeedContext(services))),
    captures: [DisputeParticipation, DisputeDistribution, ApprovalVoting, MisbehaviorArbitration]
  })
  yield* harness.next(ApprovalVoting).pipe(
    Effect.flatMap((message) =>
      message._tag === "ApprovalStatements" ? Deferred.succeed(message.reply, []) : Effect.void
    ),
    Effect.forever,
    Effect.forkScoped
  )
  const coordinator = yield* Deferred.await(mailbox)
  const disputes = coordinator.askPriority<ReadonlyArray<DisputeEntry>>((reply) => ({
    _tag: "RecentDisputes",
    reply
  }))
  const rig: Rig = {
    store: Context.get(services, Store.Store),
    db: Context.get(services, VotesDb.VotesDb),
    leaf: (number, included) => {
      const block = ChainScript.ref(`leaf-${number}`, number === 1 ? "g" : `leaf-${number - 1}`, number)
      events.set(
        block.hash,
        included.map((candidate) => ({
          _tag: "CandidateIncluded",
          value: [candidate, new Uint8Array(0), 0, 0]
        }))
      )
      return Effect.andThen(harness.activate(block), Effect.asVoid(disputes))
    },
    import: (candidateReceipt, statements) =>
      harness.ask<ImportStatementsResult>((pendingConfirmation) => ({
        _tag: "ImportStatements",
        candidateReceipt,
        session,
        statements,
        pendingConfirmation
      })),
    provision: Effect.flatMap(disputes, (open) =>
      coordinator.askPriority((reply) => ({ _tag: "QueryCandidateVotes", candidates: open, reply }))
    )
  }
  return rig
})
