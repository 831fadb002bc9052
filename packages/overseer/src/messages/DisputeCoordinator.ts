/**
 * Dispute coordinator: collects the votes of all validators about candidates, and knows what is disputed.
 */
import type {
  BlockId,
  CandidateHash,
  CandidateReceipt,
  CandidateVotes,
  DisputeStatement,
  DisputeStatus,
  Hash,
  SessionIndex,
  Signature,
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"
import { CandidateValidation } from "./CandidateValidation.ts"

/** One checked vote, as the first design imports it: the caller has verified the signature. */
export interface ImportStatement {
  readonly _tag: "ImportStatement"
  readonly candidateHash: CandidateHash
  readonly session: SessionIndex
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
}

/** A vote with the key it was signed with, whose signature was verified. */
export interface SignedDisputeStatement {
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly validatorId: ValidatorId
  readonly signature: Signature
}

/** Checked votes about one candidate. `pendingConfirmation` is answered when they are on disk, or were refused. */
export interface ImportStatements {
  readonly _tag: "ImportStatements"
  readonly candidateReceipt: CandidateReceipt
  readonly session: SessionIndex
  readonly statements: ReadonlyArray<SignedDisputeStatement>
  readonly pendingConfirmation?: Deferred.Deferred<ImportStatementsResult> | undefined
}

/** `InvalidImport`: the session is too old or unknown, or the votes look like spam. */
export type ImportStatementsResult = "ValidImport" | "InvalidImport"

/** Checked votes that somebody gossiped about a candidate, as the votes database's seed registers them. */
export interface RegisterVotes {
  readonly _tag: "RegisterVotes"
  readonly candidateReceipt: CandidateReceipt
  readonly session: SessionIndex
  readonly statements: ReadonlyArray<SignedDisputeStatement>
  readonly reply: Deferred.Deferred<RegisterVotesResult>
}

/**
 * `Stored`: on disk. `Late`: a supermajority has decided before; nothing is stored, and only those who voted here are
 * judged.
 */
export type RegisterVotesResult =
  | { readonly _tag: "Stored" }
  | { readonly _tag: "Late"; readonly isValid: boolean }
  | { readonly _tag: "Refused"; readonly reason: ImportRefusal }

/** Why votes are not taken in. */
export type ImportRefusal =
  | { readonly _tag: "AncientSession"; readonly session: SessionIndex; readonly oldest: SessionIndex }
  | { readonly _tag: "UnknownSession"; readonly session: SessionIndex }
  | { readonly _tag: "UnknownCandidate"; readonly candidateHash: CandidateHash }
  | { readonly _tag: "Spam"; readonly candidateHash: CandidateHash }

/** A dispute and where it stands. */
export interface DisputeEntry {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly status: DisputeStatus
}

/** All disputes of the window, sorted by session and then candidate. */
export interface RecentDisputesRequest {
  readonly _tag: "RecentDisputes"
  readonly reply: Deferred.Deferred<ReadonlyArray<DisputeEntry>>
}

/** Recent disputes that are open, or concluded only a short while ago. */
export interface ActiveDisputesRequest {
  readonly _tag: "ActiveDisputes"
  readonly reply: Deferred.Deferred<ReadonlyArray<DisputeEntry>>
}

/** A candidate of a session. */
export interface CandidateInSession {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
}

/** The votes about each of these candidates; unknown ones are left out. */
export interface QueryCandidateVotes {
  readonly _tag: "QueryCandidateVotes"
  readonly candidates: ReadonlyArray<CandidateInSession>
  readonly reply: Deferred.Deferred<ReadonlyArray<CandidateInSession & { readonly votes: CandidateVotes }>>
}

/** We have judged a candidate: sign it with each of our keys that has not voted, and tell the others. */
export interface IssueLocalStatement {
  readonly _tag: "IssueLocalStatement"
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly candidate: CandidateReceipt
  readonly valid: boolean
}

/** A block and the candidates that it includes. */
export interface BlockDescription {
  readonly blockHash: Hash
  readonly session: SessionIndex
  readonly candidates: ReadonlyArray<CandidateHash>
}

/** The highest block of `descriptions` (which follow `base`, lowest first) up to which nothing is possibly invalid. */
export interface DetermineUndisputedChain {
  readonly _tag: "DetermineUndisputedChain"
  readonly base: BlockId
  readonly descriptions: ReadonlyArray<BlockDescription>
  readonly reply: Deferred.Deferred<BlockId>
}

/** What the dispute coordinator listens to. */
export type DisputeCoordinatorMessage =
  | ImportStatement
  | ImportStatements
  | RegisterVotes
  | RecentDisputesRequest
  | ActiveDisputesRequest
  | QueryCandidateVotes
  | IssueLocalStatement
  | DetermineUndisputedChain

/** Address of the dispute coordinator; 32 000 messages, because votes come in storms. */
export class DisputeCoordinator extends Subsystem.Service<DisputeCoordinator, DisputeCoordinatorMessage>()(
  "@ephor/overseer/DisputeCoordinator",
  {
    capacity: 32_000,
    priority: true,
    sends: () => [CandidateValidation, AvailabilityRecovery],
    // These (arbitration by way of the provisioner) send here and wait: the way there must not wait.
    sendsNow: () => [
      "@ephor/overseer/ApprovalVoting",
      "@ephor/overseer/DisputeParticipation",
      "@ephor/overseer/DisputeDistribution",
      "@ephor/overseer/MisbehaviorArbitration"
    ]
  }
) {}
