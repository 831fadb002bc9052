/**
 * What a dispute storm is about: a hundred validators, candidates that are disputed for good or for bad reasons, and votes
 * about them. Signatures are the stand-ins of `committee/Keys`: who knows a key can sign, and a signature is a hash.
 */
import {
  candidateHash,
  type CandidateHash,
  type CandidateReceipt,
  type DisputeRequest,
  type DisputeStatement,
  disputeStatementPayload,
  type Hash,
  type SessionIndex,
  type Signature,
  toHex,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { blake2b256, blake2b256Bytes, concatBytes } from "@ephor/types"
import * as Keys from "../committee/Keys.ts"

/** Validators of every session. */
export const validatorCount = 100
/** As many as a committee of that size withstands. */
export const maximumFaults = Math.floor((validatorCount - 1) / 3)
/** The session in which a storm breaks out. */
export const firstSession: SessionIndex = 10
/** The oldest session that counts then. */
export const oldestSession: SessionIndex = 5

/** Why a candidate is disputed. */
export type Cause =
  /** It is invalid, and honest validators say so. */
  | "invalid"
  /** It is valid, on chain, and malicious validators cry wolf. */
  | "wolf"
  /** It is valid, on chain, and only validators that the chain has disabled call it invalid. */
  | "disabled"
  /** Nobody has seen it; malicious validators call it valid and invalid. */
  | "unknown"

/** A candidate that somebody disputes. */
export interface Subject {
  readonly cause: Cause
  readonly session: SessionIndex
  readonly receipt: CandidateReceipt
  readonly hash: CandidateHash
  /** Whose backing votes are on chain; of an unknown one, who calls it valid. */
  readonly backers: ReadonlyArray<ValidatorIndex>
  /** Who calls it invalid first. */
  readonly raiser: ValidatorIndex
}

const utf8 = new TextEncoder()
const hashOf = (name: string): Hash => blake2b256(utf8.encode(name))

/** Name of a validator in the network. */
export const nameOf = (index: ValidatorIndex): string => `validator-${index}`

const keys = Array.from({ length: validatorCount }, (_, index) => Keys.keyOf(nameOf(index)))
/** The keys of all validators. */
export const validators: ReadonlyArray<ValidatorId> = keys

/** The block that all candidates build upon. */
export const relayParent: Hash = hashOf("relay parent")

/** A leaf of the relay chain. */
export const leafAt = (number: number) => ({
  hash: hashOf(`leaf ${number}`),
  number,
  parentHash: hashOf(`leaf ${number - 1}`),
  timestamp: number
})

/** A candidate with a receipt of its own. */
export const subjectOf = (
  number: number,
  fields: Pick<Subject, "cause" | "session" | "backers" | "raiser">
): Subject => {
  const receipt: CandidateReceipt = {
    descriptor: {
      _tag: "V1",
      paraId: 2000 + (number % 100),
      relayParent,
      collator: hashOf("collator"),
      persistedValidationDataHash: hashOf("data"),
      povHash: hashOf("pov"),
      erasureRoot: hashOf("root"),
      signature: `0x${"11".repeat(64)}`,
      paraHead: hashOf(`head ${number}`),
      validationCodeHash: hashOf("code")
    },
    commitmentsHash: hashOf(`commitments ${number}`)
  }
  return { ...fields, receipt, hash: candidateHash(receipt) }
}

/** The stand-in signature of a validator, as `Keys.keystore` makes it. */
const sign = (validator: ValidatorIndex, payload: Uint8Array): Signature => {
  const key = Uint8Array.from(Buffer.from(keys[validator]!.slice(2), "hex"))
  const digest = blake2b256Bytes(concatBytes(key, payload))
  return toHex(concatBytes(digest, digest))
}

/** A vote of a validator. */
export interface Vote {
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
}

/** What a validator says about a candidate, signed. */
export const voteOf = (
  { hash, session }: Subject,
  validatorIndex: ValidatorIndex,
  side: "Valid" | "Invalid" | "Backing"
): Vote => {
  const statement: DisputeStatement =
    side === "Backing"
      ? { _tag: "Valid", value: { _tag: "BackingValid", value: relayParent } }
      : { _tag: side, value: { _tag: "Explicit" } }
  const payload = disputeStatementPayload(statement, hash, session)!
  return { statement, validatorIndex, signature: sign(validatorIndex, payload) }
}

/** Two votes as they travel. */
export const pairOf = ({ receipt, session }: Subject, valid: Vote, invalid: Vote): DisputeRequest => ({
  candidateReceipt: receipt,
  sessionIndex: session,
  validVote: {
    validatorIndex: valid.validatorIndex,
    signature: valid.signature,
    kind: valid.statement.value as DisputeRequest["validVote"]["kind"]
  },
  invalidVote: {
    validatorIndex: invalid.validatorIndex,
    signature: invalid.signature,
    kind: { _tag: "Explicit" }
  }
})
