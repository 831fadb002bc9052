/**
 * The five things that happen to a chain. Every protocol is a pure fold over them.
 */
import { Schema } from "effect"
import { BlockRef, L2BlockRef, SafetyLevel } from "@ephor/types"

/**
 * What changed, in order.
 *
 * - `Imported`: a block entered the tree (it may be on a fork), or came (back) to the canonical chain after a
 *   `Reverted`: then the new branch follows block by block, parent first. Take a repeat as what it is.
 * - `Promoted`: the head of a level moved up to `block`. For `LocalSafe`, `source` is the L1 block it was derived
 *   from; a move of the source alone repeats the block with the new source. A new local-unsafe head shows as `Imported`.
 * - `Reverted`: the canonical chain was cut at `head`; `removed` are the blocks that left, highest first. `commanded`
 *   tells that somebody outside (the supervisor) dictated the heads, or that no head moved (an invalid fork was
 *   cleared away): nobody need ask for a reset. Not commanded and nothing removed: derivation stopped, for `reason`.
 * - `Replaced`: `invalidated` and its descendants are gone for ever (`removed`, highest first, ends with `invalidated`),
 *   `replacement` stands at the same height.
 * - `Exhausted`: all of L1 up to `source` is derived; `derived` is the last local-safe block. Repeated until the next
 *   L1 block is provided, so that a lost one does no harm.
 */
export const ChainEvent = Schema.TaggedUnion({
  Imported: { block: L2BlockRef },
  Promoted: { level: SafetyLevel, block: BlockRef, source: Schema.optionalKey(BlockRef) },
  Reverted: {
    head: BlockRef,
    removed: Schema.Array(BlockRef),
    reason: Schema.String,
    commanded: Schema.Boolean
  },
  Replaced: { invalidated: BlockRef, removed: Schema.Array(BlockRef), replacement: L2BlockRef },
  Exhausted: { source: BlockRef, derived: BlockRef }
})
export type ChainEvent = typeof ChainEvent.Type
