/**
 * What validators send each other about candidates: statements as of 2020, and announcements of those that are too long to
 * be sent (a candidate may bring megabytes of new validation code). The signature is over the candidate's hash, so that
 * an announcement proves as much as the statement itself. (Polkadot, `StatementMetadata`.)
 */
import { Protocol } from "@ephor/network"
import {
  CandidateHash,
  Hash,
  Scale,
  Signature,
  SignedFullStatement,
  ValidatorIndex,
  Wire
} from "@ephor/types"
import { Schema } from "effect"

/** A `Seconded` without its candidate, which whoever sends it has. */
export const LargeStatement = Wire.record({
  relayParent: Hash,
  candidateHash: CandidateHash,
  validatorIndex: ValidatorIndex,
  signature: Signature
})
export interface LargeStatement extends Schema.Schema.Type<typeof LargeStatement> {}

/** One notification of `Protocol.statement` (SCALE). */
export const StatementMessage = Wire.variants({
  Statement: [0, Schema.Tuple([Hash, SignedFullStatement])],
  LargeStatement: [1, LargeStatement]
})
export type StatementMessage = typeof StatementMessage.Type

/** What `Protocol.statementFetch` asks for: a candidate that was announced at a relay parent. */
export const StatementQuery = Schema.Tuple([Hash, CandidateHash])

/** Reads a message. */
export const decode = Scale.decodeResult(StatementMessage)
/** Writes a message. */
export const encode = Scale.encode(StatementMessage)

/** Whether a message can be sent as it is. */
export const fits = (message: Uint8Array): boolean => message.length <= Protocol.statement.maxBytes
