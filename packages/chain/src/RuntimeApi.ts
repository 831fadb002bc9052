/**
 * Questions about the state of the relay chain at a block.
 */
import { Context, type Effect, type Option } from "effect"
import type {
  BlockRef,
  CandidateEvent,
  CandidateHash,
  CandidateReceipt,
  CommittedCandidateReceipt,
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
import type { Slash } from "./Slash.ts"
import type { Standing } from "./Standing.ts"
import type { RuntimeApiError } from "./RuntimeApiError.ts"

export { RuntimeApiError, UnknownSession, UnknownState } from "./RuntimeApiError.ts"

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

/** A candidate with its commitments, and the block that backed it. */
export interface BackedIn {
  readonly candidate: CommittedCandidateReceipt
  readonly block: BlockRef
}

/** Shape of the runtime API; `at` is the block whose post-state is asked. */
export interface Service {
  readonly sessionIndexForChild: (at: Hash) => Effect.Effect<SessionIndex, RuntimeApiError>
  readonly sessionInfo: (at: Hash, session: SessionIndex) => Effect.Effect<SessionInfo, RuntimeApiError>
  readonly validators: (at: Hash) => Effect.Effect<ReadonlyArray<ValidatorId>, RuntimeApiError>
  readonly validatorGroups: (at: Hash) => Effect.Effect<ValidatorGroups, RuntimeApiError>
  readonly availabilityCores: (at: Hash) => Effect.Effect<ReadonlyArray<CoreState>, RuntimeApiError>
  /**
   * What a candidate with this relay parent is executed with. While a candidate occupies the core of the parachain, it
   * is taken for included: the next one builds on its head.
   */
  readonly persistedValidationData: (
    at: Hash,
    para: ParaId
  ) => Effect.Effect<Option.Option<PersistedValidationData>, RuntimeApiError>
  readonly validationCode: (
    at: Hash,
    para: ParaId
  ) => Effect.Effect<Option.Option<Uint8Array>, RuntimeApiError>
  readonly validationCodeByHash: (
    at: Hash,
    hash: Hash
  ) => Effect.Effect<Option.Option<Uint8Array>, RuntimeApiError>
  readonly minimumBackingVotes: (at: Hash) => Effect.Effect<number, RuntimeApiError>
  /**
   * Validators that children of `at` are made without: they do not back, and their word alone opens no dispute. Indices are
   * of the session of those children.
   */
  readonly disabledValidators: (at: Hash) => Effect.Effect<ReadonlyArray<ValidatorIndex>, RuntimeApiError>
  /**
   * Blocks that included a candidate, on any branch that is known: also where the state of those blocks is not kept any more,
   * as long as the candidate can be disputed.
   */
  readonly inclusions: (
    candidate: CandidateReceipt
  ) => Effect.Effect<ReadonlyArray<BlockRef>, RuntimeApiError>
  /**
   * The block that backed a candidate, `at` or one below it, and the candidate as that block has it, with its commitments; none
   * where it was not backed, or the block is not kept any more.
   */
  readonly committedCandidate: (
    at: Hash,
    candidate: CandidateReceipt
  ) => Effect.Effect<Option.Option<BackedIn>, RuntimeApiError>
  /** What happened to candidates in block `at` itself. */
  readonly candidateEvents: (at: Hash) => Effect.Effect<ReadonlyArray<CandidateEvent>, RuntimeApiError>
  readonly disputes: (at: Hash) => Effect.Effect<ReadonlyArray<OnChainDispute>, RuntimeApiError>
  /**
   * What the chain holds against validators that lost disputes, as long as it remembers the disputes. It follows from the
   * dispute votes in the blocks up to `at`, so another fork may tell otherwise.
   */
  readonly unappliedSlashes: (at: Hash) => Effect.Effect<ReadonlyArray<Slash>, RuntimeApiError>
  /** The stake of every validator and what verdicts made of it, in the order of their indices; see `Standing`. */
  readonly standings: (at: Hash) => Effect.Effect<ReadonlyArray<Standing>, RuntimeApiError>
  /** Backing votes and dispute votes that block `at` itself carried. */
  readonly onChainVotes: (at: Hash) => Effect.Effect<ScrapedOnChainVotes, RuntimeApiError>
}

/** The relay chain's runtime, as far as the protocols ask it. */
export class RuntimeApi extends Context.Service<RuntimeApi, Service>()("@ephor/chain/RuntimeApi") {}
