/**
 * What a candidate has to satisfy besides its execution, in the order in which it is checked. (polkadot-sdk,
 * candidate validation.)
 */
import type { InvalidReason, ValidationKind } from "@ephor/overseer"
import {
  AvailableData,
  blake2b256,
  type CandidateCommitments,
  type CandidateDescriptor,
  type CandidateReceipt,
  commitmentsHash,
  type Hash,
  headDataHash,
  maxCandidateMessages,
  type PersistedValidationData,
  persistedValidationDataHash,
  PoV,
  Scale,
  type SessionIndex,
  umpSignalFault,
  validationCodeHash,
  type ValidationResult
} from "@ephor/types"

/** Limits every validator must share: they decide what is invalid. */
export interface Limits {
  readonly maxCodeBytes: number
  readonly maxHeadDataBytes: number
  /** Upward messages, and as many horizontal ones. */
  readonly maxMessages: number
}

/** Defaults of `Limits`: those of Polkadot. */
export const defaults: Limits = {
  maxCodeBytes: 5 * 1024 * 1024,
  maxHeadDataBytes: 1024 * 1024,
  maxMessages: maxCandidateMessages
}

/** What is checked before execution. */
export interface Inputs {
  readonly descriptor: CandidateDescriptor
  readonly pov: PoV
  readonly persistedValidationData: PersistedValidationData
  readonly code: Uint8Array
}

/**
 * The first thing wrong with the inputs of an execution, if any. Sizes are those of the SCALE of the PoV and of
 * the raw code.
 */
export const beforeExecution = (inputs: Inputs, limits: Limits = defaults): InvalidReason | undefined => {
  const { code, descriptor, persistedValidationData, pov } = inputs
  const encoded = Scale.encode(PoV)(pov)
  if (persistedValidationDataHash(persistedValidationData) !== descriptor.persistedValidationDataHash) {
    return { _tag: "BadParent" }
  }
  if (encoded.length > persistedValidationData.maxPovSize)
    return { _tag: "ParamsTooLarge", size: encoded.length }
  if (code.length > limits.maxCodeBytes) return { _tag: "CodeTooLarge", size: code.length }
  if (blake2b256(encoded) !== descriptor.povHash) return { _tag: "PoVHashMismatch" }
  if (validationCodeHash(code) !== descriptor.validationCodeHash) return { _tag: "CodeHashMismatch" }
  return undefined
}

/** The result of a validation function as the commitments of its candidate. */
export const toCommitments = (result: ValidationResult): CandidateCommitments => ({
  upwardMessages: result.upwardMessages,
  horizontalMessages: result.horizontalMessages,
  newValidationCode: result.newValidationCode,
  headData: result.headData,
  processedDownwardMessages: result.processedDownwardMessages,
  hrmpWatermark: result.hrmpWatermark
})

/** What is checked after execution. */
export interface Outputs {
  readonly candidate: CandidateReceipt
  readonly commitments: CandidateCommitments
  readonly kind: ValidationKind
  /** That of the relay parent's children. */
  readonly session: SessionIndex
  /** Those of the parachain; they matter while backing. */
  readonly cores: ReadonlyArray<number>
}

/**
 * The first thing wrong with what an execution produced, if any. Session, core and signals are only looked at while backing.
 */
export const afterExecution = (outputs: Outputs, limits: Limits = defaults): InvalidReason | undefined => {
  const { candidate, commitments, cores, kind, session } = outputs
  const { descriptor } = candidate
  if (
    Math.max(commitments.upwardMessages.length, commitments.horizontalMessages.length) > limits.maxMessages
  ) {
    return { _tag: "BadReturn" }
  }
  if (headDataHash(commitments.headData) !== descriptor.paraHead) return { _tag: "ParaHeadHashMismatch" }
  if (commitmentsHash(commitments) !== candidate.commitmentsHash) return { _tag: "CommitmentsHashMismatch" }
  const newCode = commitments.newValidationCode?.length ?? 0
  if (commitments.headData.length > limits.maxHeadDataBytes || newCode > limits.maxCodeBytes) {
    return { _tag: "InvalidOutputs" }
  }
  if (kind !== "Backing") return undefined
  if (descriptor._tag === "V2" && descriptor.sessionIndex !== session) return { _tag: "InvalidSessionIndex" }
  const fault = umpSignalFault(descriptor, commitments.upwardMessages, () => cores)
  return fault === undefined ? undefined : { _tag: "InvalidUMPSignals", fault }
}

/**
 * The commitment of a descriptor to its data, by the rule of development networks: BLAKE2b-256 of the SCALE of
 * `AvailableData`. Every holder holds all of it, there are no erasure-coded pieces.
 */
export const erasureRoot = (data: AvailableData): Hash => blake2b256(Scale.encode(AvailableData)(data))

/**
 * Whether recovered data is what the descriptor commits to: its PoV hash, its validation data and its erasure
 * root.
 */
export const isDataOf = (descriptor: CandidateDescriptor, data: AvailableData): boolean =>
  blake2b256(Scale.encode(PoV)(data.pov)) === descriptor.povHash &&
  persistedValidationDataHash(data.validationData) === descriptor.persistedValidationDataHash &&
  erasureRoot(data) === descriptor.erasureRoot
