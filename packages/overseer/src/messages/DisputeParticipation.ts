/**
 * Dispute participation: checks disputed candidates itself, so that we can vote.
 */
import type { CandidateHash, CandidateReceipt, SessionIndex } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"
import { AvailabilityStore } from "./AvailabilityStore.ts"
import { CandidateValidation } from "./CandidateValidation.ts"
import { DisputeCoordinator } from "./DisputeCoordinator.ts"

/** Form an own opinion of this candidate. Included candidates come first, the others as best they can. */
export interface Participate {
  readonly _tag: "Participate"
  readonly candidateHash: CandidateHash
  readonly candidate: CandidateReceipt
  readonly session: SessionIndex
  readonly nValidators: number
  readonly priority: "Priority" | "BestEffort"
}

/** What dispute participation listens to. */
export type DisputeParticipationMessage = Participate

/** Address of dispute participation. */
export class DisputeParticipation extends Subsystem.Service<
  DisputeParticipation,
  DisputeParticipationMessage
>()("@ephor/overseer/DisputeParticipation", {
  sends: () => [AvailabilityRecovery, AvailabilityStore, CandidateValidation, DisputeCoordinator]
}) {}
