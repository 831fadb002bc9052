/**
 * Why the runtime API has no answer.
 */
import { Schema } from "effect"

/** The state of that block is not (or no longer) known. */
export class UnknownState extends Schema.TaggedError<UnknownState>()("UnknownState", {
  block: Schema.String
}) {}
/** That session is not known at that block. */
export class UnknownSession extends Schema.TaggedError<UnknownSession>()("UnknownSession", {
  session: Schema.Int
}) {}

/** The one public error of `RuntimeApi`. */
export class RuntimeApiError extends Schema.TaggedError<RuntimeApiError>()("RuntimeApiError", {
  request: Schema.String,
  reason: Schema.Union([UnknownState, UnknownSession])
}) {
  override get message() {
    return this.reason._tag === "UnknownState"
      ? `${this.request}: the state of block ${this.reason.block} is not known here`
      : `${this.request}: session ${this.reason.session} is not known at that block`
  }
}
