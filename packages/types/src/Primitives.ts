/**
 * The scalars every other noun is made of. Hashes and keys are lower-case `0x` text, so that they are map
 * keys as they are; heights, rounds and timestamps are safe-integer numbers; byte strings of free length are
 * `Uint8Array`.
 */
import { decimal, fixedHex, natural } from "./codec/Wire.ts"

/** A 32-byte hash as `0x` and 64 lower-case hex digits. */
export const Hash = fixedHex(32, "Hash")
export type Hash = typeof Hash.Type

/** A 20-byte account address as `0x` and 40 lower-case hex digits. */
export const Address = fixedHex(20, "Address")
export type Address = typeof Address.Type

/** A height of a chain: 0 is genesis. A wire u64 above 2^53 - 1 is refused, never rounded. */
export const BlockNumber = natural("BlockNumber", { bits: 64 })
export type BlockNumber = typeof BlockNumber.Type

/** A height of a relay chain, which is a u32 on the wire. */
export const RelayBlockNumber = natural("RelayBlockNumber", { bits: 32 })
export type RelayBlockNumber = typeof RelayBlockNumber.Type

/** Seconds since the Unix epoch, as block headers carry them. */
export const Timestamp = natural("Timestamp", { bits: 64 })
export type Timestamp = typeof Timestamp.Type

/** Milliseconds since the Unix epoch, as DAG blocks carry them. */
export const TimestampMs = natural("TimestampMs", { bits: 64 })
export type TimestampMs = typeof TimestampMs.Type

/** A chain id as a decimal string without leading zeros, below 2^256. */
export const ChainId = decimal("ChainId")
export type ChainId = typeof ChainId.Type

/** Number of a session: the span over which a validator set is constant. */
export const SessionIndex = natural("SessionIndex", { bits: 32 })
export type SessionIndex = typeof SessionIndex.Type

/** Position of a validator in the set of its session. */
export const ValidatorIndex = natural("ValidatorIndex", { bits: 32 })
export type ValidatorIndex = typeof ValidatorIndex.Type

/** Position of an availability core. */
export const CoreIndex = natural("CoreIndex", { bits: 32 })
export type CoreIndex = typeof CoreIndex.Type

/** Position of a group of validators that backs together. */
export const GroupIndex = natural("GroupIndex", { bits: 32 })
export type GroupIndex = typeof GroupIndex.Type

/** A validator's public key: 32 bytes of sr25519 (or ed25519, where the chain says so). */
export const ValidatorId = fixedHex(32, "ValidatorId")
export type ValidatorId = typeof ValidatorId.Type

/** A collator's public key: 32 bytes of sr25519. */
export const CollatorId = fixedHex(32, "CollatorId")
export type CollatorId = typeof CollatorId.Type

/** A 64-byte signature, sr25519 or ed25519. */
export const Signature = fixedHex(64, "Signature")
export type Signature = typeof Signature.Type

/** Number of a parachain. */
export const ParaId = natural("ParaId", { bits: 32 })
export type ParaId = typeof ParaId.Type

/** Hash of the plain receipt of a candidate: what names it everywhere. */
export const CandidateHash = fixedHex(32, "CandidateHash")
export type CandidateHash = typeof CandidateHash.Type

/** Position of an authority in a DAG committee. */
export const AuthorityIndex = natural("AuthorityIndex", { bits: 32 })
export type AuthorityIndex = typeof AuthorityIndex.Type

/** Round of a DAG block: 0 is genesis. */
export const Round = natural("Round", { bits: 32 })
export type Round = typeof Round.Type

/** Index of a DAG commit: the first one is 1. */
export const CommitIndex = natural("CommitIndex", { bits: 32 })
export type CommitIndex = typeof CommitIndex.Type
