/**
 * What a gossiped dispute says (votes-db, "DisputeGossipMessage"): its candidate, and who voted for it how. Read and written
 * without any effect; reading comes before any signature is checked.
 */
import {
  attestedStatement,
  candidateHash,
  type CandidateHash,
  type CandidateReceipt,
  type CandidateVotes,
  type CommittedCandidateReceipt,
  type DisputeGossipMessage,
  type DisputeStatement,
  type SessionIndex,
  type Signature,
  toPlain,
  type ValidatorIndex,
  type ValidityAttestation
} from "@ephor/types"
import { Result } from "effect"
import { DisputeError, Malformed } from "./DisputeError.ts"

/** A vote of the message whose signature is still to be checked. */
export interface UncheckedVote {
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
}

/** The message, taken apart. */
export interface GossipedVotes {
  readonly candidate: CandidateReceipt
  readonly candidateHash: CandidateHash
  readonly votes: ReadonlyArray<UncheckedVote>
}

const malformed = (why: string) => Result.fail(new DisputeError({ reason: new Malformed({ why }) }))

/**
 * Takes a message apart for a session of so many validators: at least one bit is set, none beyond the last validator,
 * each set bit has its vote, and a descriptor that names a session names the dispute's.
 */
export const read = (
  { backingValidators, candidate: committed, sessionIndex, validityVotes }: DisputeGossipMessage,
  validatorCount: number
): Result.Result<GossipedVotes, DisputeError> => {
  const backers = Array.from(backingValidators).flatMap((bit, index) => (bit === "1" ? [index] : []))
  if (backers.length === 0) return malformed("at least one backing validator must be set")
  const last = backers.at(-1)!
  if (last >= validatorCount)
    return malformed(`validator ${last} is set, but the session has ${validatorCount} validators`)
  if (backers.length !== validityVotes.length)
    return malformed(`${backers.length} validators are set, but there are ${validityVotes.length} votes`)
  const { descriptor } = committed
  if (descriptor._tag === "V2" && descriptor.sessionIndex !== sessionIndex)
    return malformed(`the candidate is of session ${descriptor.sessionIndex}, the dispute of ${sessionIndex}`)
  const candidate = toPlain(committed)
  const hash = candidateHash(candidate)
  const { relayParent } = candidate.descriptor
  const votes = backers.map((validatorIndex, at): UncheckedVote => {
    const attestation = validityVotes[at]!
    const seconded = attestedStatement(attestation, hash)._tag === "Seconded"
    const kind = seconded ? "BackingSeconded" : "BackingValid"
    return {
      statement: { _tag: "Valid", value: { _tag: kind, value: relayParent } },
      validatorIndex,
      signature: attestation.value
    }
  })
  return Result.succeed({ candidate, candidateHash: hash, votes })
}

/** What a message says beside the votes. */
export interface Subject {
  readonly candidate: CommittedCandidateReceipt
  readonly blockNumber: number
  readonly session: SessionIndex
  readonly validatorCount: number
}

/** The message about a candidate; nothing where no backing vote is known: it could not say anything. */
export const write = (
  { blockNumber, candidate, session, validatorCount }: Subject,
  { valid }: Pick<CandidateVotes, "valid">
): DisputeGossipMessage | undefined => {
  const byBacker = new Map<ValidatorIndex, ValidityAttestation>()
  for (const [kind, validator, value] of valid) {
    if (validator >= validatorCount) continue
    if (kind._tag === "BackingSeconded") byBacker.set(validator, { _tag: "Implicit", value })
    if (kind._tag === "BackingValid") byBacker.set(validator, { _tag: "Explicit", value })
  }
  if (byBacker.size === 0) return undefined
  const everybody = Array.from({ length: validatorCount }, (_, index) => index)
  return {
    candidate,
    blockNumber,
    sessionIndex: session,
    validityVotes: everybody.flatMap((index) => byBacker.get(index) ?? []),
    backingValidators: everybody.map((index) => (byBacker.has(index) ? "1" : "0")).join("")
  }
}
