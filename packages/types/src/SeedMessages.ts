/**
 * The messages that the seeds print (overseer-protocol of June 2020, votes-db of November 2020), as bytes: cases are
 * numbered in the order of the text, and a reply channel, which no wire can carry, is left out. Messages inside the
 * process are those of the overseer package.
 */
import { Schema } from "effect"
import { ParachainBlock, PoV } from "./Candidate.ts"
import { record, variants } from "./codec/Wire.ts"
import { DisputeGossipMessage } from "./Dispute.ts"
import { CandidateHash, Hash, SessionIndex, Signature, ValidatorId, ValidatorIndex } from "./Primitives.ts"
import { SeedBackedCandidate, SeedCandidateReceipt, SeedSignedStatement, SeedStatement } from "./SeedEra.ts"
import { SignedAvailabilityBitfield } from "./Statement.ts"

/** Start or stop work on a relay parent; the code of the same month adds the end of all work. */
export const SeedOverseerSignal = variants({ StartWork: [0, Hash], StopWork: [1, Hash], Conclude: [2] })
export type SeedOverseerSignal = typeof SeedOverseerSignal.Type

/** What a subsystem receives: a signal, or a message of its own type (the seed's first proposal). */
export const seedFromOverseer = <Message extends Schema.Top>(message: Message) =>
  variants({ Signal: [0, SeedOverseerSignal], Message: [1, message] })

/** To candidate selection: a collation to consider, or that the one it proposed is invalid. */
export const SeedCandidateSelectionMessage = variants({
  NewCandidate: [0, Schema.Tuple([PoV, ParachainBlock])],
  Invalid: [1, SeedCandidateReceipt]
})
export type SeedCandidateSelectionMessage = typeof SeedCandidateSelectionMessage.Type

/** To candidate backing: watch a relay parent, second a candidate under one, or take note of a statement. */
export const SeedCandidateBackingMessage = variants({
  RegisterBackingWatcher: [0, Hash],
  Second: [1, Schema.Tuple([Hash, SeedCandidateReceipt])],
  Statement: [2, SeedStatement]
})
export type SeedCandidateBackingMessage = typeof SeedCandidateBackingMessage.Type

/** Where a proof of validity comes from: from here, or from a peer, by receipt. */
export const SeedPoVOrigin = variants({ Included: [0, PoV], Network: [1, SeedCandidateReceipt] })
export type SeedPoVOrigin = typeof SeedPoVOrigin.Type

/** To candidate validation: candidate, relay parent, and where the proof is. */
export const SeedCandidateValidationMessage = variants({
  Validate: [0, Schema.Tuple([CandidateHash, Hash, SeedPoVOrigin])]
})
export type SeedCandidateValidationMessage = typeof SeedCandidateValidationMessage.Type

/** To statement distribution: a peer's statement, or one of ours to be signed and shared. */
export const SeedStatementDistributionMessage = variants({
  Peer: [0, SeedSignedStatement],
  Share: [1, SeedStatement]
})
export type SeedStatementDistributionMessage = typeof SeedStatementDistributionMessage.Type

const pair = Schema.Tuple([SeedCandidateReceipt, SeedSignedStatement, SeedSignedStatement])

/** Proof of misbehaviour, with everything that is needed to check it. */
export const SeedMisbehaviorReport = variants({
  CandidateValidityDisagreement: [0, Schema.Tuple([SeedCandidateReceipt, Schema.Array(SeedSignedStatement)])],
  SelfContradiction: [1, pair],
  DoubleVote: [2, pair]
})
export type SeedMisbehaviorReport = typeof SeedMisbehaviorReport.Type

/** What may become part of a relay-chain block. */
export const SeedProvisionableData = variants({
  Bitfield: [0, Schema.Tuple([Hash, SignedAvailabilityBitfield])],
  BackedCandidate: [1, SeedBackedCandidate],
  MisbehaviorReport: [2, Schema.Tuple([Hash, SeedMisbehaviorReport])],
  Dispute: [3, Schema.Tuple([Hash, Signature])]
})
export type SeedProvisionableData = typeof SeedProvisionableData.Type

/** To the provisioner: a block author asks for data under a relay parent, or data comes in. */
export const SeedProvisionerMessage = variants({
  RequestBlockAuthorshipData: [0, Hash],
  ProvisionableData: [1, SeedProvisionableData]
})
export type SeedProvisionerMessage = typeof SeedProvisionerMessage.Type

const validator = Schema.Tuple([SessionIndex, ValidatorIndex])

/** To the votes database: what did a validator vote on, by position or by key; or register votes. */
export const SeedVotesDbMessage = variants({
  QueryByValidatorAndSessionIndex: [0, record({ identification: validator })],
  QueryByValidatorId: [1, record({ identification: ValidatorId })],
  RegisterVote: [2, DisputeGossipMessage]
})
export type SeedVotesDbMessage = typeof SeedVotesDbMessage.Type

/** From the votes database: a dispute was detected, or is resolved. */
export const SeedDisputeMessage = variants({
  Detection: [0, record({ identification: validator })],
  Resolution: [1, record({ valid: Schema.Boolean })]
})
export type SeedDisputeMessage = typeof SeedDisputeMessage.Type
