/**
 * What validators send each other about statements and bitfields (validation protocol 3 of polkadot-sdk).
 */
import { Schema } from "effect"
import { ApprovalDistributionMessage } from "./Approval.ts"
import { CommittedCandidateReceipt, PersistedValidationData } from "./Candidate.ts"
import { Bits, record, variants } from "./codec/Wire.ts"
import { CandidateHash, GroupIndex, Hash, ParaId, RelayBlockNumber } from "./Primitives.ts"
import { SignedAvailabilityBitfield, SignedCompactStatement } from "./Statement.ts"

/** Which members of a group have seconded, and which have validated, a candidate: a bit per member each. */
export const StatementFilter = record({ secondedInGroup: Bits, validatedInGroup: Bits })
export interface StatementFilter extends Schema.Schema.Type<typeof StatementFilter> {}

/** Asks for a candidate and its statements, except those that the mask names. */
export const AttestedCandidateRequest = record({ candidateHash: CandidateHash, mask: StatementFilter })
export interface AttestedCandidateRequest extends Schema.Schema.Type<typeof AttestedCandidateRequest> {}

/** Answers an `AttestedCandidateRequest`. */
export const AttestedCandidateResponse = record({
  candidateReceipt: CommittedCandidateReceipt,
  persistedValidationData: PersistedValidationData,
  statements: Schema.Array(SignedCompactStatement)
})
export interface AttestedCandidateResponse extends Schema.Schema.Type<typeof AttestedCandidateResponse> {}

/** Announces a backed candidate and whose statements the sender holds. */
export const BackedCandidateManifest = record({
  relayParent: Hash,
  candidateHash: CandidateHash,
  groupIndex: GroupIndex,
  paraId: ParaId,
  parentHeadDataHash: Hash,
  statementKnowledge: StatementFilter
})
export interface BackedCandidateManifest extends Schema.Schema.Type<typeof BackedCandidateManifest> {}

/** Answers a manifest: the candidate is known, with these statements. */
export const BackedCandidateAcknowledgement = record({
  candidateHash: CandidateHash,
  statementKnowledge: StatementFilter
})
export interface BackedCandidateAcknowledgement extends Schema.Schema.Type<
  typeof BackedCandidateAcknowledgement
> {}

/** Messages about statements. */
export const StatementDistributionMessage = variants({
  Statement: [0, Schema.Tuple([Hash, SignedCompactStatement])],
  BackedCandidateManifest: [1, BackedCandidateManifest],
  BackedCandidateKnown: [2, BackedCandidateAcknowledgement]
})
export type StatementDistributionMessage = typeof StatementDistributionMessage.Type

/** Messages about availability: relay parent and bitfield. */
export const BitfieldDistributionMessage = variants({
  Bitfield: [0, Schema.Tuple([Hash, SignedAvailabilityBitfield])]
})
export type BitfieldDistributionMessage = typeof BitfieldDistributionMessage.Type

/** All messages of the validation peer set. */
export const ValidationProtocol = variants({
  BitfieldDistribution: [1, BitfieldDistributionMessage],
  StatementDistribution: [3, StatementDistributionMessage],
  ApprovalDistribution: [4, ApprovalDistributionMessage]
})
export type ValidationProtocol = typeof ValidationProtocol.Type

/** Relay-chain heads that a peer works on, and the height it knows to be final. */
export const View = record({ heads: Schema.Array(Hash), finalizedNumber: RelayBlockNumber })
export interface View extends Schema.Schema.Type<typeof View> {}

/** What travels on the validation peer set. */
export const ValidationWireMessage = variants({
  ProtocolMessage: [1, ValidationProtocol],
  ViewUpdate: [2, View]
})
export type ValidationWireMessage = typeof ValidationWireMessage.Type
