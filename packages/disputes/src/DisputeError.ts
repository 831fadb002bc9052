/**
 * What can go wrong with disputes, as a closed set of reasons.
 */
import { Store } from "@ephor/store"
import { CandidateHash, SessionIndex, ValidatorIndex } from "@ephor/types"
import { Schema } from "effect"

/** The session is below the window: its votes are gone. */
export class AncientSession extends Schema.TaggedError<AncientSession>()("AncientSession", {
  session: SessionIndex,
  oldest: SessionIndex
}) {}
/** The validators of that session are not known here. */
export class UnknownSession extends Schema.TaggedError<UnknownSession>()("UnknownSession", {
  session: SessionIndex
}) {}
/** A vote is not signed by the validator that it names. */
export class InvalidSignature extends Schema.TaggedError<InvalidSignature>()("InvalidSignature", {
  candidateHash: CandidateHash,
  validatorIndex: ValidatorIndex
}) {}
/** The votes do not belong together, or do not decode. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { why: Schema.String }) {}
/** Votes came without the candidate that they are about, and no record has it. */
export class UnknownCandidate extends Schema.TaggedError<UnknownCandidate>()("UnknownCandidate", {
  candidateHash: CandidateHash
}) {}
/** Nothing but the word of validators that raised too many such disputes speaks for this one. */
export class Spam extends Schema.TaggedError<Spam>()("Spam", { candidateHash: CandidateHash }) {}
/** The votes database could not be read or written. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("Store", { cause: Store.StoreError }) {}

/** The one public error of this package. */
export class DisputeError extends Schema.TaggedError<DisputeError>()("DisputeError", {
  reason: Schema.Union([
    AncientSession,
    UnknownSession,
    InvalidSignature,
    Malformed,
    UnknownCandidate,
    Spam,
    StoreFailed
  ])
}) {
  override get message() {
    const reason = this.reason
    switch (reason._tag) {
      case "AncientSession":
        return `session ${reason.session} is too old for a dispute: the oldest one that counts is ${reason.oldest}`
      case "UnknownSession":
        return `the validators of session ${reason.session} are not known here: wait until the chain has caught up`
      case "InvalidSignature":
        return `the vote of validator ${reason.validatorIndex} about ${reason.candidateHash} is not signed by it`
      case "Malformed":
        return `the dispute message is malformed: ${reason.why}`
      case "UnknownCandidate":
        return `nothing is known of candidate ${reason.candidateHash}: a backing vote has to come first`
      case "Spam":
        return `the dispute of candidate ${reason.candidateHash} is raised only by validators whose spam slots are full: it counts once the candidate is seen on the chain`
      case "Store":
        return `the votes database failed: ${reason.cause.message}`
    }
  }
  /** A later try may succeed without anybody doing anything. */
  get retryable() {
    const reason = this.reason
    return reason._tag === "Store" ? reason.cause.retryable : reason._tag === "UnknownSession"
  }
}
