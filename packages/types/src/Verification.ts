/**
 * Who must have signed what. Each function finds key, payload and signature, and hands them to `verify`, so that
 * verification may be a plain function, an Effect (`Keystore.verify`), or a queue to a worker: the outcome is whatever
 * `verify` gives. `undefined` means that there is nothing to ask: no such validator, or no signature that could make
 * the vote count. Private keys are no part of this.
 */
import { approvalPayload } from "./Approval.ts"
import { type CandidateDescriptorV1, candidateHash, collatorSignaturePayload, toPlain } from "./Candidate.ts"
import { collatorDeclarationPayload } from "./Collation.ts"
import { dagSigningMessage, type OpenedDagBlock } from "./Dag.ts"
import type { DagCommittee } from "./DagCommittee.ts"
import { type DisputeRequest, type DisputeStatement, disputeStatementPayload } from "./Dispute.ts"
import type { CandidateHash, SessionIndex, Signature, ValidatorId, ValidatorIndex } from "./Primitives.ts"
import {
  type SeedCompactStatement,
  seedCollatorSignaturePayload,
  type SeedCandidateReceipt,
  seedStatementPayload
} from "./SeedEra.ts"
import { pvfCheckPayload, type PvfCheckStatement } from "./Session.ts"
import {
  attestedStatement,
  type BackedCandidate,
  bitfieldPayload,
  type SignedAvailabilityBitfield,
  type SignedCompactStatement,
  type SignedFullStatement,
  type SigningContext,
  splitCoreIndex,
  statementPayload,
  toCompact
} from "./Statement.ts"

/**
 * Whether `signature` is that of `key` over `payload`. The payload is signed as it is. The scheme is sr25519 with the
 * signing context `substrate`, and ed25519 for blocks of a DAG.
 */
export type Verify<R> = (key: ValidatorId, payload: Uint8Array, signature: Signature) => R

/** The validators of the session that a signature belongs to; positions are `ValidatorIndex`. */
export type Validators = ReadonlyArray<ValidatorId>

const by = <R>(
  validators: Validators,
  index: ValidatorIndex,
  payload: Uint8Array | undefined,
  signature: Signature,
  verify: Verify<R>
): R | undefined => {
  const key = validators[index]
  return key === undefined || payload === undefined ? undefined : verify(key, payload, signature)
}

/** Verifies a compact statement under its relay parent. */
export const verifyCompactStatement = <R>(
  { payload, signature, validatorIndex }: SignedCompactStatement,
  context: SigningContext,
  validators: Validators,
  verify: Verify<R>
): R | undefined => by(validators, validatorIndex, statementPayload(payload, context), signature, verify)

/** Verifies a full statement, which is signed over its compact form. */
export const verifyStatement = <R>(
  signed: SignedFullStatement,
  context: SigningContext,
  validators: Validators,
  verify: Verify<R>
): R | undefined =>
  verifyCompactStatement({ ...signed, payload: toCompact(signed.payload) }, context, validators, verify)

/** Verifies a statement of 2020, given in its compact form. */
export const verifySeedStatement = <R>(
  statement: SeedCompactStatement,
  signed: { readonly validatorIndex: ValidatorIndex; readonly signature: Signature },
  context: SigningContext,
  validators: Validators,
  verify: Verify<R>
): R | undefined =>
  by(validators, signed.validatorIndex, seedStatementPayload(statement, context), signed.signature, verify)

/** Verifies an availability bitfield under its relay parent. */
export const verifyBitfield = <R>(
  { payload, signature, validatorIndex }: SignedAvailabilityBitfield,
  context: SigningContext,
  validators: Validators,
  verify: Verify<R>
): R | undefined => by(validators, validatorIndex, bitfieldPayload(payload, context), signature, verify)

/**
 * Verifies the votes that back a candidate, one outcome per vote. `group` are the positions of the members of the
 * group that backs it. `undefined` if the bits do not fit the group, a vote has no bit, or its member is no validator.
 * Bits beyond the last vote count for nothing (`check_candidate_backing` of polkadot-primitives).
 */
export const verifyBackedCandidate = <R>(
  { candidate, validatorIndices, validityVotes }: BackedCandidate,
  group: ReadonlyArray<ValidatorIndex>,
  context: SigningContext,
  validators: Validators,
  verify: Verify<R>
): ReadonlyArray<R> | undefined => {
  const { groupBits } = splitCoreIndex(validatorIndices, group.length)
  const members = group.filter((_, i) => groupBits[i] === "1").slice(0, validityVotes.length)
  const known = members.every((member) => validators[member] !== undefined)
  if (!known || groupBits.length !== group.length || members.length < validityVotes.length) return undefined
  const hash = candidateHash(toPlain(candidate))
  return validityVotes.map((vote, i) =>
    verify(validators[members[i]!]!, statementPayload(attestedStatement(vote, hash), context), vote.value)
  )
}

/** A vote in a dispute, and what it is about. */
export interface DisputeVote {
  readonly statement: DisputeStatement
  readonly candidate: CandidateHash
  readonly session: SessionIndex
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
}

/** Verifies a vote in a dispute. */
export const verifyDisputeVote = <R>(
  { candidate, session, signature, statement, validatorIndex }: DisputeVote,
  validators: Validators,
  verify: Verify<R>
): R | undefined =>
  by(validators, validatorIndex, disputeStatementPayload(statement, candidate, session), signature, verify)

/** Verifies both votes of a dispute request: the invalid one, the valid one. `undefined` if one cannot count. */
export const verifyDisputeRequest = <R>(
  { candidateReceipt, invalidVote, sessionIndex, validVote }: DisputeRequest,
  validators: Validators,
  verify: Verify<R>
): readonly [invalid: R, valid: R] | undefined => {
  const common = { candidate: candidateHash(candidateReceipt), session: sessionIndex }
  const invalid = { _tag: "Invalid", value: invalidVote.kind } as const
  const valid = { _tag: "Valid", value: validVote.kind } as const
  const first = verifyDisputeVote({ ...invalidVote, ...common, statement: invalid }, validators, verify)
  const second = verifyDisputeVote({ ...validVote, ...common, statement: valid }, validators, verify)
  return first === undefined || second === undefined ? undefined : [first, second]
}

/** Verifies the approval of candidates. */
export const verifyApproval = <R>(
  candidates: ReadonlyArray<CandidateHash>,
  session: SessionIndex,
  vote: { readonly validatorIndex: ValidatorIndex; readonly signature: Signature },
  validators: Validators,
  verify: Verify<R>
): R | undefined =>
  candidates.length === 0
    ? undefined
    : by(validators, vote.validatorIndex, approvalPayload(candidates, session), vote.signature, verify)

/** Verifies a verdict on validation code. */
export const verifyPvfCheck = <R>(
  statement: PvfCheckStatement,
  signature: Signature,
  validators: Validators,
  verify: Verify<R>
): R | undefined => by(validators, statement.validatorIndex, pvfCheckPayload(statement), signature, verify)

/** Verifies that the collator that a descriptor names has signed it. */
export const verifyCollator = <R>(descriptor: CandidateDescriptorV1, verify: Verify<R>): R =>
  verify(descriptor.collator, collatorSignaturePayload(descriptor), descriptor.signature)

/** Verifies that the collator that a receipt of 2020 names has signed it. */
export const verifySeedCollator = <R>(
  receipt: Pick<SeedCandidateReceipt, "relayParent" | "paraId" | "povHash" | "collator" | "signature">,
  verify: Verify<R>
): R =>
  verify(
    receipt.collator,
    seedCollatorSignaturePayload(receipt.relayParent, receipt.paraId, receipt.povHash),
    receipt.signature
  )

/** Verifies that a peer holds the key of the collator that it declares to be. */
export const verifyCollatorDeclaration = <R>(
  peerId: Uint8Array,
  collator: ValidatorId,
  signature: Signature,
  verify: Verify<R>
): R => verify(collator, collatorDeclarationPayload(peerId), signature)

const signatureLength = 2 + 2 * 64

/**
 * Verifies the author's signature of a block of a DAG. `undefined` for an author who is not of the committee, a block
 * of another epoch, and a signature that is not 64 bytes (as genesis has none).
 */
export const verifyDagBlock = <R>(
  { block, blockBytes, signature }: Pick<OpenedDagBlock, "block" | "blockBytes" | "signature">,
  { authorities, epoch }: DagCommittee,
  verify: Verify<R>
): R | undefined => {
  const authority = authorities[block.value.author]
  return authority === undefined || block.value.epoch !== epoch || signature.length !== signatureLength
    ? undefined
    : verify(authority.publicKey, dagSigningMessage(blockBytes), signature)
}
