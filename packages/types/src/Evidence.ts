/**
 * What a block carries against and for validators: proofs that whoever executes the block can check by themselves.
 */
import { Schema } from "effect"
import { CandidateReceipt } from "./Candidate.ts"
import { record, variants } from "./codec/Wire.ts"
import { DisputeStatementSet } from "./Dispute.ts"
import { Hash, SessionIndex } from "./Primitives.ts"
import { Verdict } from "./Provision.ts"
import { SignedFullStatement } from "./Statement.ts"

/** Two statements of one validator under one relay parent that do not go together, and the candidate they are about. */
export const Contradiction = record({
  session: SessionIndex,
  relayParent: Hash,
  receipt: CandidateReceipt,
  first: SignedFullStatement,
  second: SignedFullStatement
})
export interface Contradiction extends Schema.Schema.Type<typeof Contradiction> {}

/** What validators deserve for their votes about a candidate, with votes enough to decide about it. */
export const ProvenVerdicts = record({ votes: DisputeStatementSet, verdicts: Schema.Array(Verdict) })
export interface ProvenVerdicts extends Schema.Schema.Type<typeof ProvenVerdicts> {}

/**
 * Evidence. A disagreement about validity is none: it opens a dispute, and the votes of that are what blocks carry.
 */
export const Evidence = variants({
  SelfContradiction: [0, Contradiction],
  DoubleVote: [1, Contradiction],
  Verdicts: [2, ProvenVerdicts]
})
export type Evidence = typeof Evidence.Type
