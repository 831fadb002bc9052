/**
 * What the rest of a program may know about disputes: which are open, and how they end.
 */
import type { BlockRef, CandidateHash, CandidateReceipt, DisputeStatus, SessionIndex } from "@ephor/types"
import { Context, Effect, Layer, PubSub, Stream } from "effect"

/** A dispute that is not over. */
export interface ActiveDispute {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly status: DisputeStatus
}

/** A supermajority has judged a candidate. */
export interface DisputeConclusion {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly candidate: CandidateReceipt
  readonly valid: boolean
  /** Blocks seen to include the candidate, on any fork. */
  readonly including: ReadonlyArray<BlockRef>
}

/** Shape of the hub. */
export interface Service {
  /** Conclusions from the moment of subscription on. */
  readonly conclusions: Stream.Stream<DisputeConclusion>
  readonly active: Effect.Effect<ReadonlyArray<ActiveDispute>>
  /** For the coordinator: tells a conclusion to everybody. */
  readonly conclude: (conclusion: DisputeConclusion) => Effect.Effect<void>
  /** For the coordinator: replaces the list of open disputes. */
  readonly setActive: (disputes: ReadonlyArray<ActiveDispute>) => Effect.Effect<void>
}

/** The hub of disputes. */
export class Disputes extends Context.Service<Disputes, Service>()("@ephor/disputes/Disputes") {}

/** Conclusions that a slow listener may be behind before the coordinator waits for it. */
export const conclusionBacklog = 1024

/** An empty hub. */
export const layer: Layer.Layer<Disputes> = Layer.effect(
  Disputes,
  Effect.gen(function* () {
    const hub = yield* PubSub.bounded<DisputeConclusion>(conclusionBacklog)
    let active: ReadonlyArray<ActiveDispute> = []
    return Disputes.of({
      conclusions: Stream.fromPubSub(hub),
      active: Effect.sync(() => active),
      conclude: (conclusion) => Effect.asVoid(PubSub.publish(hub, conclusion)),
      setActive: (disputes) => Effect.sync(() => void (active = disputes))
    })
  })
)
