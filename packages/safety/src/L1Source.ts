/**
 * Four questions about an L1: all that somebody who follows it by other means has to answer.
 */
import { type Effect, type Option, Schema } from "effect"
import type { BlockNumber, BlockRef, Hash } from "@ephor/types"

/** The L1 could not be asked. */
export class L1Error extends Schema.TaggedError<L1Error>()("L1Error", {
  method: Schema.String,
  why: Schema.String
}) {
  override get message() {
    return `L1 ${this.method} failed: ${this.why}`
  }
}

/** The four questions; none for a block that is not there. */
export interface Source {
  readonly latest: Effect.Effect<Option.Option<BlockRef>, L1Error>
  readonly finalized: Effect.Effect<Option.Option<BlockRef>, L1Error>
  readonly blockByNumber: (number: BlockNumber) => Effect.Effect<Option.Option<BlockRef>, L1Error>
  readonly blockByHash: (hash: Hash) => Effect.Effect<Option.Option<BlockRef>, L1Error>
}
