/**
 * Questions about the state of the relay chain at a block.
 */
import { Context, type Effect, type Option, Schema } from "effect"
import type {
  CandidateEvent,
  CandidateHash,
  CoreState,
  DisputeState,
  GroupRotationInfo,
  Hash,
  ParaId,
  PersistedValidationData,
  ScrapedOnChainVotes,
  SessionIndex,
  SessionInfo,
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"

/** The state of that block is not (or no longer) known. */
export class UnknownState extends Schema.TaggedError<UnknownState>()("UnknownState", { block: Schema.String }) {}
/** That session is not known at that block. */
export class UnknownSession extends Schema.TaggedError<UnknownSession>()("UnknownSession", { session: Schema.Int }) {}

/** The one public error of `RuntimeApi`. */
export class RuntimeApiError extends Schema.TaggedError<RuntimeApiError>()("RuntimeApiError", {
  request: Schema.String,
  reason: Schema.Union([UnknownState, UnknownSession])
}) {
  override get message() {
    return this.reason._tag === "UnknownState"
      ? `${this.request}: the state of block ${this.reason.block} is not known here`
      : `${this.request}: session ${this.reason.session} is not known at that block`
  }
}

/** Groups of validators and how they rotate over cores. */
export interface ValidatorGroups {
  readonly groups: ReadonlyArray<ReadonlyArray<ValidatorIndex>>
  readonly rotation: GroupRotationInfo
}

/** A dispute as the chain has recorded it. */
export interface OnChainDispute {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly state: DisputeState
}

/** Shape of the runtime API; `at` is the block whose post-state is asked. */
export interface Service {
  readonly sessionIndexForChild: (at: Hash) => Effect.Effect<SessionIndex, RuntimeApiError>
  readonly sessionInfo: (at: Hash, session: SessionIndex) => Effect.Effect<SessionInfo, RuntimeApiError>
  readonly validators: (at: Hash) => Effect.Effect<ReadonlyArray<ValidatorId>, RuntimeApiError>
  readonly validatorGroups: (at: Hash) => Effect.Effect<ValidatorGroups, RuntimeApiError>
  readonly availabilityCores: (at: Hash) => Effect.Effect<ReadonlyArray<CoreState>, RuntimeApiError>
  readonly persistedValidationData: (at: Hash, para: ParaId) => Effect.Effect<Option.Option<PersistedValidationData>, RuntimeApiError>
  readonly validationCode: (at: Hash, para: ParaId) => Effect.Effect<Option.Option<Uint8Array>, RuntimeApiError>
  readonly validationCodeByHash: (at: Hash, hash: Hash) => Effect.Effect<Option.Option<Uint8Array>, RuntimeApiError>
  readonly minimumBackingVotes: (at: Hash) => Effect.Effect<number, RuntimeApiError>
  readonly disabledValidators: (at: Hash) => Effect.Effect<ReadonlyArray<ValidatorIndex>, RuntimeApiError>
  /** What happened to candidates in block `at` itself. */
  readonly candidateEvents: (at: Hash) => Effect.Effect<ReadonlyArray<CandidateEvent>, RuntimeApiError>
  readonly disputes: (at: Hash) => Effect.Effect<ReadonlyArray<OnChainDispute>, RuntimeApiError>
  /** Backing votes and dispute votes that block `at` itself carried. */
  readonly onChainVotes: (at: Hash) => Effect.Effect<ScrapedOnChainVotes, RuntimeApiError>
}

/** The relay chain's runtime, as far as the protocols ask it. */
export class RuntimeApi extends Context.Service<RuntimeApi, Service>()("@ephor/chain/RuntimeApi") {}
