/**
 * What can go wrong with JSON-RPC, as a closed set of reasons. No text of an error holds the secrets of an endpoint.
 */
import { Schema } from "effect"
import type { RpcError } from "./JsonRpc.ts"
import { isLater, isUnusableMethod } from "./RetryClass.ts"

/** There is no connection: nobody listens, or it broke off. */
export class Disconnected extends Schema.TaggedError<Disconnected>()("Disconnected", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** There was no answer in time. */
export class TimedOut extends Schema.TaggedError<TimedOut>()("TimedOut", { afterMs: Schema.Int }) {
  override get message() {
    return `no answer within ${this.afterMs} ms`
  }
}

/** The server turned the caller away (HTTP 401 or 403). */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", {
  status: Schema.Int,
  why: Schema.String
}) {
  override get message() {
    return `HTTP status ${this.status}: ${this.why}`
  }
}

/** The server answered with an HTTP status and without JSON-RPC. */
export class HttpStatus extends Schema.TaggedError<HttpStatus>()("HttpStatus", {
  status: Schema.Int,
  text: Schema.String
}) {
  override get message() {
    return `HTTP status ${this.status}: ${this.text}`
  }
}

/** The answer is no JSON-RPC, or not of the shape that was asked for; `why` names the field. */
export class Malformed extends Schema.TaggedError<Malformed>()("Malformed", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** The server answered with an error of JSON-RPC. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  code: Schema.Finite,
  text: Schema.String,
  data: Schema.optionalKey(Schema.Unknown)
}) {
  /** The reason that an error object of an answer is. */
  static of({ code, data, message }: RpcError): Refused {
    return new Refused({ code, text: message, ...(data === undefined ? {} : { data }) })
  }
  override get message() {
    return `${this.text} (${this.code})`
  }
}

/** A door could not be opened, for instance because the port is in use. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  /** The code of the system, `EADDRINUSE` for one; empty if there is none. */
  code: Schema.String,
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

/** The endpoint is no URL that a client can use. */
export class BadUrl extends Schema.TaggedError<BadUrl>()("BadUrl", { text: Schema.String }) {
  override get message() {
    return this.text
  }
}

/** Why a call, or a step towards one, failed. */
export const JsonRpcErrorReason = Schema.Union([
  Disconnected,
  TimedOut,
  Unauthorized,
  HttpStatus,
  Malformed,
  Refused,
  ListenFailed,
  BadSecret,
  BadUrl
])
export type JsonRpcErrorReason = typeof JsonRpcErrorReason.Type

const sentence = (endpoint: string, method: string, reason: JsonRpcErrorReason): string => {
  switch (reason._tag) {
    case "Disconnected":
    case "TimedOut":
      return `${endpoint} did not answer ${method}: ${reason.message}`
    case "Unauthorized":
      return `${endpoint} turned ${method} away: ${reason.message}`
    case "Refused":
      return `${endpoint} refused ${method}: ${reason.message}`
    case "HttpStatus":
    case "Malformed":
      return `${endpoint} is not a JSON-RPC address that serves ${method}: it answered ${method} with ${reason.message}`
    case "ListenFailed":
    case "BadSecret":
    case "BadUrl":
      return reason.message
  }
}

/** The one public error of this package: which server, which method or step, and why. */
export class JsonRpcError extends Schema.TaggedError<JsonRpcError>()("JsonRpcError", {
  /** The endpoint as it prints; empty for steps that have none. */
  endpoint: Schema.String,
  /** The method on the wire, or the step of our own (`listen`, `jwtSecret`, `connect`). */
  method: Schema.String,
  reason: JsonRpcErrorReason
}) {
  override get message() {
    return sentence(this.endpoint, this.method, this.reason)
  }
  /** A later try may succeed without anybody doing anything: see `RetryClass`. */
  get retryable(): boolean {
    return isLater(this.reason)
  }
  /** The server does not offer the method, by whatever words: see `RetryClass`. */
  get isUnusableMethod(): boolean {
    return isUnusableMethod(this.reason)
  }
}
