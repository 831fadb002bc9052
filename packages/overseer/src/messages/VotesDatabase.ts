/**
 * The votes database: what validators voted in disputes, with the candidates that they voted about (votes-db, "Messages").
 */
import type {
  CandidateHash,
  CommittedCandidateReceipt,
  DisputeGossipMessage,
  PoV,
  SessionIndex,
  Snapshot,
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"
import type { Deferred, Option } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"
import { DisputeCoordinator, type ImportRefusal } from "./DisputeCoordinator.ts"

/** Candidates that a validator voted about in a session. */
export interface QueryByValidatorAndSessionIndex {
  readonly _tag: "QueryByValidatorAndSessionIndex"
  readonly identification: readonly [SessionIndex, ValidatorIndex]
  readonly reply: Deferred.Deferred<ReadonlyArray<CandidateHash>>
}

/** Candidates that a key voted about in any session that is kept. */
export interface QueryByValidatorId {
  readonly _tag: "QueryByValidatorId"
  readonly identification: ValidatorId
  readonly reply: Deferred.Deferred<ReadonlyArray<CandidateHash>>
}

/** A disputed candidate; its proof of validity as far as it could be recovered. */
export interface DisputedCandidate {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly candidate: CommittedCandidateReceipt
  readonly pov: PoV | null
}

/** The disputed candidates that a key voted about, with their proofs of validity: at most so many of them. */
export interface LookupPoVs {
  readonly _tag: "LookupPoVs"
  readonly identification: ValidatorId
  readonly limit: number
  readonly reply: Deferred.Deferred<ReadonlyArray<DisputedCandidate>>
}

/** Validate and store a dispute that somebody gossiped. */
export interface RegisterVote {
  readonly _tag: "RegisterVote"
  readonly message: DisputeGossipMessage
  readonly reply: Deferred.Deferred<RegisterVoteResult>
}

/**
 * `Stored`: on disk. `Late`: a supermajority had decided before; only who voted in this message is judged. `Refused`: nothing
 * was stored.
 */
export type RegisterVoteResult =
  | { readonly _tag: "Stored" | "Late" }
  | { readonly _tag: "Refused"; readonly reason: VoteRefusal; readonly why: string }

/** Why a message is not stored. */
export type VoteRefusal = ImportRefusal["_tag"] | "InvalidSignature" | "Malformed"

/** A dispute is detected, and this validator raised it: what has it voted about in this session before? */
export interface Detection {
  readonly _tag: "Detection"
  readonly identification: readonly [SessionIndex, ValidatorIndex]
  readonly candidateHash: CandidateHash
  readonly reply: Deferred.Deferred<ReadonlyArray<CandidateHash>>
}

/** A supermajority has decided: who was on which side? */
export interface Resolution {
  readonly _tag: "Resolution"
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly valid: boolean
  readonly reply: Deferred.Deferred<Option.Option<Snapshot>>
}

/** Who voted on which side so far; none if nobody is known to have voted. */
export interface TakeSnapshot {
  readonly _tag: "TakeSnapshot"
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly reply: Deferred.Deferred<Option.Option<Snapshot>>
}

/** What the seed calls `VotesDbMessage` and `DisputeMessage`, with what it asks for under "Query" and "Helper Structs". */
export type VotesDatabaseMessage =
  | QueryByValidatorAndSessionIndex
  | QueryByValidatorId
  | LookupPoVs
  | RegisterVote
  | Detection
  | Resolution
  | TakeSnapshot

/** Address of the votes database. */
export class VotesDatabase extends Subsystem.Service<VotesDatabase, VotesDatabaseMessage>()(
  "@ephor/overseer/VotesDatabase",
  { sends: () => [DisputeCoordinator, AvailabilityRecovery] }
) {}
