/**
 * What the provisioner collects for block authors (overseer-protocol, "Provisioner Message", "Misbehavior
 * Arbitration Message").
 */
import { Schema } from "effect"
import { CandidateReceipt } from "./Candidate.ts"
import { record, variants } from "./codec/Wire.ts"
import { DisputeStatementSet } from "./Dispute.ts"
import { CandidateHash, Hash, SessionIndex, Signature, ValidatorIndex } from "./Primitives.ts"
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

/** What follows from a vote; `LightSlash` is for not voting at all. */
export const Judgement = variants({ Reward: [0], LightSlash: [1], Slash: [2] })
export type Judgement = typeof Judgement.Type

/** What a validator deserves after all validators were heard about a candidate. */
export const Verdict = record({ validatorIndex: ValidatorIndex, judgement: Judgement })
export interface Verdict extends Schema.Schema.Type<typeof Verdict> {}

/** What may become part of a relay-chain block. */
export const ProvisionableData = Schema.TaggedUnion({
  /** Which chunks a validator holds. */
  Bitfield: { relayParent: Hash, bitfield: SignedAvailabilityBitfield },
  /** A candidate that is backed, pending availability. */
  BackedCandidate: { candidate: BackedCandidate },
  /** Proof of misbehaviour. */
  MisbehaviorReport: { relayParent: Hash, report: MisbehaviorReport },
  /** A validator calls for a dispute. */
  Dispute: { relayParent: Hash, signature: Signature },
  /** Rewards and slashes after all validators were heard about a candidate (votes-db, "Incoming message"). */
  Verdicts: {
    relayParent: Hash,
    session: SessionIndex,
    candidateHash: CandidateHash,
    verdicts: Schema.Array(Verdict),
    /** The votes that decided about the candidate: where there are none, whoever reads the verdicts has to believe them. */
    votes: DisputeStatementSet.fields.statements
  }
})
export type ProvisionableData = typeof ProvisionableData.Type
