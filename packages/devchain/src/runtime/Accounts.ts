/** Records of what was taken and given, so that nothing is taken or given twice. */
import { CandidateHash, SessionIndex, ValidatorIndex, Wire } from "@ephor/types"
import type { Schema } from "effect"

/** The part of its stake that a validator has lost for what it did in a session: the greatest offence counts, once. */
export const Penalty = Wire.record({
  session: SessionIndex,
  validatorIndex: ValidatorIndex,
  /** Its stake when it lost the first part. */
  exposed: Wire.U128,
  perbill: Wire.U32
})
export interface Penalty extends Schema.Schema.Type<typeof Penalty> {}

/** Who was rewarded for a vote about a candidate. */
export const Rewarded = Wire.record({
  session: SessionIndex,
  candidateHash: CandidateHash,
  validators: Wire.Bits
})
export interface Rewarded extends Schema.Schema.Type<typeof Rewarded> {}
