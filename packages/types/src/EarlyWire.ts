/**
 * What validators and collators sent each other in autumn 2020, when the overseer protocol was first carried out: full
 * statements, proofs of validity that are announced and pushed, collations on request. Candidates and statements
 * inside have today's layouts, as the packages of this project send them; for those of mid-2020 see `SeedEra`.
 */
import { Schema } from "effect"
import { CandidateReceipt, ErasureChunk, PoV } from "./Candidate.ts"
import { U64, variants } from "./codec/Wire.ts"
import { CandidateHash, CollatorId, Hash, ParaId } from "./Primitives.ts"
import { SignedAvailabilityBitfield, SignedFullStatement } from "./Statement.ts"

/** Relay-chain heads that a peer works on, sorted; more than five are a fault of the sender. */
export const EarlyView = Schema.Array(Hash)
export type EarlyView = typeof EarlyView.Type

/** A chunk that a peer should hold. */
export const EarlyAvailabilityDistributionMessage = variants({
  Chunk: [0, Schema.Tuple([CandidateHash, ErasureChunk])]
})
export type EarlyAvailabilityDistributionMessage = typeof EarlyAvailabilityDistributionMessage.Type

/** A bitfield under a relay parent. */
export const EarlyBitfieldDistributionMessage = variants({
  Bitfield: [0, Schema.Tuple([Hash, SignedAvailabilityBitfield])]
})
export type EarlyBitfieldDistributionMessage = typeof EarlyBitfieldDistributionMessage.Type

/**
 * `Awaiting`: relay parent, and hashes of the proofs of validity that the sender wants under it. `SendPoV`: relay
 * parent, hash, and the proof.
 */
export const EarlyPoVDistributionMessage = variants({
  Awaiting: [0, Schema.Tuple([Hash, Schema.Array(Hash)])],
  SendPoV: [1, Schema.Tuple([Hash, Hash, PoV])]
})
export type EarlyPoVDistributionMessage = typeof EarlyPoVDistributionMessage.Type

/** A statement under a relay parent; seconding carries the whole candidate. */
export const EarlyStatementDistributionMessage = variants({
  Statement: [0, Schema.Tuple([Hash, SignedFullStatement])]
})
export type EarlyStatementDistributionMessage = typeof EarlyStatementDistributionMessage.Type

/** All messages of the validation peer set. */
export const EarlyValidationProtocol = variants({
  AvailabilityDistribution: [0, EarlyAvailabilityDistributionMessage],
  BitfieldDistribution: [1, EarlyBitfieldDistributionMessage],
  PoVDistribution: [2, EarlyPoVDistributionMessage],
  StatementDistribution: [3, EarlyStatementDistributionMessage]
})
export type EarlyValidationProtocol = typeof EarlyValidationProtocol.Type

/** Messages of collators; requests carry an id, by which the answer is known. */
export const EarlyCollatorProtocolMessage = variants({
  Declare: [0, CollatorId],
  AdvertiseCollation: [1, Schema.Tuple([Hash, ParaId])],
  RequestCollation: [2, Schema.Tuple([U64, Hash, ParaId])],
  Collation: [3, Schema.Tuple([U64, CandidateReceipt, PoV])]
})
export type EarlyCollatorProtocolMessage = typeof EarlyCollatorProtocolMessage.Type

/** All messages of the collation peer set. */
export const EarlyCollationProtocol = variants({ CollatorProtocol: [0, EarlyCollatorProtocolMessage] })
export type EarlyCollationProtocol = typeof EarlyCollationProtocol.Type

/** What travels on the validation peer set. */
export const EarlyValidationWireMessage = variants({
  ProtocolMessage: [1, EarlyValidationProtocol],
  ViewUpdate: [2, EarlyView]
})
export type EarlyValidationWireMessage = typeof EarlyValidationWireMessage.Type

/** What travels on the collation peer set. */
export const EarlyCollationWireMessage = variants({
  ProtocolMessage: [1, EarlyCollationProtocol],
  ViewUpdate: [2, EarlyView]
})
export type EarlyCollationWireMessage = typeof EarlyCollationWireMessage.Type
