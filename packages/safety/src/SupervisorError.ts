/**
 * What can go wrong in a supervisor, as a closed set of reasons, and how each looks on the wire.
 */
import { Schema } from "effect"
import { ChainId } from "@ephor/types"
import { StoreError } from "@ephor/store/Store"
import { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import { Fault } from "./Fault.ts"

/** The configuration contradicts itself, or the data directory. */
export class BadConfiguration extends Schema.TaggedError<BadConfiguration>()("BadConfiguration", {
  why: Schema.String
}) {
  override get message() {
    return this.why
  }
}

/** Nothing is known yet: the service has just started. */
export class NotReady extends Schema.TaggedError<NotReady>()("NotReady", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** The parameters of a call can not be used. */
export class BadRequest extends Schema.TaggedError<BadRequest>()("BadRequest", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** What was asked for is so already. */
export class Redundant extends Schema.TaggedError<Redundant>()("Redundant", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** A node cannot be added: it does not answer, or does not belong here. */
export class NotAttached extends Schema.TaggedError<NotAttached>()("NotAttached", { why: Schema.String }) {
  override get message() {
    return this.why
  }
}

/** An invalid block was found and nobody switched the fail-safe off yet. */
export class Failsafe extends Schema.TaggedError<Failsafe>()("Failsafe", {}) {
  override get message() {
    return "failsafe is enabled, rejecting all CheckAccessList requests"
  }
}

/** The databases have no such thing; see `Fault`. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", { fault: Fault }) {
  override get message() {
    const { _tag, detail } = this.fault
    return `${faultCodes[_tag].text}: ${detail}`
  }
}

/** No node of the chain could answer. */
export class NodeFailed extends Schema.TaggedError<NodeFailed>()("NodeFailed", {
  chainId: ChainId,
  cause: ManagedNodeError
}) {
  override get message() {
    return `no node of chain ${this.chainId} answered: ${this.cause.message}`
  }
}

/** The store failed. What is in memory may be ahead of the disk, so the supervisor ends; start it again. */
export class StoreFailed extends Schema.TaggedError<StoreFailed>()("StoreFailed", { cause: StoreError }) {
  override get message() {
    return this.cause.message
  }
}

/** A fiber of the supervisor ended, which none may: this is a bug. */
export class Crashed extends Schema.TaggedError<Crashed>()("Crashed", {
  what: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    return `${this.what} ended: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** The RPC server could not be opened, for instance because the port is in use. */
export class ListenFailed extends Schema.TaggedError<ListenFailed>()("ListenFailed", {
  host: Schema.String,
  port: Schema.Int,
  cause: Schema.Defect()
}) {
  override get message() {
    return `cannot listen on ${this.host}:${this.port}: ${this.cause instanceof Error ? this.cause.message : String(this.cause)}`
  }
}

/** Why the supervisor failed. */
export const SupervisorErrorReason = Schema.Union([
  BadConfiguration,
  NotReady,
  BadRequest,
  Redundant,
  NotAttached,
  Failsafe,
  Refused,
  NodeFailed,
  StoreFailed,
  Crashed,
  ListenFailed
])
export type SupervisorErrorReason = typeof SupervisorErrorReason.Type

/** Wire code and go-text of each fault (table of the OP supervisor specification). */
export const faultCodes: {
  readonly [Tag in Fault["_tag"]]: { readonly code: number; readonly name: string; readonly text: string }
} = {
  Conflict: { code: -320_600, name: "conflict", text: "conflicting data" },
  Future: { code: -321_401, name: "future", text: "future data" },
  OutOfOrder: { code: -320_900, name: "out of order", text: "data out of order" },
  Skipped: { code: -320_500, name: "skipped", text: "skipped data" },
  NotExact: { code: -321_500, name: "not exact", text: "missed data" },
  Ineffective: { code: -320_601, name: "ineffective", text: "ineffective data" },
  AwaitReplacement: { code: -320_901, name: "await replacement", text: "awaiting replacement block" },
  OutOfScope: { code: -321_100, name: "out of scope", text: "out of scope" },
  PreviousToFirst: {
    code: -321_200,
    name: "previous to first",
    text: "cannot get parent of first block in the database"
  },
  UnknownChain: { code: -320_501, name: "unknown chain", text: "unknown chain" },
  Uninitialized: { code: -320_400, name: "uninitialized", text: "uninitialized chain database" },
  DataCorruption: { code: -321_501, name: "data corruption", text: "data corruption" }
}

/** How an error looks in a JSON-RPC answer. */
export interface WireError {
  readonly code: number
  readonly message: string
  readonly data?: string
}

/** The method whose callers know one code only for "not acceptable". */
export const checkAccessListMethod = "supervisor_checkAccessList"

/** The one public error of this package: which step, and why. */
export class SupervisorError extends Schema.TaggedError<SupervisorError>()("SupervisorError", {
  /** The wire method (`supervisor_syncStatus`), or a step of our own (`start`, `run`, `listen`). */
  method: Schema.String,
  reason: SupervisorErrorReason
}) {
  override get message() {
    return `${this.method}: ${this.reason.message}`
  }
  /** A later try may succeed without anybody doing anything. */
  get retryable() {
    const { reason } = this
    switch (reason._tag) {
      case "NotReady":
        return true
      case "NodeFailed":
        return reason.cause.retryable
      case "Refused":
        return reason.fault._tag === "Future" || reason.fault._tag === "AwaitReplacement"
      default:
        return false
    }
  }
}

/**
 * The answer that tells a caller. `checkAccessList` collapses every fault to "conflicting data", because Go clients
 * know nothing else; the precise name is in `data`.
 */
export const toWireError = ({ method, reason }: SupervisorError): WireError => {
  switch (reason._tag) {
    case "Refused": {
      const { code, name, text } = faultCodes[reason.fault._tag]
      return method === checkAccessListMethod
        ? { code: faultCodes.Conflict.code, message: faultCodes.Conflict.text, data: name }
        : { code, message: `${text}: ${reason.fault.detail}` }
    }
    case "BadRequest":
    case "Failsafe":
      return { code: -32_602, message: reason.message }
    case "Crashed":
      return { code: -32_603, message: "internal error" }
    default:
      return { code: -32_000, message: reason.message }
  }
}
