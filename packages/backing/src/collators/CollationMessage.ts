/**
 * What collators and validators say to each other: the shape of collation protocol 2 of polkadot-sdk. A report carries the
 * compact statement, since the collator has the candidate, and there is one for bad news.
 */
import {
  CandidateHash,
  CollationAdvertisement,
  CollationFetchingRequestV2,
  CollationFetchingResponse,
  CollatorId,
  Hash,
  ParaId,
  Scale,
  Signature,
  SignedCompactStatement,
  Wire
} from "@ephor/types"
import { Schema } from "effect"

/**
 * Why a validator does not take what a collator says: the candidate is invalid, the collator is banned for so many seconds,
 * there is no room for this parachain.
 */
export const CollationRefusal = Wire.variants({ Invalid: [0], Banned: [1, Wire.U32], Full: [2, ParaId] })
export type CollationRefusal = typeof CollationRefusal.Type

/** One notification of `Protocol.collation` (SCALE). */
export const CollationMessage = Wire.variants({
  /** The peer collates for a parachain; the signature is over its name in the network, and `COLL`. */
  Declare: [0, Schema.Tuple([CollatorId, ParaId, Signature])],
  AdvertiseCollation: [1, CollationAdvertisement],
  CollationSeconded: [4, Schema.Tuple([Hash, SignedCompactStatement])],
  CollationRefused: [128, Schema.Tuple([Schema.NullOr(CandidateHash), CollationRefusal])]
})
export type CollationMessage = typeof CollationMessage.Type

/** Reads a message. */
export const decode = Scale.decodeResult(CollationMessage)
/** Writes a message. */
export const encode = Scale.encode(CollationMessage)

/** Reads and writes what `Protocol.collationFetch` carries. */
export const query = {
  encode: Scale.encode(CollationFetchingRequestV2),
  decode: Scale.decodeResult(CollationFetchingRequestV2)
}
export const answer = {
  encode: Scale.encode(CollationFetchingResponse),
  decode: Scale.decodeResult(CollationFetchingResponse)
}

const utf8 = new TextEncoder()

/** The name of a peer in its network, as bytes to sign. */
export const peerBytes = (peer: string): Uint8Array => utf8.encode(peer)
