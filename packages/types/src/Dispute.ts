/**
 * Disputes: votes about the validity of a candidate after it was backed, their records on disk and on the
 * wire, and what validators sign for them.
 */
import { Schema } from "effect"
import { approvalPayload } from "./Approval.ts"
import { CandidateReceipt, CommittedCandidateReceipt } from "./Candidate.ts"
import { concatBytes } from "./codec/Cursor.ts"
import * as Scale from "./codec/Scale.ts"
import { Bits, bounded, Count, map, record, variants } from "./codec/Wire.ts"
import {
  CandidateHash,
  Hash,
  RelayBlockNumber,
  SessionIndex,
  Signature,
  ValidatorId,
  ValidatorIndex
} from "./Primitives.ts"
import { statementPayload, ValidityAttestation } from "./Statement.ts"

/** Candidates that one approval may cover (`MAX_APPROVAL_COALESCE_COUNT`). */
export const maxCoalescedApprovals = 16

/**
 * Ways to say that a candidate is valid: in a dispute, by having backed it under the given relay parent, or
 * by having approved it (alone or together with others).
 */
export const ValidDisputeStatementKind = variants({
  Explicit: [0],
  BackingSeconded: [1, Hash],
  BackingValid: [2, Hash],
  ApprovalChecking: [3],
  ApprovalCheckingMultipleCandidates: [4, Schema.Array(CandidateHash).pipe(bounded(0, maxCoalescedApprovals))]
})
export type ValidDisputeStatementKind = typeof ValidDisputeStatementKind.Type

/** Ways to say that a candidate is invalid: only in a dispute. */
export const InvalidDisputeStatementKind = variants({ Explicit: [0] })
export type InvalidDisputeStatementKind = typeof InvalidDisputeStatementKind.Type

/** A vote of one side. */
export const DisputeStatement = variants({
  Valid: [0, ValidDisputeStatementKind],
  Invalid: [1, InvalidDisputeStatementKind]
})
export type DisputeStatement = typeof DisputeStatement.Type

/** What is signed for an explicit vote, behind the magic bytes `DISP`. */
export const ExplicitDisputeStatement = record({
  valid: Schema.Boolean,
  candidateHash: CandidateHash,
  session: SessionIndex
})
export interface ExplicitDisputeStatement extends Schema.Schema.Type<typeof ExplicitDisputeStatement> {}

/** Votes about one candidate, as blocks carry them. */
export const DisputeStatementSet = record({
  candidateHash: CandidateHash,
  session: SessionIndex,
  statements: Schema.Array(Schema.Tuple([DisputeStatement, ValidatorIndex, Signature]))
})
export interface DisputeStatementSet extends Schema.Schema.Type<typeof DisputeStatementSet> {}

/** Votes about several candidates. */
export const MultiDisputeStatementSet = Schema.Array(DisputeStatementSet)
export type MultiDisputeStatementSet = typeof MultiDisputeStatementSet.Type

/**
 * The chain's view of a dispute: a bit per validator on each side, and the heights of its start and
 * conclusion.
 */
export const DisputeState = record({
  validatorsFor: Bits,
  validatorsAgainst: Bits,
  start: RelayBlockNumber,
  concludedAt: Schema.NullOr(RelayBlockNumber)
})
export interface DisputeState extends Schema.Schema.Type<typeof DisputeState> {}

/** A vote that a candidate is invalid, inside a dispute request. */
export const InvalidDisputeVote = record({
  validatorIndex: ValidatorIndex,
  signature: Signature,
  kind: InvalidDisputeStatementKind
})
export interface InvalidDisputeVote extends Schema.Schema.Type<typeof InvalidDisputeVote> {}

/** A vote that a candidate is valid, inside a dispute request. */
export const ValidDisputeVote = record({
  validatorIndex: ValidatorIndex,
  signature: Signature,
  kind: ValidDisputeStatementKind
})
export interface ValidDisputeVote extends Schema.Schema.Type<typeof ValidDisputeVote> {}

/** Tells a validator about a dispute: a candidate and one vote of each side, the invalid one first. */
export const DisputeRequest = record({
  candidateReceipt: CandidateReceipt,
  sessionIndex: SessionIndex,
  invalidVote: InvalidDisputeVote,
  validVote: ValidDisputeVote
})
export interface DisputeRequest extends Schema.Schema.Type<typeof DisputeRequest> {}

/** The answer to a dispute request that was taken. */
export const DisputeResponse = variants({ Confirmed: [0] })
export type DisputeResponse = typeof DisputeResponse.Type

/**
 * Where a dispute stands; conclusions carry their time in seconds. A time from 2^53 on, which the reference would read, is
 * refused: no clock shows it.
 */
export const DisputeStatus = variants({
  Active: [0],
  ConcludedFor: [1, Count],
  ConcludedAgainst: [2, Count],
  Confirmed: [3]
})
export type DisputeStatus = typeof DisputeStatus.Type

const validVotes = Schema.Array(Schema.Tuple([ValidDisputeStatementKind, ValidatorIndex, Signature]))
const invalidVotes = Schema.Array(Schema.Tuple([InvalidDisputeStatementKind, ValidatorIndex, Signature]))

/**
 * All votes about a candidate, with its receipt: a record of the votes database. Sorted by validator on each
 * side.
 */
export const CandidateVotes = record({
  candidateReceipt: CandidateReceipt,
  valid: validVotes,
  invalid: invalidVotes
})
export interface CandidateVotes extends Schema.Schema.Type<typeof CandidateVotes> {}

/** `CandidateVotes` as the dispute coordinator's seed has them: without the receipt. */
export const SeedCandidateVotes = record({ valid: validVotes, invalid: invalidVotes })
export interface SeedCandidateVotes extends Schema.Schema.Type<typeof SeedCandidateVotes> {}

/**
 * The disputes that are open, sorted by session and then by candidate (dispute-coordinator, "Database
 * Schema").
 */
export const ActiveDisputes = record({ disputed: Schema.Array(Schema.Tuple([SessionIndex, CandidateHash])) })
export interface ActiveDisputes extends Schema.Schema.Type<typeof ActiveDisputes> {}

/** Disputes of the window with their status, sorted by session and then by candidate. */
export const RecentDisputes = map(Schema.Tuple([SessionIndex, CandidateHash]), DisputeStatus)
export type RecentDisputes = typeof RecentDisputes.Type

/** A dispute with all that voted so far, as the first draft of the votes database gossips it (votes-db). */
export const DisputeGossipMessage = record({
  candidate: CommittedCandidateReceipt,
  blockNumber: RelayBlockNumber,
  sessionIndex: SessionIndex,
  validityVotes: Schema.Array(ValidityAttestation),
  backingValidators: Bits
})
export interface DisputeGossipMessage extends Schema.Schema.Type<typeof DisputeGossipMessage> {}

/** Who voted on which side, without repetition (votes-db, "Helper Structs"). */
export const Snapshot = record({
  pro: Schema.Array(Schema.Tuple([ValidatorIndex, SessionIndex])),
  cons: Schema.Array(Schema.Tuple([ValidatorIndex, SessionIndex]))
})
export interface Snapshot extends Schema.Schema.Type<typeof Snapshot> {}

/** Why a validator is to be punished after a dispute. */
export const DisputeOffenceKind = variants({
  ForInvalidBacked: [0],
  AgainstValid: [1],
  ForInvalidApproved: [2]
})
export type DisputeOffenceKind = typeof DisputeOffenceKind.Type

/**
 * Validators of a past session whose punishment is still to be reported. Keys that are out of order or repeated, which the
 * reference sorts and drops, are refused: no runtime writes them, and every value has one form here.
 */
export const PendingSlashes = record({ keys: map(ValidatorIndex, ValidatorId), kind: DisputeOffenceKind })
export interface PendingSlashes extends Schema.Schema.Type<typeof PendingSlashes> {}

/** A dispute as a point in time of the chain's offences. */
export const DisputesTimeSlot = record({ sessionIndex: SessionIndex, candidateHash: CandidateHash })
export interface DisputesTimeSlot extends Schema.Schema.Type<typeof DisputesTimeSlot> {}

/** Report of one pending punishment. */
export const DisputeProof = record({
  timeSlot: DisputesTimeSlot,
  kind: DisputeOffenceKind,
  validatorIndex: ValidatorIndex,
  validatorId: ValidatorId
})
export interface DisputeProof extends Schema.Schema.Type<typeof DisputeProof> {}

const explicitMagic = new TextEncoder().encode("DISP")

/**
 * The bytes that a validator signs for a vote about a candidate in a session. `undefined` if no signature can
 * make the vote count: an approval of several candidates that does not name this one.
 */
export const disputeStatementPayload = (
  statement: DisputeStatement,
  candidate: CandidateHash,
  session: SessionIndex
): Uint8Array | undefined => {
  const kind = statement.value
  switch (kind._tag) {
    case "Explicit": {
      const valid = statement._tag === "Valid"
      const explicit = { valid, candidateHash: candidate, session }
      return concatBytes(explicitMagic, Scale.encode(ExplicitDisputeStatement)(explicit))
    }
    case "BackingSeconded":
    case "BackingValid":
      return statementPayload(
        { _tag: kind._tag === "BackingSeconded" ? "Seconded" : "Valid", value: candidate },
        { sessionIndex: session, parentHash: kind.value }
      )
    case "ApprovalChecking":
      return approvalPayload([candidate], session)
    case "ApprovalCheckingMultipleCandidates":
      return kind.value.includes(candidate) ? approvalPayload(kind.value, session) : undefined
  }
}
