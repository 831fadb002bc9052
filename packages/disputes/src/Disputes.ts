/**
 * What the rest of a program may know about disputes: which are open, and how they end.
 */
import {
  BlockRef,
  CandidateHash,
  CandidateReceipt,
  type DisputeStatus,
  SessionIndex,
  type ValidatorIndex,
  Wire
} from "@ephor/types"
import { Context, Effect, Layer, PubSub, Schema, Stream } from "effect"

/** A dispute that is not over. */
export interface ActiveDispute {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly status: DisputeStatus
}

/** A candidate is disputed from now on; `raisers` are those whose votes made it so. */
export interface DisputeDetection {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly raisers: ReadonlyArray<ValidatorIndex>
}

/** A supermajority has judged a candidate. `including` are the blocks seen to include it so far, on any fork. */
export const DisputeConclusion = Wire.record({
  session: SessionIndex,
  candidateHash: CandidateHash,
  candidate: CandidateReceipt,
  valid: Schema.Boolean,
  including: Schema.Array(BlockRef)
})
export interface DisputeConclusion extends Schema.Schema.Type<typeof DisputeConclusion> {}

/** More than `f` validators call a candidate invalid: no honest chain builds upon the blocks that include it. */
export interface DisputeReversal {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly including: ReadonlyArray<BlockRef>
}

/** Shape of the hub. */
export interface Service {
  /** Disputes that begin, from the moment of subscription on; who is far behind misses the oldest. */
  readonly detections: Stream.Stream<DisputeDetection>
  /** Conclusions from the moment of subscription on, each one once. */
  readonly conclusions: Stream.Stream<DisputeConclusion>
  /**
   * Conclusions against a candidate, told again because a block was found to include it after the dispute was over, or
   * after a restart; `including` holds what was found. From the moment of subscription on.
   */
  readonly lateInclusions: Stream.Stream<DisputeConclusion>
  /**
   * Blocks to be left, before a supermajority has judged (or although none ever does), and again when further ones are
   * found. From the moment of subscription on; by the seed's rules there are none.
   */
  readonly reversals: Stream.Stream<DisputeReversal>
  /** Open disputes, and those concluded a short while ago. */
  readonly active: Effect.Effect<ReadonlyArray<ActiveDispute>>
  /** For the coordinator: tells that a dispute began. */
  readonly detect: (detection: DisputeDetection) => Effect.Effect<void>
  /** For the coordinator: tells a conclusion to everybody. */
  readonly conclude: (conclusion: DisputeConclusion) => Effect.Effect<void>
  /** For the coordinator: tells of blocks that no honest chain builds upon any more. */
  readonly revert: (reversal: DisputeReversal) => Effect.Effect<void>
  /** For the coordinator: tells of blocks that include a candidate which was concluded invalid before. */
  readonly includeLate: (conclusion: DisputeConclusion) => Effect.Effect<void>
  /** For the coordinator: replaces the list of open disputes. */
  readonly setActive: (disputes: ReadonlyArray<ActiveDispute>) => Effect.Effect<void>
}

/** The hub of disputes. */
export class Disputes extends Context.Service<Disputes, Service>()("@ephor/disputes/Disputes") {}

/**
 * Conclusions that a slow listener may be behind before the coordinator waits for it. Waiting for ever ends in
 * `SubsystemStalled`: a conclusion is rather told again after a restart than lost.
 */
export const conclusionBacklog = 1024

/** Detections that a slow listener may be behind before it misses the oldest. */
export const detectionBacklog = 1024

/** An empty hub. */
export const layer: Layer.Layer<Disputes> = Layer.effect(
  Disputes,
  Effect.gen(function* () {
    const detected = yield* PubSub.sliding<DisputeDetection>(detectionBacklog)
    const concluded = yield* PubSub.bounded<DisputeConclusion>(conclusionBacklog)
    const late = yield* PubSub.bounded<DisputeConclusion>(conclusionBacklog)
    const reverted = yield* PubSub.bounded<DisputeReversal>(conclusionBacklog)
    let active: ReadonlyArray<ActiveDispute> = []
    return Disputes.of({
      detections: Stream.fromPubSub(detected),
      detect: (detection) => Effect.asVoid(PubSub.publish(detected, detection)),
      conclusions: Stream.fromPubSub(concluded),
      lateInclusions: Stream.fromPubSub(late),
      reversals: Stream.fromPubSub(reverted),
      revert: (reversal) => Effect.asVoid(PubSub.publish(reverted, reversal)),
      active: Effect.sync(() => active),
      conclude: (conclusion) => Effect.asVoid(PubSub.publish(concluded, conclusion)),
      includeLate: (conclusion) => Effect.asVoid(PubSub.publish(late, conclusion)),
      setActive: (disputes) => Effect.sync(() => void (active = disputes))
    })
  })
)
