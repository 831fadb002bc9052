/**
 * What validators send each other about approval: who is assigned to check an included candidate, and who approved it
 * (validation protocol 3 of polkadot-sdk).
 */
import { Schema } from "effect"
import { concatBytes } from "./codec/Cursor.ts"
import * as Scale from "./codec/Scale.ts"
import { Bits, fixedHex, record, variants } from "./codec/Wire.ts"
import { CandidateHash, CoreIndex, Hash, SessionIndex, Signature, ValidatorIndex } from "./Primitives.ts"

/** A verifiable random output with its proof: 32 and 64 bytes of sr25519. */
export const VrfSignature = record({
  preOutput: fixedHex(32, "VrfPreOutput"),
  proof: fixedHex(64, "VrfProof")
})
export interface VrfSignature extends Schema.Schema.Type<typeof VrfSignature> {}

/** Why a validator is assigned: by sampling several cores at once (a bit per core), or by its delay for one core. */
export const AssignmentCertKind = variants({
  RelayVRFModuloCompact: [0, record({ coreBitfield: Bits })],
  RelayVRFDelay: [1, record({ coreIndex: CoreIndex })]
})
export type AssignmentCertKind = typeof AssignmentCertKind.Type

/** Proof of an assignment. */
export const AssignmentCert = record({ kind: AssignmentCertKind, vrf: VrfSignature })
export interface AssignmentCert extends Schema.Schema.Type<typeof AssignmentCert> {}

/** Proof of an assignment to candidates of a block. */
export const IndirectAssignmentCert = record({
  blockHash: Hash,
  validator: ValidatorIndex,
  cert: AssignmentCert
})
export interface IndirectAssignmentCert extends Schema.Schema.Type<typeof IndirectAssignmentCert> {}

/** One signature that approves candidates of a block: a bit per candidate that the block included. */
export const IndirectSignedApprovalVote = record({
  blockHash: Hash,
  candidateIndices: Bits,
  validator: ValidatorIndex,
  signature: Signature
})
export interface IndirectSignedApprovalVote extends Schema.Schema.Type<typeof IndirectSignedApprovalVote> {}

/** Messages about approval; an assignment names its candidates by a bit per candidate of the block. */
export const ApprovalDistributionMessage = variants({
  Assignments: [0, Schema.Array(Schema.Tuple([IndirectAssignmentCert, Bits]))],
  Approvals: [1, Schema.Array(IndirectSignedApprovalVote)]
})
export type ApprovalDistributionMessage = typeof ApprovalDistributionMessage.Type

const magic = new TextEncoder().encode("APPR")
const encodeCandidate = Scale.encode(CandidateHash)
const encodeCandidates = Scale.encode(Schema.Array(CandidateHash))

/**
 * The bytes that a validator signs to approve candidates of a session. One candidate is signed without the count of
 * the list, whichever message carries it.
 */
export const approvalPayload = (
  candidates: ReadonlyArray<CandidateHash>,
  session: SessionIndex
): Uint8Array =>
  concatBytes(
    magic,
    candidates.length === 1 ? encodeCandidate(candidates[0]!) : encodeCandidates(candidates),
    Scale.encode(SessionIndex)(session)
  )
