/**
 * What collators and validators send each other, and the requests by which validators fetch what messages only name
 * (collation protocols 1 and 2 and the request protocols of polkadot-sdk).
 */
import { Schema } from "effect"
import { AvailableData, CandidateReceipt, ChunkProof, PoV } from "./Candidate.ts"
import { concatBytes } from "./codec/Cursor.ts"
import { Bytes, record, variants } from "./codec/Wire.ts"
import { CandidateHash, CollatorId, Hash, ParaId, Signature, ValidatorIndex } from "./Primitives.ts"
import { SignedFullStatement } from "./Statement.ts"

const declare = Schema.Tuple([CollatorId, ParaId, Signature])
const seconded = Schema.Tuple([Hash, SignedFullStatement])

/** Messages of collators, with one collation per relay parent. */
export const CollatorProtocolMessageV1 = variants({
  Declare: [0, declare],
  AdvertiseCollation: [1, Hash],
  CollationSeconded: [4, seconded]
})
export type CollatorProtocolMessageV1 = typeof CollatorProtocolMessageV1.Type

/** Names one collation of several under a relay parent. */
export const CollationAdvertisement = record({
  relayParent: Hash,
  candidateHash: CandidateHash,
  parentHeadDataHash: Hash
})
export interface CollationAdvertisement extends Schema.Schema.Type<typeof CollationAdvertisement> {}

/** Messages of collators, with any number of collations per relay parent. */
export const CollatorProtocolMessageV2 = variants({
  Declare: [0, declare],
  AdvertiseCollation: [1, CollationAdvertisement],
  CollationSeconded: [4, seconded]
})
export type CollatorProtocolMessageV2 = typeof CollatorProtocolMessageV2.Type

/** All messages of the collation peer set, version 1. */
export const CollationProtocolV1 = variants({ CollatorProtocol: [0, CollatorProtocolMessageV1] })
export type CollationProtocolV1 = typeof CollationProtocolV1.Type

/** All messages of the collation peer set, version 2. */
export const CollationProtocolV2 = variants({ CollatorProtocol: [0, CollatorProtocolMessageV2] })
export type CollationProtocolV2 = typeof CollationProtocolV2.Type

/** Asks a collator for the collation that it advertised (version 1). */
export const CollationFetchingRequestV1 = record({ relayParent: Hash, paraId: ParaId })
export interface CollationFetchingRequestV1 extends Schema.Schema.Type<typeof CollationFetchingRequestV1> {}

/** Asks a collator for the collation that it advertised (version 2). */
export const CollationFetchingRequestV2 = record({
  relayParent: Hash,
  paraId: ParaId,
  candidateHash: CandidateHash
})
export interface CollationFetchingRequestV2 extends Schema.Schema.Type<typeof CollationFetchingRequestV2> {}

/** A collation, with the head data of its parent where the validator may not have it. */
export const CollationFetchingResponse = variants({
  Collation: [0, Schema.Tuple([CandidateReceipt, PoV])],
  CollationWithParentHeadData: [1, record({ receipt: CandidateReceipt, pov: PoV, parentHeadData: Bytes })]
})
export type CollationFetchingResponse = typeof CollationFetchingResponse.Type

/** Asks a backer of a candidate for its proof of validity. */
export const PoVFetchingRequest = record({ candidateHash: CandidateHash })
export interface PoVFetchingRequest extends Schema.Schema.Type<typeof PoVFetchingRequest> {}

/** Answers a `PoVFetchingRequest`. */
export const PoVFetchingResponse = variants({ PoV: [0, PoV], NoSuchPoV: [1] })
export type PoVFetchingResponse = typeof PoVFetchingResponse.Type

/** Asks a validator for its chunk of a candidate. */
export const ChunkFetchingRequest = record({ candidateHash: CandidateHash, index: ValidatorIndex })
export interface ChunkFetchingRequest extends Schema.Schema.Type<typeof ChunkFetchingRequest> {}

/** Answers a `ChunkFetchingRequest`: the chunk without its index, which the asker knows. */
export const ChunkFetchingResponse = variants({
  Chunk: [0, record({ chunk: Bytes, proof: ChunkProof })],
  NoSuchChunk: [1]
})
export type ChunkFetchingResponse = typeof ChunkFetchingResponse.Type

/** Asks for everything that is available about a candidate. */
export const AvailableDataFetchingRequest = record({ candidateHash: CandidateHash })
export interface AvailableDataFetchingRequest extends Schema.Schema.Type<
  typeof AvailableDataFetchingRequest
> {}

/** Answers an `AvailableDataFetchingRequest`. */
export const AvailableDataFetchingResponse = variants({ AvailableData: [0, AvailableData], NoSuchData: [1] })
export type AvailableDataFetchingResponse = typeof AvailableDataFetchingResponse.Type

const magic = new TextEncoder().encode("COLL")

/** The bytes that a collator signs to declare itself: those of its network identity, and `COLL`. */
export const collatorDeclarationPayload = (peerId: Uint8Array): Uint8Array => concatBytes(peerId, magic)
