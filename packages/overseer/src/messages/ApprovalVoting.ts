/**
 * Approval voting: knows who approved a candidate after it was included.
 */
import type { BlockRef, CandidateHash, SessionIndex, Signature, ValidatorIndex } from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"
import { CandidateValidation } from "./CandidateValidation.ts"
import { type CandidateInSession, DisputeCoordinator } from "./DisputeCoordinator.ts"

/** Approval votes for a candidate, for import into a dispute. */
export interface ApprovalStatements {
  readonly _tag: "ApprovalStatements"
  readonly candidateHash: CandidateHash
  readonly session: SessionIndex
  readonly reply: Deferred.Deferred<ReadonlyArray<ApprovalSignature>>
}

/** One validator's approval; `candidates` are all that the signature covers, this one included. */
export interface ApprovalSignature {
  readonly validatorIndex: ValidatorIndex
  readonly candidates: ReadonlyArray<CandidateHash>
  readonly signature: Signature
}

/** A block that is approved, with the candidates that it includes. */
export interface ApprovedBlock {
  readonly block: BlockRef
  readonly candidates: ReadonlyArray<CandidateInSession>
}

/**
 * The blocks above `base` up to `target`, lowest first, as far as every candidate that they include is approved here.
 * Nothing if `target` does not build upon `base`.
 */
export interface ApprovedAncestor {
  readonly _tag: "ApprovedAncestor"
  readonly base: BlockRef
  readonly target: BlockRef
  readonly reply: Deferred.Deferred<ReadonlyArray<ApprovedBlock>>
}

/** What approval voting listens to. */
export type ApprovalVotingMessage = ApprovalStatements | ApprovedAncestor

/** Address of approval voting. */
export class ApprovalVoting extends Subsystem.Service<ApprovalVoting, ApprovalVotingMessage>()(
  "@ephor/overseer/ApprovalVoting",
  {
    capacity: 64_000,
    priority: true,
    sends: () => [AvailabilityRecovery, CandidateValidation, DisputeCoordinator]
  }
) {}
