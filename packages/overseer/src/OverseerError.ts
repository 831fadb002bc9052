/**
 * What can go wrong with an overseer, as a closed set of reasons.
 */
import { Cause, Schema } from "effect"
import { Hash } from "@ephor/types"

/** A subsystem ended although nobody asked it to; whether well or badly makes no difference. */
export class SubsystemExited extends Schema.TaggedError<SubsystemExited>()("SubsystemExited", {
  name: Schema.String,
  /** The failure or defect, or nothing if the subsystem simply returned. */
  cause: Schema.optionalKey(Schema.Cause(Schema.Defect(), Schema.Defect()))
}) {
  override get message() {
    return this.cause === undefined
      ? `subsystem ${this.name} returned, but subsystems run until they are told to conclude`
      : `subsystem ${this.name} failed: ${Cause.pretty(this.cause)}`
  }
}

/** A subsystem did not take what the overseer sent it in time. */
export class SubsystemStalled extends Schema.TaggedError<SubsystemStalled>()("SubsystemStalled", {
  name: Schema.String,
  kind: Schema.Literals(["signal", "message"]),
  /** Tag of the signal or message. */
  tag: Schema.String,
  timeoutMs: Schema.Int
}) {
  override get message() {
    return (
      `subsystem ${this.name} did not take ${this.kind} ${this.tag} for ${this.timeoutMs} ms: ` +
      `its handler is stuck, or does long work that belongs into Subsystem.spawn`
    )
  }
}

/** An address is listed, but nothing reads it. */
export class SubsystemMissing extends Schema.TaggedError<SubsystemMissing>()("SubsystemMissing", {
  names: Schema.Array(Schema.String)
}) {
  override get message() {
    return (
      `nobody runs ${this.names.join(", ")}: provide the layer of each, ` +
      `or Subsystem.layerDummy if what is sent to it may be dropped`
    )
  }
}

/** The leaf that was waited for is no longer active, or never will be. */
export class LeafGone extends Schema.TaggedError<LeafGone>()("LeafGone", { hash: Hash }) {
  override get message() {
    return `leaf ${this.hash} was deactivated`
  }
}

/** The overseer, or the subsystem that was asked, has ended in good order. */
export class Concluded extends Schema.TaggedError<Concluded>()("Concluded", { why: Schema.String }) {
  override get message() {
    return `concluded: ${this.why}`
  }
}

/** Why an overseer ended, or could not answer. */
export const OverseerErrorReason = Schema.Union([
  SubsystemExited,
  SubsystemStalled,
  SubsystemMissing,
  LeafGone,
  Concluded
])
export type OverseerErrorReason = typeof OverseerErrorReason.Type

/** The one public error of the overseer. None of its reasons goes away by trying again. */
export class OverseerError extends Schema.TaggedError<OverseerError>()("OverseerError", {
  reason: OverseerErrorReason
}) {
  override get message() {
    return this.reason.message
  }
  /** Always false: a new overseer has to be started. */
  get retryable() {
    return false
  }
}

/** Whether a cause only says that somebody who was asked has ended: no fault of who asked. */
export const isEnded = (cause: Cause.Cause<unknown>): boolean =>
  cause.reasons.some(
    (reason) =>
      reason._tag === "Die" &&
      reason.defect instanceof OverseerError &&
      reason.defect.reason._tag === "Concluded"
  )
