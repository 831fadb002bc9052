/**
 * What validators say about candidates while backing them, and what they sign when they say it.
 */
import { Schema } from "effect"
import { candidateHash, CommittedCandidateReceipt, PersistedValidationData, toPlain } from "./Candidate.ts"
import { concatBytes } from "./codec/Cursor.ts"
import * as Scale from "./codec/Scale.ts"
import { Bits, mapped, record, variants } from "./codec/Wire.ts"
import { CandidateHash, type CoreIndex, Hash, SessionIndex, Signature, ValidatorIndex } from "./Primitives.ts"

const compactCases = variants({ Seconded: [1, CandidateHash], Valid: [2, CandidateHash] })
const magicCompact = record({ statement: compactCases }, [
  { before: "statement", key: "magic", hex: "0x424b4e47" }
])

/**
 * A statement by hash of the candidate: what is signed. `Seconded`: "I propose this candidate". `Valid`: "I
 * executed it and it holds". The wire begins with the magic bytes `BKNG`.
 */
export const CompactStatement = mapped(magicCompact)(compactCases, {
  to: (statement) => ({ statement }),
  from: ({ statement }) => statement
})
export type CompactStatement = typeof CompactStatement.Type

/** A statement as it is gossiped: seconding carries the whole candidate. */
export const Statement = variants({ Seconded: [1, CommittedCandidateReceipt], Valid: [2, CandidateHash] })
export type Statement = typeof Statement.Type

/** A statement together with what is needed to execute the candidate. Never leaves the node. */
export const StatementWithPVD = variants({
  Seconded: [1, Schema.Tuple([CommittedCandidateReceipt, PersistedValidationData])],
  Valid: [2, CandidateHash]
})
export type StatementWithPVD = typeof StatementWithPVD.Type

/** Session and relay parent that a signature is bound to, in this order on the wire. */
export const SigningContext = record({ sessionIndex: SessionIndex, parentHash: Hash })
export interface SigningContext extends Schema.Schema.Type<typeof SigningContext> {}

/** A compact statement with its signature, which has not been checked. */
export const SignedCompactStatement = record({
  payload: CompactStatement,
  validatorIndex: ValidatorIndex,
  signature: Signature
})
export interface SignedCompactStatement extends Schema.Schema.Type<typeof SignedCompactStatement> {}

/** A full statement with the signature over its compact form, which has not been checked. */
export const SignedFullStatement = record({
  payload: Statement,
  validatorIndex: ValidatorIndex,
  signature: Signature
})
export interface SignedFullStatement extends Schema.Schema.Type<typeof SignedFullStatement> {}

/** Which availability cores a validator holds its chunk for: one bit per core. */
export const AvailabilityBitfield = Bits
export type AvailabilityBitfield = typeof AvailabilityBitfield.Type

/** A bitfield with its signature, which has not been checked. */
export const SignedAvailabilityBitfield = record({
  payload: AvailabilityBitfield,
  validatorIndex: ValidatorIndex,
  signature: Signature
})
export interface SignedAvailabilityBitfield extends Schema.Schema.Type<typeof SignedAvailabilityBitfield> {}

/** A backing vote without its statement: `Implicit` signed `Seconded`, `Explicit` signed `Valid`. */
export const ValidityAttestation = variants({ Implicit: [1, Signature], Explicit: [2, Signature] })
export type ValidityAttestation = typeof ValidityAttestation.Type

/**
 * A candidate with the votes that back it. `validityVotes[i]` belongs to the i-th set bit of the group's bits
 * in `validatorIndices`, which may be followed by eight bits of core index (`withCoreIndex`).
 */
export const BackedCandidate = record({
  candidate: CommittedCandidateReceipt,
  validityVotes: Schema.Array(ValidityAttestation),
  validatorIndices: Bits
})
export interface BackedCandidate extends Schema.Schema.Type<typeof BackedCandidate> {}

/** The compact form of a full statement. */
export const toCompact = (statement: Statement): CompactStatement =>
  statement._tag === "Valid"
    ? statement
    : { _tag: "Seconded", value: candidateHash(toPlain(statement.value)) }

/** The candidate that a statement is about. */
export const statementCandidate = (statement: Statement): CandidateHash => toCompact(statement).value

/** The 73 bytes that a validator signs for a statement, as they are (not hashed first). */
export const statementPayload = (statement: CompactStatement, context: SigningContext): Uint8Array =>
  concatBytes(Scale.encode(CompactStatement)(statement), Scale.encode(SigningContext)(context))

/** The bytes that a validator signs for an availability bitfield. */
export const bitfieldPayload = (bitfield: AvailabilityBitfield, context: SigningContext): Uint8Array =>
  concatBytes(Scale.encode(AvailabilityBitfield)(bitfield), Scale.encode(SigningContext)(context))

/** The compact statement that an attestation stands for. */
export const attestedStatement = (
  attestation: ValidityAttestation,
  candidate: CandidateHash
): CompactStatement => ({
  _tag: attestation._tag === "Implicit" ? "Seconded" : "Valid",
  value: candidate
})

/** The bits of a group with a core index appended, least significant bit first (elastic scaling). */
export const withCoreIndex = (groupBits: string, core: CoreIndex): string =>
  groupBits + core.toString(2).padStart(8, "0").slice(-8).split("").toReversed().join("")

/** The core index behind the bits of a group, where it is always appended (`withCoreIndex`). */
export const coreIndexOf = (validatorIndices: string): CoreIndex | undefined =>
  validatorIndices.length < 8 ? undefined : splitCoreIndex(validatorIndices, validatorIndices.length - 8).core

/** Takes the bits of a group of known size apart from the core index behind them, if there is one. */
export const splitCoreIndex = (
  validatorIndices: string,
  groupSize: number
): { readonly groupBits: string; readonly core: CoreIndex | undefined } => {
  if (validatorIndices.length !== groupSize + 8) return { groupBits: validatorIndices, core: undefined }
  const core = Number.parseInt(validatorIndices.slice(groupSize).split("").toReversed().join(""), 2)
  return { groupBits: validatorIndices.slice(0, groupSize), core }
}
