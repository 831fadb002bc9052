/**
 * What can go wrong between a supervisor and a managed node, as a closed set of reasons.
 */
import { Schema } from "effect"
import { BlockRef, L2BlockRef } from "@ephor/types"

/** The five heads of a reset by their wire names, in the order in which they are verified. */
export const ResetHead = Schema.Literals(["unsafe", "cross-unsafe", "safe", "cross-safe", "finalized"])
export type ResetHead = typeof ResetHead.Type

/** `pullEvent` found nothing: ask again later. */
export class OutOfEvents extends Schema.TaggedError<OutOfEvents>()("OutOfEvents", {}) {
  override get message() {
    return "out of events"
  }
}

/** A reset names a height at which the node has no block. */
export class TargetNotFound extends Schema.TaggedError<TargetNotFound>()("TargetNotFound", {
  head: ResetHead
}) {
  override get message() {
    return `${this.head} reset target not found`
  }
}

/** A reset names another block than the node has at that height; `block` is the node's. */
export class Conflict extends Schema.TaggedError<Conflict>()("Conflict", {
  block: Schema.Union([L2BlockRef, BlockRef])
}) {
  override get message() {
    return "conflicting block"
  }
}

/** The node could not look a block of a reset up: try again. */
export class LookupFailed extends Schema.TaggedError<LookupFailed>()("LookupFailed", { head: ResetHead }) {
  override get message() {
    return "failed to find block reference"
  }
}

/** There is no anchor point, because interop was not active at genesis. */
export class InteropInactive extends Schema.TaggedError<InteropInactive>()("InteropInactive", {}) {
  override get message() {
    return "Interop inactive at genesis"
  }
}

/** The node has no such block. `text` contains `block not found`, `header not found` or `unknown block`. */
export class BlockNotFound extends Schema.TaggedError<BlockNotFound>()("BlockNotFound", {
  text: Schema.String
}) {
  override get message() {
    return this.text
  }
}

/** The node had the block, and does not keep it any more: ask a node that keeps all history. */
export class Pruned extends Schema.TaggedError<Pruned>()("Pruned", { text: Schema.String }) {
  override get message() {
    return this.text
  }
}

/** The node understood the call and refused it, or failed to carry it out. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { text: Schema.String }) {
  override get message() {
    return this.text
  }
}

/** The node does not have the method: it speaks an older or newer dialect. */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", { method: Schema.String }) {
  override get message() {
    return `the method ${this.method} does not exist/is not available`
  }
}

/** The node is only followed: what it does is up to itself. Have it managed, or change it by its own means. */
export class Passive extends Schema.TaggedError<Passive>()("Passive", { endpoint: Schema.String }) {
  override get message() {
    return `the node at ${this.endpoint} is only followed, and obeys nothing`
  }
}

/** The node turned the token down (HTTP 401): check that both ends have the same secret and the right time. */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", { why: Schema.String }) {
  override get message() {
    return `the node refused the token: ${this.why}; check the JWT secret and the clock of both sides`
  }
}

/** There was no connection, and none came back in time. */
export class Disconnected extends Schema.TaggedError<Disconnected>()("Disconnected", { why: Schema.String }) {
  override get message() {
    return `not connected to the node: ${this.why}`
  }
}

/** The node did not answer in time. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { afterMs: Schema.Int }) {
  override get message() {
    return `no answer within ${this.afterMs} ms`
  }
}

/** The peer sent something that is not the protocol. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { why: Schema.String }) {
  override get message() {
    return `the peer sent something that is not the protocol: ${this.why}`
  }
}

/** Any other JSON-RPC error of the node, as it came. */
export class Remote extends Schema.TaggedError<Remote>()("Remote", {
  code: Schema.Int,
  text: Schema.String,
  data: Schema.optionalKey(Schema.Unknown)
}) {
  override get message() {
    return `${this.text} (${this.code})`
  }
}

/** The server could not be opened at its address, for instance because the port is in use. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.host}:${this.port}: ${this.why}`
  }
}

/** The JWT secret cannot be used; the text names the file. */
export class BadSecret extends Schema.TaggedError<BadSecret>()("BadSecret", { text: Schema.String }) {
  override get message() {
    return this.text
  }
}

/** Why a step of the protocol failed. */
export const ManagedNodeErrorReason = Schema.Union([
  OutOfEvents,
  TargetNotFound,
  Conflict,
  LookupFailed,
  InteropInactive,
  BlockNotFound,
  Pruned,
  Refused,
  Unsupported,
  Passive,
  Unauthorized,
  Disconnected,
  TimedOut,
  Malformed,
  Remote,
  ListenFailed,
  BadSecret
])
export type ManagedNodeErrorReason = typeof ManagedNodeErrorReason.Type

const retryableReasons: ReadonlySet<ManagedNodeErrorReason["_tag"]> = new Set([
  "OutOfEvents",
  "LookupFailed",
  "Disconnected",
  "TimedOut"
])

/**
 * The one public error of this package: which step, and why. `Interop.ts` has the table to and from JSON-RPC codes.
 */
export class ManagedNodeError extends Schema.TaggedError<ManagedNodeError>()("ManagedNodeError", {
  /** The wire method (`interop_reset`), or the step of our own (`listen`, `connect`). */
  method: Schema.String,
  reason: ManagedNodeErrorReason
}) {
  override get message() {
    return `${this.method}: ${this.reason.message}`
  }
  /** A later try may succeed without anybody doing anything. */
  get retryable() {
    return retryableReasons.has(this.reason._tag)
  }
}
