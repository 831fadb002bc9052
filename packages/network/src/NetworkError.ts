/**
 * What can go wrong between two peers, as a closed set of reasons.
 */
import { Data, Schema } from "effect"

/** There is no connection to that peer. */
export class NotConnected extends Schema.TaggedError<NotConnected>()("NotConnected", {
  peer: Schema.String
}) {
  override get message() {
    return `not connected to peer ${this.peer}`
  }
}

/** The answer did not come in time. */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>()("RequestTimeout", {
  peer: Schema.String,
  timeoutMs: Schema.Int
}) {
  override get message() {
    return `peer ${this.peer} did not answer within ${this.timeoutMs} ms`
  }
}

/** A message is longer than its protocol allows. */
export class TooLarge extends Schema.TaggedError<TooLarge>()("TooLarge", {
  what: Schema.Literals(["notification", "request", "response"]),
  bytes: Schema.Int,
  maxBytes: Schema.Int
}) {
  override get message() {
    return `a ${this.what} of ${this.bytes} bytes exceeds the limit of ${this.maxBytes}`
  }
}

/** The peer answered that it will not. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  peer: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `peer ${this.peer} refused: ${this.why}`
  }
}

/** The peer has more requests waiting than it holds. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", { peer: Schema.String }) {
  override get message() {
    return `peer ${this.peer} has too many requests waiting`
  }
}

/** The peer has as much of ours under way, or has lately had as much, as it takes of one peer. */
export class ShareTaken extends Schema.TaggedError<ShareTaken>()("ShareTaken", {
  peer: Schema.String,
  what: Schema.Literals(["at a time", "per second", "of one address block"])
}) {
  override get message() {
    return `peer ${this.peer} takes no more requests ${this.what} from us: ask again later`
  }
}

/** The protocol is not for everybody: who asks has not proved to be one of those who may speak it. */
export class NotAllowed extends Schema.TaggedError<NotAllowed>()("NotAllowed", {
  peer: Schema.String,
  speakers: Schema.String
}) {
  override get message() {
    return `peer ${this.peer} refused: ${this.speakers} may speak this protocol: prove to be one with its key`
  }
}

/** The peer does not speak the protocol. */
export class NotServed extends Schema.TaggedError<NotServed>()("NotServed", { peer: Schema.String }) {
  override get message() {
    return `peer ${this.peer} does not serve this protocol`
  }
}

/** Somebody in this process serves the protocol already. */
export class AlreadyServed extends Schema.TaggedError<AlreadyServed>()("AlreadyServed", {}) {
  override get message() {
    return "this protocol is served already: one handler per protocol"
  }
}

/** The name is taken. */
export class PeerTaken extends Schema.TaggedError<PeerTaken>()("PeerTaken", { peer: Schema.String }) {
  override get message() {
    return `the network has a peer ${this.peer} already: choose another name`
  }
}

/** An address cannot be dialled or listened on. */
export class BadAddress extends Schema.TaggedError<BadAddress>()("BadAddress", {
  address: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `${this.address} is not an address such as /ip4/127.0.0.1/tcp/30333: ${this.why}`
  }
}

/** The key of our identity is not 32 bytes. */
export class BadNodeKey extends Schema.TaggedError<BadNodeKey>()("BadNodeKey", {}) {
  override get message() {
    return "the node key is not 32 bytes"
  }
}

/** An address to listen on is taken, or is not ours. */
export class CannotListen extends Schema.TaggedError<CannotListen>()("CannotListen", {
  addresses: Schema.Array(Schema.String),
  why: Schema.String
}) {
  override get message() {
    return `cannot listen on ${this.addresses.join(", ")}: ${this.why}; choose another address or end who uses it`
  }
}

/** Why a network operation failed. */
export const NetworkErrorReason = Schema.Union([
  NotConnected,
  RequestTimeout,
  TooLarge,
  Refused,
  Overloaded,
  ShareTaken,
  NotAllowed,
  NotServed,
  AlreadyServed,
  PeerTaken,
  BadAddress,
  BadNodeKey,
  CannotListen
])
export type NetworkErrorReason = typeof NetworkErrorReason.Type

/** The one public error of `Network`: which protocol or operation, and why. */
export class NetworkError extends Schema.TaggedError<NetworkError>()("NetworkError", {
  operation: Schema.String,
  reason: NetworkErrorReason
}) {
  override get message() {
    return `${this.operation}: ${this.reason.message}`
  }
  /** A later try, or a try with another peer, may succeed. */
  get retryable() {
    return ["NotConnected", "RequestTimeout", "Overloaded", "ShareTaken"].includes(this.reason._tag)
  }
}

/** What a request handler fails with when it will not answer; `why` travels to the peer. */
export class Refusal extends Data.TaggedError("Refusal")<{ readonly why: string }> {}
