/**
 * What can go wrong on a chain, as a closed set of reasons.
 */
import { Schema } from "effect"
import { BlockNumber, Hash } from "@ephor/types"

/** No block of that hash or height is known. */
export class UnknownBlock extends Schema.TaggedError<UnknownBlock>()("UnknownBlock", {
  block: Schema.Union([Hash, BlockNumber])
}) {
  override get message() {
    return typeof this.block === "number" ? `block not found: ${this.block}` : `unknown block ${this.block}`
  }
}

/** The block, or what was asked for at a time, is older than the history that is kept: `lowest` is the lowest block there is. */
export class Pruned extends Schema.TaggedError<Pruned>()("Pruned", {
  what: Schema.String,
  lowest: BlockNumber
}) {
  override get message() {
    return `pruned history unavailable: ${this.what} is below block ${this.lowest}, from which on this node keeps history`
  }
}

/** The parent of an imported block is not known: import parents first. */
export class UnknownParent extends Schema.TaggedError<UnknownParent>()("UnknownParent", {
  block: Hash,
  parent: Hash
}) {
  override get message() {
    return `the parent ${this.parent} of block ${this.block} is unknown: import it first`
  }
}

/** The block, or an ancestor of it, was found invalid and may never come back. */
export class Invalidated extends Schema.TaggedError<Invalidated>()("Invalidated", { block: Hash }) {
  override get message() {
    return `block ${this.block} is blacklisted: it or an ancestor of it was invalidated`
  }
}

/** The step would change a block that is final. */
export class Finalized extends Schema.TaggedError<Finalized>()("Finalized", {
  block: Hash,
  finalized: BlockNumber
}) {
  override get message() {
    return `block ${this.block} is at or below the finalized height ${this.finalized} and cannot be changed`
  }
}

/** The block is not a descendant of the head that it should follow, or the heads would break the ladder. */
export class NotDescendant extends Schema.TaggedError<NotDescendant>()("NotDescendant", {
  block: Hash,
  why: Schema.String
}) {
  override get message() {
    return `block ${this.block} cannot become that head: ${this.why}`
  }
}

/** The backend (an execution client, a store) failed. */
export class Backend extends Schema.TaggedError<Backend>()("Backend", {
  what: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    const cause = this.cause
    return `${this.what}: ${cause instanceof Error ? cause.message : String(cause)}`
  }
}

/** The chain has no way to do this (its backend does not offer it). */
export class Unsupported extends Schema.TaggedError<Unsupported>()("Unsupported", { what: Schema.String }) {
  override get message() {
    return `this chain's backend cannot ${this.what}`
  }
}

/** The data directory belongs to a chain with another genesis. */
export class ForeignStore extends Schema.TaggedError<ForeignStore>()("ForeignStore", {
  genesis: Hash,
  stored: Hash
}) {
  override get message() {
    return `the store holds the chain with genesis ${this.stored}, not ${this.genesis}: use another data directory or delete this one`
  }
}

/** Why a verb of the chain failed. */
export const ChainErrorReason = Schema.Union([
  UnknownBlock,
  Pruned,
  UnknownParent,
  Invalidated,
  Finalized,
  NotDescendant,
  Backend,
  Unsupported,
  ForeignStore
])
export type ChainErrorReason = typeof ChainErrorReason.Type

/** The one public error of `Chain`: which verb, and why. */
export class ChainError extends Schema.TaggedError<ChainError>()("ChainError", {
  method: Schema.String,
  reason: ChainErrorReason
}) {
  override get message() {
    return `${this.method}: ${this.reason.message}`
  }
  /** A later try may succeed without anybody doing anything. */
  get retryable() {
    return this.reason._tag === "Backend"
  }
}
