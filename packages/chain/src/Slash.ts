/**
 * What the chain holds against validators that lost a dispute: who, about which candidate, and how. Kinds and fractions
 * are those of polkadot-sdk's disputes and slashing pallets (December 2025).
 */
import {
  CandidateHash,
  DisputeOffenceKind,
  RelayBlockNumber,
  SessionIndex,
  ValidatorId,
  ValidatorIndex,
  Wire
} from "@ephor/types"
import type { Schema } from "effect"

/** One validator's offence. What it costs stands in the validator's `Standing`, which takes the stake once per session. */
export const Slash = Wire.record({
  session: SessionIndex,
  candidateHash: CandidateHash,
  validatorIndex: ValidatorIndex,
  validatorId: ValidatorId,
  kind: DisputeOffenceKind,
  /** The block whose dispute votes proved it. */
  blockNumber: RelayBlockNumber
})
export interface Slash extends Schema.Schema.Type<typeof Slash> {}

/** The part of the stake that an offence costs, in billionths. Voting against a valid candidate costs none. */
export const fractionPerbill = (kind: DisputeOffenceKind): number => {
  switch (kind._tag) {
    case "ForInvalidBacked":
      return 1_000_000_000
    case "ForInvalidApproved":
      return 20_000_000
    case "AgainstValid":
      return 0
  }
}
