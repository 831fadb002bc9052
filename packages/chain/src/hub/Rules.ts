/**
 * The rules of the hub as plain functions: each takes a draft of the next state, and either changes it or returns why
 * it may not be changed so.
 */
import { HashMap } from "effect"
import {
  type BlockRef,
  type Hash,
  headKey,
  type Heads,
  ladderViolation,
  type L2BlockRef,
  type SafetyLevel
} from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { HeadRefs } from "../Chain.ts"
import {
  type ChainErrorReason,
  Finalized,
  Invalidated,
  NotDescendant,
  UnknownBlock,
  UnknownParent
} from "../ChainError.ts"
import * as Derivation from "../Derivation.ts"
import {
  adopt,
  type Draft,
  forget,
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

/** Adds a block; the caller writes its content. */
export const importBlock = (draft: Draft, ref: L2BlockRef): Refused => {
  const { heads, tree } = draft.state
  if (BlockTree.isInvalid(tree, ref.hash) || BlockTree.isInvalid(tree, ref.parentHash))
    return new Invalidated({ block: ref.hash })
  const parent = BlockTree.get(tree, ref.parentHash)
  const known = BlockTree.get(tree, ref.hash)
  if (known !== undefined) {
    if (ref.parentHash === tree.head.hash) adopt(draft, ref.hash, "")
    return undefined
  }
  if (parent === undefined) return new UnknownParent({ block: ref.hash, parent: ref.parentHash })
  if (ref.number !== parent.number + 1 || ref.timestamp < parent.timestamp) {
    return new NotDescendant({
      block: ref.hash,
      why: `height ${ref.number} and time ${ref.timestamp} do not follow its parent's ${parent.number} and ${parent.timestamp}`
    })
  }
  const fork = BlockTree.canonicalAncestor(tree, parent.hash)!
  if (fork.number < heads.finalized.number)
    return new Finalized({ block: ref.hash, finalized: heads.finalized.number })
  update(draft, { tree: BlockTree.insert(tree, ref) })
  storeNode(draft, ref.hash)
  const longer = ref.number > tree.head.number && fork.number >= heads.localSafe.number
  if (parent.hash === tree.head.hash || (longer && !BlockTree.node(draft.state.tree, ref.hash)!.abandoned)) {
    adopt(draft, ref.hash, `the branch of block ${ref.hash} became longer`)
  } else {
    draft.events.push({ _tag: "Imported", block: ref })
  }
  return undefined
}

const promoted = (draft: Draft, level: SafetyLevel, ref: L2BlockRef, source?: BlockRef): void => {
  const block = BlockTree.toRef(ref)
  setHeads(draft, { [headKey[level]]: block })
  draft.events.push({ _tag: "Promoted", level, block, ...(source === undefined ? {} : { source }) })
}

const promoteLocalSafe = (draft: Draft, ref: L2BlockRef, given: BlockRef | undefined): void => {
  const { derivation, heads } = draft.state
  const source = given ?? derivation.origin
  const moved = source.number > derivation.origin.number
  if (ref.number < heads.localSafe.number || (ref.number === heads.localSafe.number && !moved)) return
  setSources(draft, heads.localSafe.number + 1, ref.number, source)
  if (moved) update(draft, { derivation: { ...derivation, origin: source } })
  promoted(draft, "LocalSafe", ref, source)
}

/** Raises one head. `retainedBlocks` says how much of the finalized chain stays in memory. */
export const promote = (
  draft: Draft,
  level: SafetyLevel,
  hash: Hash,
  source: BlockRef | undefined,
  retainedBlocks: number
): Refused => {
  const { heads, tree } = draft.state
  if (BlockTree.isInvalid(tree, hash)) return new Invalidated({ block: hash })
  const ref = BlockTree.get(tree, hash)
  if (ref === undefined) return new UnknownBlock({ block: hash })
  if (level === "LocalUnsafe" && BlockTree.isAncestor(tree, tree.head.hash, hash)) {
    if (hash !== tree.head.hash) adopt(draft, hash, "")
    return undefined
  }
  if (!BlockTree.isCanonical(tree, ref))
    return new NotDescendant({ block: hash, why: "it is not on the canonical chain" })
  if (level === "LocalSafe") {
    promoteLocalSafe(draft, ref, source)
    return undefined
  }
  if (ref.number <= heads[headKey[level]].number) return undefined
  const under = level === "CrossSafe" ? "localSafe" : level === "Finalized" ? "crossSafe" : "localUnsafe"
  if (ref.number > heads[under].number) {
    return new NotDescendant({
      block: hash,
      why: `height ${ref.number} is above the ${under} head ${heads[under].number}`
    })
  }
  if (level === "CrossSafe" && ref.number > heads.crossUnsafe.number) promoted(draft, "CrossUnsafe", ref)
  promoted(draft, level, ref)
  if (level === "Finalized") forget(draft, ref.number - retainedBlocks)
  return undefined
}

/** Makes a block final on the word of the backend, raising every lower head that is behind. */
export const finalize = (draft: Draft, hash: Hash, retainedBlocks: number): Refused => {
  const { heads, tree } = draft.state
  const fork = BlockTree.canonicalAncestor(tree, hash)
  if (fork !== undefined && fork.hash !== hash && fork.number >= heads.finalized.number) {
    adopt(draft, hash, `block ${hash} became final`)
  }
  for (const level of ["LocalSafe", "CrossSafe", "Finalized"] as const) {
    const refused = promote(draft, level, hash, undefined, retainedBlocks)
    if (refused !== undefined) return refused
  }
  return undefined
}

/** The heads that `revert` would force, or what is wrong with them. A lower finalized head than ours is passed over. */
export const revertTarget = (state: State, wanted: Heads): HeadRefs | ChainErrorReason => {
  const { heads, tree } = state
  const final = wanted.finalized.number <= heads.finalized.number ? heads.finalized : wanted.finalized
  if (wanted.finalized.number === heads.finalized.number && wanted.finalized.hash !== heads.finalized.hash) {
    return new Finalized({ block: wanted.finalized.hash, finalized: heads.finalized.number })
  }
  const targets = { ...wanted, finalized: final }
  const found: { -readonly [Key in keyof HeadRefs]?: BlockRef } = {}
  for (const key of ["localUnsafe", "crossUnsafe", "localSafe", "crossSafe", "finalized"] as const) {
    const { hash, number } = targets[key]
    if (BlockTree.isInvalid(tree, hash)) return new Invalidated({ block: hash })
    const ref = BlockTree.get(tree, hash)
    if (number < heads.finalized.number)
      return new Finalized({ block: hash, finalized: heads.finalized.number })
    if (ref === undefined) return new UnknownBlock({ block: hash })
    if (ref.number !== number)
      return new NotDescendant({ block: hash, why: `its height is ${ref.number}, not ${number}` })
    if (!BlockTree.isAncestor(tree, hash, targets.localUnsafe.hash)) {
      return new NotDescendant({
        block: hash,
        why: `the local-unsafe head ${targets.localUnsafe.hash} does not build on it`
      })
    }
    found[key] = BlockTree.toRef(ref)
  }
  const refs = found as HeadRefs
  if (!BlockTree.isAncestor(tree, heads.finalized.hash, refs.localUnsafe.hash)) {
    return new Finalized({ block: refs.localUnsafe.hash, finalized: heads.finalized.number })
  }
  const violation = ladderViolation(refs)
  return violation === undefined ? refs : new NotDescendant({ block: refs.localUnsafe.hash, why: violation })
}

/** Forces five heads that `revertTarget` has approved. */
export const revert = (
  draft: Draft,
  target: HeadRefs,
  reason: string,
  commanded: boolean,
  retainedBlocks: number
): void => {
  const before = draft.state
  const { added, fork, removed } = moveHead(draft, target.localUnsafe.hash, true)
  const known = Math.min(fork.number, before.heads.localSafe.number, target.localSafe.number)
  const source = sourceAt(before, known)
  for (let number = target.localSafe.number + 1; number <= before.heads.localSafe.number; number++) {
    draft.writes.push(Tables.sources.delete([number]))
    update(draft, { sources: HashMap.remove(draft.state.sources, number) })
  }
  setSources(draft, known + 1, target.localSafe.number, source)
  setHeads(draft, target)
  update(draft, {
    derivation: commanded ? Derivation.start(source) : Derivation.stop(draft.state.derivation, reason)
  })
  draft.events.push({
    _tag: "Reverted",
    head: fork,
    removed: removed.map(BlockTree.toRef),
    reason,
    commanded
  })
  for (const block of added) draft.events.push({ _tag: "Imported", block })
  if (target.finalized.number > before.heads.finalized.number)
    forget(draft, target.finalized.number - retainedBlocks)
  if (commanded) exhausted(draft)
}

/** Tells that the origin is derived. */
export const exhausted = (draft: Draft): void => {
  draft.events.push({
    _tag: "Exhausted",
    source: draft.state.derivation.origin,
    derived: draft.state.heads.localSafe
  })
}

/** Offers an L1 block; true when there is work to do. */
export const provide = (draft: Draft, next: BlockRef): Derivation.Outcome => {
  const outcome = Derivation.provide(draft.state.derivation, next)
  if (outcome._tag === "Ignored") return outcome
  update(draft, { derivation: outcome.state })
  if (outcome._tag === "Accepted") {
    const { localSafe } = draft.state.heads
    draft.events.push({
      _tag: "Promoted",
      level: "LocalSafe",
      block: localSafe,
      source: outcome.state.origin
    })
  } else {
    stopped(draft, outcome.reason)
  }
  return outcome
}

/** Tells that derivation stopped. */
export const stopped = (draft: Draft, reason: string): void => {
  draft.events.push({
    _tag: "Reverted",
    head: draft.state.heads.localUnsafe,
    removed: [],
    reason,
    commanded: false
  })
}

/** A block was derived from the origin: it becomes local-safe, and canonical if it was not. */
export const derived = (draft: Draft, block: L2BlockRef): Refused => {
  const { heads, tree } = draft.state
  if (BlockTree.isInvalid(tree, block.hash)) return new Invalidated({ block: block.hash })
  const ref = BlockTree.get(tree, block.hash)
  if (ref === undefined) return new UnknownBlock({ block: block.hash })
  if (!BlockTree.isCanonical(tree, ref)) {
    if (BlockTree.canonicalAncestor(tree, ref.hash)!.number < heads.localSafe.number) {
      return new NotDescendant({
        block: ref.hash,
        why: `it does not build on the local-safe head ${heads.localSafe.hash}`
      })
    }
    adopt(draft, ref.hash, `block ${ref.hash} was derived from L1 in place of the unsafe chain`)
  }
  promoteLocalSafe(draft, ref, undefined)
  return undefined
}
