/**
 * What can go wrong with disputes, as a closed set of reasons.
 */
import { Store } from "@ephor/chain"
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
/** The votes database could not be read or written. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("Store", { cause: Store.StoreError }) {}

/** The one public error of this package. */
export class DisputeError extends Schema.TaggedError<DisputeError>()("DisputeError", {
  reason: Schema.Union([AncientSession, UnknownSession, InvalidSignature, Malformed, StoreFailed])
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
      case "Store":
        return `the votes database failed: ${reason.cause.message}`
    }
  }
  /** A later try may succeed without anybody doing anything. */
  get retryable() {
    return this.reason._tag === "Store" || this.reason._tag === "UnknownSession"
  }
}
