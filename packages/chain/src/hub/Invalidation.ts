/** Takes blocks out for ever, and puts replacements in their place: rules of the hub over a draft. */
import { type BlockRef, type Hash, type L2BlockRef } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import { Finalized, UnknownBlock } from "../ChainError.ts"
import * as Derivation from "../Derivation.ts"
import {
  type Draft,
  erase,
  moveHead,
  type Refused,
  setHeads,
  setSources,
  sourceAt,
  type State,
  storeNode,
  update
} from "./State.ts"
import * as Tables from "./Tables.ts"
import { exhausted } from "./Rules.ts"

/** Why a block cannot be invalidated; nothing when it can. */
export const invalidatable = (state: State, hash: Hash): Refused => {
  const ref = BlockTree.get(state.tree, hash)
  if (ref === undefined) return new UnknownBlock({ block: hash })
  const { finalized } = state.heads
  return BlockTree.isCanonical(state.tree, ref) && ref.number <= finalized.number
    ? new Finalized({ block: hash, finalized: finalized.number })
    : undefined
}

/** Takes an invalidatable block and its descendants out; the canonical chain ends at its parent if it was on it. */
const discard = (draft: Draft, ref: L2BlockRef): ReadonlyArray<BlockRef> => {
  if (BlockTree.isCanonical(draft.state.tree, ref)) moveHead(draft, ref.parentHash, false)
  const { removed, tree } = BlockTree.invalidate(draft.state.tree, ref.hash)
  update(draft, { tree })
  for (const block of removed) {
    erase(draft, block)
    draft.writes.push(Tables.invalid.put([block.hash], block.number))
  }
  return removed.map(BlockTree.toRef)
}

/** Blacklists an invalidatable block and its descendants. */
export const blacklist = (draft: Draft, hash: Hash, reason: string): void => {
  const ref = BlockTree.get(draft.state.tree, hash)!
  const moved = BlockTree.isCanonical(draft.state.tree, ref)
  const removed = discard(draft, ref)
  if (moved) update(draft, { derivation: Derivation.stop(draft.state.derivation, reason) })
  draft.events.push({
    _tag: "Reverted",
    head: draft.state.heads.localUnsafe,
    removed,
    reason,
    commanded: !moved
  })
}

/** Puts `replacement` where the invalidatable, canonical block `hash` stood; it becomes every head but the final one. */
export const replace = (draft: Draft, hash: Hash, replacement: L2BlockRef): void => {
  const ref = BlockTree.get(draft.state.tree, hash)!
  const source = sourceAt(draft.state, ref.number)
  const removed = discard(draft, ref)
  update(draft, { tree: BlockTree.insert(draft.state.tree, replacement) })
  storeNode(draft, replacement.hash)
  moveHead(draft, replacement.hash, false)
  setSources(draft, draft.state.heads.localSafe.number + 1, replacement.number, source)
  const block = BlockTree.toRef(replacement)
  setHeads(draft, { crossUnsafe: block, localSafe: block, crossSafe: block })
  draft.writes.push(Tables.replacements.put([hash], block))
  draft.events.push({ _tag: "Replaced", invalidated: BlockTree.toRef(ref), removed, replacement })
  if (draft.state.derivation.stopped !== undefined) return
  update(draft, { derivation: Derivation.start(source) })
  exhausted(draft)
}
