/**
 * Layouts of mid-2020, when the overseer protocol was written down: for bytes of that time, and to show what
 * changed.
 */
import { Schema } from "effect"
import { concatBytes } from "./codec/Cursor.ts"
import { fromHex } from "./codec/Hex.ts"
import * as Scale from "./codec/Scale.ts"
import { Bits, Bytes, record, U128, U32, variants } from "./codec/Wire.ts"
import { InvalidDisputeStatementKind } from "./Dispute.ts"
import {
  CandidateHash,
  CollatorId,
  Hash,
  ParaId,
  RelayBlockNumber,
  Signature,
  ValidatorIndex
} from "./Primitives.ts"
import { SigningContext, ValidityAttestation } from "./Statement.ts"

/** Commitments with fees and erasure root, before messages between parachains. */
export const SeedCandidateCommitments = record({
  fees: U128,
  upwardMessages: Schema.Array(Bytes),
  erasureRoot: Hash,
  newValidationCode: Schema.NullOr(Bytes)
})
export interface SeedCandidateCommitments extends Schema.Schema.Type<typeof SeedCandidateCommitments> {}

/** Limits that held for all parachains at the relay parent. */
export const SeedGlobalValidation = record({
  maxCodeSize: U32,
  maxHeadDataSize: U32,
  blockNumber: RelayBlockNumber
})
export interface SeedGlobalValidation extends Schema.Schema.Type<typeof SeedGlobalValidation> {}

/** What held for one parachain at the relay parent. */
export const SeedLocalValidation = record({
  parentHead: Bytes,
  balance: U128,
  validationCodeHash: Hash,
  codeUpgradeAllowed: Schema.NullOr(RelayBlockNumber)
})
export interface SeedLocalValidation extends Schema.Schema.Type<typeof SeedLocalValidation> {}

const abridged = {
  paraId: ParaId,
  relayParent: Hash,
  headData: Bytes,
  collator: CollatorId,
  signature: Signature,
  povHash: Hash
}

/** A full receipt, with everything validation depends on inside. */
export const SeedCandidateReceipt = record({
  ...abridged,
  globalValidation: SeedGlobalValidation,
  localValidation: SeedLocalValidation,
  commitments: SeedCandidateCommitments
})
export interface SeedCandidateReceipt extends Schema.Schema.Type<typeof SeedCandidateReceipt> {}

/** A full receipt without what can be looked up at the relay parent. */
export const SeedAbridgedCandidateReceipt = record({ ...abridged, commitments: SeedCandidateCommitments })
export interface SeedAbridgedCandidateReceipt extends Schema.Schema.Type<
  typeof SeedAbridgedCandidateReceipt
> {}

/** The compact statement before it had magic bytes, with the third case that disputes made superfluous. */
export const SeedCompactStatement = variants({
  Candidate: [1, CandidateHash],
  Valid: [2, CandidateHash],
  Invalid: [3, CandidateHash]
})
export type SeedCompactStatement = typeof SeedCompactStatement.Type

/** The full statement of mid-2020: seconding carries the full receipt, the other two cases a hash. */
export const SeedStatement = variants({
  Seconded: [1, SeedCandidateReceipt],
  Valid: [2, Hash],
  Invalid: [3, Hash]
})
export type SeedStatement = typeof SeedStatement.Type

/** A full statement of mid-2020 with its signature, which has not been checked. The wire begins with the payload. */
export const SeedSignedStatement = record({
  payload: SeedStatement,
  validatorIndex: ValidatorIndex,
  signature: Signature
})
export interface SeedSignedStatement extends Schema.Schema.Type<typeof SeedSignedStatement> {}

/** A candidate of mid-2020 with the votes that back it. */
export const SeedBackedCandidate = record({
  candidate: SeedAbridgedCandidateReceipt,
  validityVotes: Schema.Array(ValidityAttestation),
  validatorIndices: Bits
})
export interface SeedBackedCandidate extends Schema.Schema.Type<typeof SeedBackedCandidate> {}

/**
 * Ways to say that a candidate is valid as of March 2021: backing does not name its relay parent, so that such a vote
 * cannot be verified alone.
 */
export const SeedValidDisputeStatementKind = variants({
  Explicit: [0],
  BackingSeconded: [1],
  BackingValid: [2],
  ApprovalChecking: [3]
})
export type SeedValidDisputeStatementKind = typeof SeedValidDisputeStatementKind.Type

/** `SeedCandidateVotes` with the kinds of March 2021. */
export const SeedHashlessCandidateVotes = record({
  valid: Schema.Array(Schema.Tuple([SeedValidDisputeStatementKind, ValidatorIndex, Signature])),
  invalid: Schema.Array(Schema.Tuple([InvalidDisputeStatementKind, ValidatorIndex, Signature]))
})
export interface SeedHashlessCandidateVotes extends Schema.Schema.Type<typeof SeedHashlessCandidateVotes> {}

/** The full receipt without what can be looked up at the relay parent. */
export const seedAbridged = ({
  globalValidation: _,
  localValidation: __,
  ...kept
}: SeedCandidateReceipt): SeedAbridgedCandidateReceipt => kept

/** The 69 bytes that a validator signed for a statement in 2020. */
export const seedStatementPayload = (statement: SeedCompactStatement, context: SigningContext): Uint8Array =>
  concatBytes(Scale.encode(SeedCompactStatement)(statement), Scale.encode(SigningContext)(context))

/** The 68 bytes that a collator signed in 2020. */
export const seedCollatorSignaturePayload = (relayParent: Hash, paraId: ParaId, povHash: Hash): Uint8Array =>
  concatBytes(fromHex(relayParent), Scale.encode(ParaId)(paraId), fromHex(povHash))
