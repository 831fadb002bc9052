/** One coordinator with everything around it: what it sends is captured, what it asks for is scripted. */
import { Chain } from "@ephor/chain"
import { Store } from "@ephor/store"
import * as Overseer from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { candidateHash, type CandidateReceipt, type SessionIndex } from "@ephor/types"
import { Context, Deferred, Effect, Layer, Queue, Stream } from "effect"
import { DisputeCoordinator, Disputes, VoteRegister, VotesDb } from "@ephor/disputes"
import * as World from "./world.ts"

/** Everything around one coordinator; `store` and `script` outlive it. */
export const start = Effect.fnUntraced(function* (
  options: {
    readonly own?: ReadonlyArray<string>
    readonly store?: Store.Service
    readonly db?: Partial<VotesDb.Limits>
    readonly script?: World.Script
    readonly chain?: Chain.Service
    readonly coordinator?: Partial<DisputeCoordinator.Options>
    /** Approvals that approval voting answers with; `undefined`: it never answers. */
    readonly approvals?: ReadonlyArray<Overseer.ApprovalSignature> | undefined
  } = {}
) {
  const script = options.script ?? new World.Script()
  const own = Context.get(yield* Layer.build(Layer.fresh(Store.layerMemory)), Store.Store)
  const chain = options.chain ?? Context.get(yield* Layer.build(Layer.fresh(World.chain)), Chain.Chain)
  const services = yield* Layer.build(
    Layer.mergeAll(
      World.keystoreOf(...(options.own ?? ["//Alice"])),
      World.runtimeOf(script),
      Disputes.layer,
      VotesDb.layerWith(options.db)
    ).pipe(
      Layer.provideMerge([
        Layer.succeed(Store.Store, options.store ?? own),
        Layer.succeed(Chain.Chain, chain)
      ]),
      Layer.fresh
    )
  )
  const registered = yield* Deferred.make<VoteRegister.Service>()
  const harness = yield* SubsystemTest.make({
    subsystem: DisputeCoordinator.DisputeCoordinator,
    layer: Layer.merge(
      DisputeCoordinator.layer(options.coordinator),
      Layer.effectDiscard(
        Effect.flatMap(VoteRegister.VoteRegister, (service) => Deferred.succeed(registered, service))
      ).pipe(Layer.provide(VoteRegister.layer()))
    ).pipe(Layer.provide(Layer.succeedContext(services))),
    captures: [
      Overseer.DisputeParticipation,
      Overseer.DisputeDistribution,
      Overseer.ApprovalVoting,
      Overseer.MisbehaviorArbitration
    ]
  })
  if (!("approvals" in options && options.approvals === undefined)) {
    yield* harness.next(Overseer.ApprovalVoting).pipe(
      Effect.flatMap((message) =>
        message._tag === "ApprovalStatements"
          ? Deferred.succeed(message.reply, options.approvals ?? [])
          : Effect.void
      ),
      Effect.forever,
      Effect.forkScoped
    )
  }
  const hub = Context.get(services, Disputes.Disputes)
  const concluded = yield* Queue.unbounded<Disputes.DisputeConclusion>()
  const late = yield* Queue.unbounded<Disputes.DisputeConclusion>()
  yield* Effect.forkScoped(
    Stream.runForEach(hub.conclusions, (c) => Queue.offer(concluded, c)),
    { startImmediately: true }
  )
  yield* Effect.forkScoped(
    Stream.runForEach(hub.lateInclusions, (c) => Queue.offer(late, c)),
    { startImmediately: true }
  )
  const reverted = yield* Queue.unbounded<Disputes.DisputeReversal>()
  yield* Effect.forkScoped(
    Stream.runForEach(hub.reversals, (reversal) => Queue.offer(reverted, reversal)),
    { startImmediately: true }
  )
  const settled = Effect.repeat(harness.idle, { times: 4 })
  return {
    ...harness,
    script,
    hub,
    concluded,
    late,
    reverted,
    chain,
    register: yield* Deferred.await(registered),
    db: Context.get(services, VotesDb.VotesDb),
    settled,
    leaf: (block: string, parent: string, number: number) =>
      Effect.andThen(harness.activate(World.leafOf(block, parent, number)), settled),
    import: (
      candidateReceipt: CandidateReceipt,
      session: SessionIndex,
      statements: ReadonlyArray<Overseer.SignedDisputeStatement>
    ) =>
      harness
        .ask<Overseer.ImportStatementsResult>((pendingConfirmation) => ({
          _tag: "ImportStatements",
          candidateReceipt,
          session,
          statements,
          pendingConfirmation
        }))
        .pipe(Effect.tap(() => settled)),
    /** We have judged a candidate. */
    judge: (candidate: CandidateReceipt, session: SessionIndex, valid: boolean) =>
      harness.send({
        _tag: "IssueLocalStatement",
        session,
        candidateHash: candidateHash(candidate),
        candidate,
        valid
      }),
    hearings: Effect.andThen(settled, harness.captured(Overseer.MisbehaviorArbitration)).pipe(
      // Without the votes themselves, which `DisputeCoordinator.test.ts` looks at once.
      Effect.map((messages) =>
        messages.flatMap((message) => {
          if (message._tag !== "Hearing") return []
          const { votes: _, ...hearing } = message
          return [hearing]
        })
      )
    ),
    asked: Effect.andThen(settled, harness.captured(Overseer.DisputeParticipation)),
    sent: Effect.andThen(settled, harness.captured(Overseer.DisputeDistribution)),
    recent: harness.ask<ReadonlyArray<Overseer.DisputeEntry>>((reply) => ({ _tag: "RecentDisputes", reply })),
    active: harness.ask<ReadonlyArray<Overseer.DisputeEntry>>((reply) => ({ _tag: "ActiveDisputes", reply }))
  }
})
