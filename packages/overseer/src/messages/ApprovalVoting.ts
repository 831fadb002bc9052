/**
 * Approval voting: knows who approved a candidate after it was included.
 */
import type { CandidateHash, SessionIndex, Signature, ValidatorIndex } from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"
import { CandidateValidation } from "./CandidateValidation.ts"
import { DisputeCoordinator } from "./DisputeCoordinator.ts"

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

/** What approval voting listens to. */
export type ApprovalVotingMessage = ApprovalStatements

/** Address of approval voting. */
export class ApprovalVoting extends Subsystem.Service<ApprovalVoting, ApprovalVotingMessage>()(
  "@ephor/overseer/ApprovalVoting",
  {
    capacity: 64_000,
    priority: true,
    sends: () => [AvailabilityRecovery, CandidateValidation, DisputeCoordinator]
  }
) {}
