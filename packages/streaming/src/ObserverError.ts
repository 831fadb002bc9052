/**
 * What can go wrong between a publisher and an observer, as a closed set of reasons, and its gRPC form.
 */
import { Schema } from "effect"
import { CommitIndex } from "@ephor/types"
import { Status } from "./Grpc.ts"

/** The peer sent a value that the protocol does not allow; fix the caller. */
export class InvalidArgument extends Schema.TaggedError<InvalidArgument>()("InvalidArgument", {
  why: Schema.String
}) {
  override get message() {
    return this.why
  }
}
/** The commit asked for is no longer kept there. */
export class OutOfRange extends Schema.TaggedError<OutOfRange>()("OutOfRange", {
  earliest: CommitIndex,
  latest: CommitIndex
}) {
  override get message() {
    return `commits ${this.earliest} to ${this.latest} are kept here: start after ${Math.max(0, this.earliest - 1)}, or ask another publisher`
  }
}
/** A limit was hit: too many streams, a command flood, a reader that does not read, a message that is too large. */
export class ResourceExhausted extends Schema.TaggedError<ResourceExhausted>()("ResourceExhausted", {
  why: Schema.String
}) {
  override get message() {
    return this.why
  }
}
/** The peer cannot be reached, went away, or is shutting down. */
export class Unavailable extends Schema.TaggedError<Unavailable>()("Unavailable", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** The peer does not speak this protocol, or not correctly. */
export class Protocol extends Schema.TaggedError<Protocol>()("Protocol", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** The peer has no such method. */
export class Unimplemented extends Schema.TaggedError<Unimplemented>()("Unimplemented", {
  what: Schema.String,
  /** What to do about it, where that is known. */
  advice: Schema.optionalKey(Schema.String)
}) {
  override get message() {
    return `${this.what} is not served there${this.advice === undefined ? "" : `; ${this.advice}`}`
  }
}
/** There is nothing by that name. */
export class NotFound extends Schema.TaggedError<NotFound>()("NotFound", { what: Schema.String }) {
  override get message() {
    return `there is no ${this.what} here`
  }
}
/** The call was cancelled, or its deadline passed. */
export class Cancelled extends Schema.TaggedError<Cancelled>()("Cancelled", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** The peer does not let us in. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** The peer does not prove to be who it should be. */
export class Untrusted extends Schema.TaggedError<Untrusted>()("Untrusted", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** The server could not take its address. */
export class Bind extends Schema.TaggedError<Bind>()("Bind", { address: Schema.String, why: Schema.String }) {
  override get message() {
    return `cannot listen on ${this.address}: ${this.why}`
  }
}
/** Configuration that cannot work. */
export class Misconfigured extends Schema.TaggedError<Misconfigured>()("Misconfigured", {
  why: Schema.String
}) {
  override get message() {
    return this.why
  }
}
/** A block or commit that is not what it claims to be. */
export class Forged extends Schema.TaggedError<Forged>()("Forged", {
  what: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.what}: ${this.why}`
  }
}
/** The peer is alive but gets us nowhere: silence, a gap, a claim without commits. */
export class Stalled extends Schema.TaggedError<Stalled>()("Stalled", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}
/** No publisher keeps the commits that this observer needs next. */
export class HistoryUnavailable extends Schema.TaggedError<HistoryUnavailable>()("HistoryUnavailable", {
  wanted: CommitIndex,
  earliest: CommitIndex
}) {
  override get message() {
    return `no publisher keeps commit ${this.wanted} (the earliest on offer is ${this.earliest}): restore from a snapshot, or add a publisher with longer history`
  }
}
/** The blocks or commits behind a publisher could not be read. */
export class Source extends Schema.TaggedError<Source>()("Source", { why: Schema.String }) {
  override get message() {
    return `the block source failed: ${this.why}`
  }
}

/** Why a call, a server or a subscriber failed. */
export const ObserverErrorReason = Schema.Union([
  InvalidArgument,
  OutOfRange,
  ResourceExhausted,
  Unavailable,
  Protocol,
  Unimplemented,
  NotFound,
  Cancelled,
  Refused,
  Untrusted,
  Bind,
  Misconfigured,
  Forged,
  Stalled,
  HistoryUnavailable,
  Source
])
export type ObserverErrorReason = typeof ObserverErrorReason.Type

/** The one public error of this package: where it happened (a method, a peer), and why. */
export class ObserverError extends Schema.TaggedError<ObserverError>()("ObserverError", {
  where: Schema.String,
  reason: ObserverErrorReason
}) {
  override get message() {
    return `${this.where}: ${this.reason.message}`
  }
  /** A later try, perhaps elsewhere, may succeed without anybody doing anything. */
  get retryable() {
    return retryableReasons.has(this.reason._tag)
  }
}

const retryableReasons: ReadonlySet<ObserverErrorReason["_tag"]> = new Set([
  "Unavailable",
  "ResourceExhausted",
  "Cancelled",
  "Stalled",
  "Source",
  "Protocol"
])

/** Status code that each reason travels as. */
export const statusOf: { readonly [Tag in ObserverErrorReason["_tag"]]: Status } = {
  InvalidArgument: Status.InvalidArgument,
  OutOfRange: Status.OutOfRange,
  ResourceExhausted: Status.ResourceExhausted,
  Unavailable: Status.Unavailable,
  Protocol: Status.Internal,
  Unimplemented: Status.Unimplemented,
  NotFound: Status.NotFound,
  Cancelled: Status.Cancelled,
  Refused: Status.PermissionDenied,
  Untrusted: Status.Unauthenticated,
  Bind: Status.Internal,
  Misconfigured: Status.FailedPrecondition,
  Forged: Status.InvalidArgument,
  Stalled: Status.Unavailable,
  HistoryUnavailable: Status.OutOfRange,
  Source: Status.Internal
}

/** Trailers beside `grpc-status` that name what a publisher keeps. */
export const rangeTrailers = { earliest: "x-earliest-commit", latest: "x-latest-commit" } as const

const commitIndex = (text: string | undefined): number | undefined =>
  text !== undefined && /^[0-9]{1,10}$/.test(text) && Number(text) <= 0xffff_ffff ? Number(text) : undefined

/** The reason behind a status that a peer sent; `trailers` reads a trailer by name. */
export const reasonOfStatus = (
  status: number,
  why: string,
  trailers: (name: string) => string | undefined = () => undefined
): ObserverErrorReason => {
  const text = why === "" ? `the peer ended the call with status ${status}` : why
  switch (status) {
    case Status.InvalidArgument:
      return new InvalidArgument({ why: text })
    case Status.OutOfRange: {
      const earliest = commitIndex(trailers(rangeTrailers.earliest))
      const latest = commitIndex(trailers(rangeTrailers.latest))
      if (earliest === undefined || latest === undefined) return new InvalidArgument({ why: text })
      return new OutOfRange({ earliest, latest })
    }
    case Status.ResourceExhausted:
      return new ResourceExhausted({ why: text })
    case Status.Unavailable:
    case Status.Aborted:
    case Status.Unknown:
      return new Unavailable({ why: text })
    case Status.Unimplemented:
      return new Unimplemented({ what: text })
    case Status.Cancelled:
    case Status.DeadlineExceeded:
      return new Cancelled({ why: text })
    case Status.Unauthenticated:
    case Status.PermissionDenied:
      return new Refused({ why: text })
    default:
      return new Protocol({ why: text })
  }
}
