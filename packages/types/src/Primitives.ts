/**
 * The scalars every other noun is made of. Hashes and keys are lower-case `0x` text, so that they are map keys as
 * they are; heights, rounds and timestamps are safe-integer numbers; byte strings of free length are `Uint8Array`.
 */
import { Schema } from "effect"

const hexOfSize = (size: number, identifier: string) =>
  Schema.TemplateLiteral(["0x", Schema.String]).check(
    Schema.isPattern(new RegExp(`^0x[0-9a-f]{${size * 2}}$`), {
      expected: `${size} bytes as 0x-prefixed lower-case hex`
    })
  ).annotate({ identifier })

const natural = (identifier: string, maximum = Number.MAX_SAFE_INTEGER) =>
  Schema.Int.check(Schema.isBetween({ minimum: 0, maximum })).annotate({ identifier })

/** A 32-byte hash as `0x` and 64 lower-case hex digits. */
export const Hash = hexOfSize(32, "Hash")
export type Hash = typeof Hash.Type

/** A 20-byte account address as `0x` and 40 lower-case hex digits. */
export const Address = hexOfSize(20, "Address")
export type Address = typeof Address.Type

/** A height of a chain: 0 is genesis. A wire u64 above 2^53 - 1 is refused, never rounded. */
export const BlockNumber = natural("BlockNumber")
export type BlockNumber = typeof BlockNumber.Type

/** Seconds since the Unix epoch, as block headers carry them. */
export const Timestamp = natural("Timestamp")
export type Timestamp = typeof Timestamp.Type

/** A chain id as a decimal string without leading zeros, below 2^256. */
export const ChainId = Schema.String.check(
  Schema.isPattern(/^(0|[1-9][0-9]{0,77})$/, { expected: "a chain id as a decimal string" })
).annotate({ identifier: "ChainId" })
export type ChainId = typeof ChainId.Type

/** Number of a session: the span over which a validator set is constant. */
export const SessionIndex = natural("SessionIndex", 0xffff_ffff)
export type SessionIndex = typeof SessionIndex.Type

/** Position of a validator in the set of its session. */
export const ValidatorIndex = natural("ValidatorIndex", 0xffff_ffff)
export type ValidatorIndex = typeof ValidatorIndex.Type

/** A validator's public key: 32 bytes of sr25519 (or ed25519, where the chain says so). */
export const ValidatorId = hexOfSize(32, "ValidatorId")
export type ValidatorId = typeof ValidatorId.Type

/** A 64-byte signature, sr25519 or ed25519. */
export const Signature = hexOfSize(64, "Signature")
export type Signature = typeof Signature.Type

/** Number of a parachain. */
export const ParaId = natural("ParaId", 0xffff_ffff)
export type ParaId = typeof ParaId.Type

/** Position of an authority in a DAG committee. */
export const AuthorityIndex = natural("AuthorityIndex", 0xffff_ffff)
export type AuthorityIndex = typeof AuthorityIndex.Type

/** Round of a DAG block: 0 is genesis. */
export const Round = natural("Round", 0xffff_ffff)
export type Round = typeof Round.Type

/** Index of a DAG commit: the first one is 1. */
export const CommitIndex = natural("CommitIndex", 0xffff_ffff)
export type CommitIndex = typeof CommitIndex.Type
