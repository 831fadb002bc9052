/**
 * Parachain candidates: what a collator proposes, validators execute and the relay chain includes.
 */
import { Schema } from "effect"
import { concatBytes } from "./codec/Cursor.ts"
import { fromHex } from "./codec/Hex.ts"
import * as Scale from "./codec/Scale.ts"
import { bounded, Bytes, layout, record, U16, U32, U8 } from "./codec/Wire.ts"
import { blake2b256 } from "./Hashing.ts"
import { isZero } from "./bytes/BigEndian.ts"
import { layoutOf } from "./layout/Layout.ts"
import {
  type CandidateHash,
  CollatorId,
  Hash,
  ParaId,
  RelayBlockNumber,
  SessionIndex,
  Signature
} from "./Primitives.ts"

/** A descriptor that names and is signed by its collator. */
export const CandidateDescriptorV1 = record({
  _tag: Schema.Literal("V1"),
  paraId: ParaId,
  relayParent: Hash,
  collator: CollatorId,
  persistedValidationDataHash: Hash,
  povHash: Hash,
  erasureRoot: Hash,
  signature: Signature,
  paraHead: Hash,
  validationCodeHash: Hash
})
export interface CandidateDescriptorV1 extends Schema.Schema.Type<typeof CandidateDescriptorV1> {}

/**
 * A descriptor that commits to core and session in place of a collator. `version` is 0; any other number is a
 * version from the future, which is kept as it is and must not be backed.
 */
export const CandidateDescriptorV2 = record(
  {
    _tag: Schema.Literal("V2"),
    paraId: ParaId,
    relayParent: Hash,
    version: U8,
    coreIndex: U16,
    sessionIndex: SessionIndex,
    persistedValidationDataHash: Hash,
    povHash: Hash,
    erasureRoot: Hash,
    paraHead: Hash,
    validationCodeHash: Hash
  },
  [
    { before: "persistedValidationDataHash", key: "reserved1", hex: `0x${"00".repeat(25)}` },
    { before: "paraHead", key: "reserved2", hex: `0x${"00".repeat(64)}` }
  ]
)
export interface CandidateDescriptorV2 extends Schema.Schema.Type<typeof CandidateDescriptorV2> {}

const descriptorSize = 292

/**
 * What a candidate is about, in 292 bytes. The wire does not say which version it is: bytes that are reserved
 * in V2 (part of the collator's key, and its signature) are all zero in V2 and not in V1. Every 292-byte
 * string is therefore one of the two, and encodes to itself.
 */
export const CandidateDescriptor = Schema.Union([CandidateDescriptorV1, CandidateDescriptorV2]).pipe(
  layout({
    _tag: "Probe",
    members: () => [layoutOf(CandidateDescriptorV1.ast), layoutOf(CandidateDescriptorV2.ast)],
    ofValue: (descriptor: CandidateDescriptorV1 | CandidateDescriptorV2) =>
      descriptor._tag === "V1" ? 0 : 1,
    ofBytes: (bytes, at, end) => {
      if (end - at < descriptorSize) return undefined
      return isZero(bytes, at + 43, at + 68) && isZero(bytes, at + 164, at + 228) ? 1 : 0
    },
    ofJson: (json) => (Object.hasOwn(json, "collator") ? 0 : 1)
  })
)
export type CandidateDescriptor = CandidateDescriptorV1 | CandidateDescriptorV2

/** A message from one parachain to another. */
export const HorizontalMessage = record({ recipient: ParaId, data: Bytes })
export interface HorizontalMessage extends Schema.Schema.Type<typeof HorizontalMessage> {}

/** Messages of one kind that a candidate may send (`MAX_UPWARD_MESSAGE_NUM` and `MAX_HORIZONTAL_MESSAGE_NUM`). */
export const maxCandidateMessages = 16 * 1024

/** Messages to the relay chain, as many as a candidate may send. */
export const UpwardMessages = Schema.Array(Bytes).pipe(bounded(0, maxCandidateMessages))
/** Messages to other parachains, as many as a candidate may send. */
export const HorizontalMessages = Schema.Array(HorizontalMessage).pipe(bounded(0, maxCandidateMessages))

/** What executing a candidate produced: included in the relay chain when the candidate is. */
export const CandidateCommitments = record({
  upwardMessages: UpwardMessages,
  horizontalMessages: HorizontalMessages,
  newValidationCode: Schema.NullOr(Bytes),
  headData: Bytes,
  processedDownwardMessages: U32,
  hrmpWatermark: RelayBlockNumber
})
export interface CandidateCommitments extends Schema.Schema.Type<typeof CandidateCommitments> {}

/** A candidate by descriptor and hash of its commitments. Its SCALE hash names the candidate. */
export const CandidateReceipt = record({ descriptor: CandidateDescriptor, commitmentsHash: Hash })
export interface CandidateReceipt extends Schema.Schema.Type<typeof CandidateReceipt> {}

/** A candidate with its commitments in full. Convert with `toPlain` before hashing. */
export const CommittedCandidateReceipt = record({
  descriptor: CandidateDescriptor,
  commitments: CandidateCommitments
})
export interface CommittedCandidateReceipt extends Schema.Schema.Type<typeof CommittedCandidateReceipt> {}

/** What the relay chain knows about a parachain at the relay parent: input of execution. */
export const PersistedValidationData = record({
  parentHead: Bytes,
  relayParentNumber: RelayBlockNumber,
  relayParentStorageRoot: Hash,
  maxPovSize: U32
})
export interface PersistedValidationData extends Schema.Schema.Type<typeof PersistedValidationData> {}

/** Proof of validity: the block of the parachain with whatever else its validation function needs. */
export const PoV = record({ blockData: Bytes })
export interface PoV extends Schema.Schema.Type<typeof PoV> {}

/** A block of a parachain as its collator made it (overseer-protocol, `ParachainBlock`). */
export const ParachainBlock = record({ block: Bytes })
export interface ParachainBlock extends Schema.Schema.Type<typeof ParachainBlock> {}

/** What is erasure-coded and must be available to check a candidate. */
export const AvailableData = record({ pov: PoV, validationData: PersistedValidationData })
export interface AvailableData extends Schema.Schema.Type<typeof AvailableData> {}

const maxProofDepth = 8
const maxProofNode = 612

/** The way from a chunk up to the erasure root: 1 to 8 nodes of 1 to 612 bytes. */
export const ChunkProof = Schema.Array(Bytes.pipe(bounded(1, maxProofNode))).pipe(bounded(1, maxProofDepth))
export type ChunkProof = typeof ChunkProof.Type

/** One piece of the erasure-coded data with the proof that it belongs under the erasure root. */
export const ErasureChunk = record({ chunk: Bytes, index: U32, proof: ChunkProof })
export interface ErasureChunk extends Schema.Schema.Type<typeof ErasureChunk> {}

/** What a validation function (PVF) is called with. */
export const ValidationParams = record({
  parentHead: Bytes,
  blockData: Bytes,
  relayParentNumber: RelayBlockNumber,
  relayParentStorageRoot: Hash
})
export interface ValidationParams extends Schema.Schema.Type<typeof ValidationParams> {}

/** What a validation function answers: the commitments, in another order. */
export const ValidationResult = record({
  headData: Bytes,
  newValidationCode: Schema.NullOr(Bytes),
  upwardMessages: UpwardMessages,
  horizontalMessages: HorizontalMessages,
  processedDownwardMessages: U32,
  hrmpWatermark: RelayBlockNumber
})
export interface ValidationResult extends Schema.Schema.Type<typeof ValidationResult> {}

/** `"Unknown"` is a descriptor laid out as V2 whose version number is none we know. */
export const descriptorVersion = (descriptor: CandidateDescriptor): "V1" | "V2" | "Unknown" =>
  descriptor._tag === "V1" ? "V1" : descriptor.version === 0 ? "V2" : "Unknown"

/** The name of a candidate: BLAKE2b-256 of the SCALE of its plain receipt. */
export const candidateHash = (receipt: CandidateReceipt): CandidateHash =>
  blake2b256(Scale.encode(CandidateReceipt)(receipt))

/** Hash of the SCALE of commitments, as the plain receipt carries it. */
export const commitmentsHash = (commitments: CandidateCommitments): Hash =>
  blake2b256(Scale.encode(CandidateCommitments)(commitments))

/** The plain receipt of a committed one: commitments replaced by their hash. */
export const toPlain = ({ commitments, descriptor }: CommittedCandidateReceipt): CandidateReceipt => ({
  descriptor,
  commitmentsHash: commitmentsHash(commitments)
})

/** Hash of the SCALE of a proof of validity, as `povHash` of a descriptor carries it. */
export const povHash = (pov: PoV): Hash => blake2b256(Scale.encode(PoV)(pov))

/** Hash of the SCALE of validation data, as `persistedValidationDataHash` of a descriptor carries it. */
export const persistedValidationDataHash = (data: PersistedValidationData): Hash =>
  blake2b256(Scale.encode(PersistedValidationData)(data))

/** Hash of raw head data (not of its SCALE), as `paraHead` of a descriptor carries it. */
export const headDataHash = (headData: Uint8Array): Hash => blake2b256(headData)

/** Hash of raw validation code (not of its SCALE), as `validationCodeHash` of a descriptor carries it. */
export const validationCodeHash = (code: Uint8Array): Hash => blake2b256(code)

/** The 132 bytes that a collator signs for a V1 descriptor, as they are (not hashed first). */
export const collatorSignaturePayload = (
  descriptor: Pick<
    CandidateDescriptorV1,
    "relayParent" | "paraId" | "persistedValidationDataHash" | "povHash" | "validationCodeHash"
  >
): Uint8Array =>
  concatBytes(
    fromHex(descriptor.relayParent),
    Scale.encode(ParaId)(descriptor.paraId),
    fromHex(descriptor.persistedValidationDataHash),
    fromHex(descriptor.povHash),
    fromHex(descriptor.validationCodeHash)
  )
