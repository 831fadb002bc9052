/**
 * The blocks that are not settled yet: what a validator owes the chain follows from them, whenever it looks. Whoever takes
 * up its duties from here, and not from events alone, has forgotten nothing after a restart.
 */
import type { Chain } from "@ephor/chain"
import type { BlockRef, Hash } from "@ephor/types"
import { Effect } from "effect"

/** How far to look. */
export interface Options {
  /** How far below the leaf blocks are looked at (polkadot-sdk's `MAX_FINALITY_LAG`). Default 500. */
  readonly maxBlocks?: number
  /** Final blocks that are looked at, too. Default 0. */
  readonly finalBlocks?: number
  /** Where to stop: this block and what is below it is known. Default: nothing is. */
  readonly isKnown?: (block: BlockRef) => boolean
}

/** Blocks below a leaf that are looked at where nothing else is said. */
export const maxBlocks = 500

/** Ancestors asked for at a time. */
const ancestorsPerRequest = 10

/**
 * The leaf and its ancestors above the final block, lowest first. What the chain cannot tell is left out: the next leaf
 * asks again.
 */
export const at = Effect.fnUntraced(function* (
  chain: Pick<Chain.Service, "ancestors" | "head">,
  leaf: BlockRef,
  options: Options = {}
) {
  const isKnown = options.isKnown ?? (() => false)
  const finalized = yield* chain.head("Finalized")
  const floor = Math.max(
    finalized.number - (options.finalBlocks ?? 0),
    leaf.number - (options.maxBlocks ?? maxBlocks)
  )
  const blocks: Array<BlockRef> = isKnown(leaf) ? [] : [leaf]
  while (blocks.length > 0) {
    const more = yield* chain
      .ancestors(blocks.at(-1)!.hash, ancestorsPerRequest)
      .pipe(Effect.orElseSucceed((): ReadonlyArray<BlockRef> => []))
    const end = more.findIndex((block) => isKnown(block) || block.number <= floor)
    blocks.push(...(end < 0 ? more : more.slice(0, end)))
    if (end >= 0 || more.length < ancestorsPerRequest) break
  }
  return blocks.toReversed()
})

/**
 * Whether something may still follow from a block: it is above the final one, and was not found invalid. A branch that was
 * left for another reason may come again.
 */
export const isOpen = Effect.fnUntraced(function* (
  chain: Pick<Chain.Service, "head" | "isInvalidated">,
  block: { readonly hash: Hash; readonly number: number }
) {
  const finalized = yield* chain.head("Finalized")
  return block.number > finalized.number && !(yield* chain.isInvalidated(block.hash))
})
