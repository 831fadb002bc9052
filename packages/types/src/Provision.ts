/**
 * What the provisioner collects for block authors (overseer-protocol, "Provisioner Message", "Misbehavior
 * Arbitration Message").
 */
import { Schema } from "effect"
import { CandidateReceipt } from "./Candidate.ts"
import { Hash, Signature } from "./Primitives.ts"
import { BackedCandidate, SignedAvailabilityBitfield, SignedFullStatement } from "./Statement.ts"

/** Self-contained proof that validators misbehaved. */
export const MisbehaviorReport = Schema.TaggedUnion({
  /** These validators disagree about the validity of this candidate (or we disagree with them). */
  CandidateValidityDisagreement: { receipt: CandidateReceipt, statements: Schema.Array(SignedFullStatement) },
  /** One validator contradicts itself about this candidate. */
  SelfContradiction: { receipt: CandidateReceipt, first: SignedFullStatement, second: SignedFullStatement },
  /** One validator seconded more than one candidate at this relay parent. */
  DoubleVote: { receipt: CandidateReceipt, first: SignedFullStatement, second: SignedFullStatement }
})
export type MisbehaviorReport = typeof MisbehaviorReport.Type

/** What may become part of a relay-chain block. */
export const ProvisionableData = Schema.TaggedUnion({
  /** Which chunks a validator holds. */
  Bitfield: { relayParent: Hash, bitfield: SignedAvailabilityBitfield },
  /** A candidate that is backed, pending availability. */
  BackedCandidate: { candidate: BackedCandidate },
  /** Proof of misbehaviour. */
  MisbehaviorReport: { relayParent: Hash, report: MisbehaviorReport },
  /** A validator calls for a dispute. */
  Dispute: { relayParent: Hash, signature: Signature }
})
export type ProvisionableData = typeof ProvisionableData.Type
