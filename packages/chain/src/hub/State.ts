/**
 * The state of a chain and the elementary changes of a draft of it, each with the writes and events that belong to it.
 */
import { HashMap, Option } from "effect"
import type { BlockNumber, BlockRef, Hash, L2BlockRef } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { HeadRefs } from "../Chain.ts"
import type { ChainErrorReason } from "../ChainError.ts"
import type { ChainEvent } from "../ChainEvent.ts"
import type * as Derivation from "../Derivation.ts"
import type { Write } from "@ephor/store/Store"
import * as Tables from "./Tables.ts"

/** All of a chain that is in memory. */
export interface State {
  readonly tree: BlockTree.BlockTree
  readonly heads: HeadRefs
  readonly derivation: Derivation.Derivation
  /** The first L1 source of each canonical local-safe block above the root of the tree. */
  readonly sources: HashMap.HashMap<BlockNumber, BlockRef>
}

/** A change in the making. */
export interface Draft {
  state: State
  readonly events: Array<ChainEvent>
  readonly writes: Array<Write>
}

/** Why a step was refused; nothing when the draft holds the change. */
export type Refused = ChainErrorReason | undefined

/** Changes parts of the state. */
export const update = (draft: Draft, changes: Partial<State>): void => {
  draft.state = { ...draft.state, ...changes }
}

/** Changes some of the heads. */
export const setHeads = (draft: Draft, heads: Partial<HeadRefs>): void =>
  update(draft, { heads: { ...draft.state.heads, ...heads } })

/** Writes the reference of a block that is in the tree. */
export const storeNode = (draft: Draft, hash: Hash): void => {
  const node = BlockTree.node(draft.state.tree, hash)!
  draft.writes.push(
    Tables.blocks.put([node.ref.number, hash], node),
    Tables.numbers.put([hash], node.ref.number)
  )
}

/** Moves the canonical branch; heads that lose their block fall back to where the branches part. */
export const moveHead = (
  draft: Draft,
  hash: Hash,
  abandon: boolean
): BlockTree.Moved & { readonly fork: BlockRef } => {
  const { heads, sources, tree } = draft.state
  const fork = BlockTree.toRef(BlockTree.canonicalAncestor(tree, hash)!)
  const moved = BlockTree.moveHead(tree, hash, abandon)
  const below = (head: BlockRef) => (head.number > fork.number ? fork : head)
  let kept = sources
  for (const { hash, number } of moved.removed) {
    draft.writes.push(Tables.canonical.delete([number]), Tables.sources.delete([number]))
    kept = HashMap.remove(kept, number)
    if (abandon) draft.writes.push(Tables.blocks.put([number, hash], BlockTree.node(moved.tree, hash)!))
  }
  for (const { hash, number } of moved.added) {
    draft.writes.push(
      Tables.canonical.put([number], hash),
      Tables.blocks.put([number, hash], BlockTree.node(moved.tree, hash)!)
    )
  }
  update(draft, {
    tree: moved.tree,
    sources: kept,
    heads: {
      localUnsafe: BlockTree.toRef(moved.tree.head),
      crossUnsafe: below(heads.crossUnsafe),
      localSafe: below(heads.localSafe),
      crossSafe: below(heads.crossSafe),
      finalized: heads.finalized
    }
  })
  return { ...moved, fork }
}

/** Moves the canonical branch and tells so. */
export const adopt = (draft: Draft, hash: Hash, reason: string): void => {
  const { added, fork, removed } = moveHead(draft, hash, false)
  if (removed.length > 0) {
    draft.events.push({
      _tag: "Reverted",
      head: fork,
      removed: removed.map(BlockTree.toRef),
      reason,
      commanded: false
    })
  }
  for (const block of added) draft.events.push({ _tag: "Imported", block })
}

/** The source of the canonical block at a height: its own, or that of the highest local-safe block below it. */
export const sourceAt = (state: State, number: BlockNumber): BlockRef =>
  Option.getOrElse(
    HashMap.get(state.sources, Math.min(number, state.heads.localSafe.number)),
    () => state.derivation.origin
  )

/** Notes the L1 source of the canonical blocks `from` to `to`. */
export const setSources = (draft: Draft, from: BlockNumber, to: BlockNumber, source: BlockRef): void => {
  let sources = draft.state.sources
  for (let number = from; number <= to; number++) {
    sources = HashMap.set(sources, number, source)
    draft.writes.push(Tables.sources.put([number], source))
  }
  update(draft, { sources })
}

/** Drops what can no longer change from memory, and dead forks from disk too. */
export const forget = (draft: Draft, floor: BlockNumber): void => {
  const { tree, dead } = BlockTree.prune(draft.state.tree, floor)
  let sources = draft.state.sources
  for (let number = draft.state.tree.root.number; number < tree.root.number; number++) {
    sources = HashMap.remove(sources, number)
    draft.writes.push(Tables.sources.delete([number]))
  }
  // At the root and below, the final chain is the only one: what was invalid there cannot be added again.
  const rest = BlockTree.forgetInvalid(tree, tree.root.number)
  for (const hash of rest.forgotten)
    draft.writes.push(Tables.invalid.delete([hash]), Tables.replacements.delete([hash]))
  update(draft, { tree: rest.tree, sources })
  for (const ref of dead) erase(draft, ref)
}

/** Deletes a block from disk. */
export const erase = (draft: Draft, { hash, number }: L2BlockRef): void => {
  draft.writes.push(
    Tables.blocks.delete([number, hash]),
    Tables.numbers.delete([hash]),
    Tables.contents.delete([hash])
  )
}
