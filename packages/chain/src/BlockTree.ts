/**
 * The blocks that may still change, as a tree of references: all forks above a floor, and which branch is canonical.
 * Plain persistent data: a step gives a new tree, the old one stays as it was.
 */
import { HashMap, Option } from "effect"
import type { BlockNumber, BlockRef, Hash, L2BlockRef } from "@ephor/types"

/** A block in the tree. */
export interface Node {
  readonly ref: L2BlockRef
  /** It or an ancestor was taken out by a revert: its branch never takes over for being longer. */
  readonly abandoned: boolean
}

/** A tree of blocks. `root` is its lowest block, `head` the tip of the canonical branch. */
export interface BlockTree {
  readonly root: L2BlockRef
  readonly head: L2BlockRef
  readonly nodes: HashMap.HashMap<Hash, Node>
  readonly children: HashMap.HashMap<Hash, ReadonlyArray<Hash>>
  readonly canonical: HashMap.HashMap<BlockNumber, Hash>
  /** Blocks that were found invalid, and what was built on them, with their heights: for as long as they could come back. */
  readonly invalid: HashMap.HashMap<Hash, BlockNumber>
}

/** A tree of one block. */
export const make = (root: L2BlockRef, invalid: Iterable<readonly [Hash, BlockNumber]> = []): BlockTree => ({
  root,
  head: root,
  nodes: HashMap.make([root.hash, { ref: root, abandoned: false }]),
  children: HashMap.empty(),
  canonical: HashMap.make([root.number, root.hash]),
  invalid: HashMap.fromIterable(invalid)
})

/** The node of a hash. */
export const node = (tree: BlockTree, hash: Hash): Node | undefined =>
  Option.getOrUndefined(HashMap.get(tree.nodes, hash))

/** The block of a hash. */
export const get = (tree: BlockTree, hash: Hash): L2BlockRef | undefined => node(tree, hash)?.ref

/** The canonical block at a height. */
export const at = (tree: BlockTree, number: BlockNumber): L2BlockRef | undefined =>
  Option.getOrUndefined(Option.map(HashMap.get(tree.canonical, number), (hash) => get(tree, hash)!))

/** Whether a block is on the canonical branch. */
export const isCanonical = (
  tree: BlockTree,
  ref: { readonly hash: Hash; readonly number: BlockNumber }
): boolean => Option.contains(HashMap.get(tree.canonical, ref.number), ref.hash)

/** Whether a block was invalidated, or builds on one that was. */
export const isInvalid = (tree: BlockTree, hash: Hash): boolean => HashMap.has(tree.invalid, hash)

/** The ancestors of a block, parent first, down to the root. */
export function* ancestors(tree: BlockTree, hash: Hash): Generator<L2BlockRef> {
  let ref = get(tree, hash)
  while (ref !== undefined && ref.hash !== tree.root.hash) {
    ref = get(tree, ref.parentHash)
    if (ref !== undefined) yield ref
  }
}

/** Whether `ancestor` is `block` or one of its ancestors. */
export const isAncestor = (tree: BlockTree, ancestor: Hash, block: Hash): boolean => {
  const lower = get(tree, ancestor)
  const upper = get(tree, block)
  if (lower === undefined || upper === undefined || lower.number > upper.number) return false
  if (isCanonical(tree, upper)) return isCanonical(tree, lower)
  if (ancestor === block) return true
  for (const ref of ancestors(tree, block)) {
    if (ref.number <= lower.number) return ref.hash === lower.hash
    if (isCanonical(tree, ref)) return isCanonical(tree, lower)
  }
  return false
}

/** The highest canonical block that is `hash` or an ancestor of it. */
export const canonicalAncestor = (tree: BlockTree, hash: Hash): L2BlockRef | undefined => {
  const ref = get(tree, hash)
  if (ref === undefined || isCanonical(tree, ref)) return ref
  for (const ancestor of ancestors(tree, hash)) if (isCanonical(tree, ancestor)) return ancestor
  return undefined
}

/** All descendants of a block on all forks, lowest first. */
export const descendants = (tree: BlockTree, hash: Hash): ReadonlyArray<L2BlockRef> => {
  const found: Array<L2BlockRef> = []
  let layer: ReadonlyArray<Hash> = childrenOf(tree, hash)
  while (layer.length > 0) {
    for (const child of layer) found.push(get(tree, child)!)
    layer = layer.flatMap((child) => childrenOf(tree, child))
  }
  return found
}

const childrenOf = (tree: BlockTree, hash: Hash): ReadonlyArray<Hash> =>
  Option.getOrElse(HashMap.get(tree.children, hash), () => [])

/** Adds a block whose parent is in the tree; the canonical branch stays as it is. */
export const insert = (tree: BlockTree, ref: L2BlockRef, abandoned = false): BlockTree => ({
  ...tree,
  nodes: HashMap.set(tree.nodes, ref.hash, {
    ref,
    abandoned: abandoned || node(tree, ref.parentHash)?.abandoned === true
  }),
  children: HashMap.set(tree.children, ref.parentHash, [...childrenOf(tree, ref.parentHash), ref.hash])
})

/** A tree whose canonical branch was changed, with the blocks that left it (highest first) and joined it (lowest first). */
export interface Moved {
  readonly tree: BlockTree
  readonly removed: ReadonlyArray<L2BlockRef>
  readonly added: ReadonlyArray<L2BlockRef>
}

/** Makes `hash` the tip of the canonical branch. With `abandon`, what leaves may only come back one block at a time. */
export const moveHead = (tree: BlockTree, hash: Hash, abandon: boolean): Moved => {
  const fork = canonicalAncestor(tree, hash)!
  const removed: Array<L2BlockRef> = []
  for (let number = tree.head.number; number > fork.number; number--) removed.push(at(tree, number)!)
  const added: Array<L2BlockRef> = []
  for (let ref = get(tree, hash)!; ref.hash !== fork.hash; ref = get(tree, ref.parentHash)!) added.push(ref)
  added.reverse()
  let { canonical, nodes } = tree
  for (const ref of removed) canonical = HashMap.remove(canonical, ref.number)
  for (const ref of added) {
    canonical = HashMap.set(canonical, ref.number, ref.hash)
    nodes = HashMap.set(nodes, ref.hash, { ref, abandoned: false })
  }
  if (abandon) {
    const lowest = removed.at(-1)
    const left = lowest === undefined ? [] : [lowest, ...descendants(tree, lowest.hash)]
    for (const ref of left) nodes = HashMap.set(nodes, ref.hash, { ref, abandoned: true })
  }
  return { tree: { ...tree, head: get(tree, hash)!, canonical, nodes }, removed, added }
}

/** Takes a block and its descendants out for ever. The canonical head must not be among them. */
export const invalidate = (
  tree: BlockTree,
  hash: Hash
): { readonly tree: BlockTree; readonly removed: ReadonlyArray<L2BlockRef> } => {
  const first = get(tree, hash)!
  const removed = [first, ...descendants(tree, hash)].toReversed()
  const invalid = removed.reduce((all, ref) => HashMap.set(all, ref.hash, ref.number), tree.invalid)
  return { tree: { ...withoutNodes(tree, removed), invalid }, removed }
}

const withoutNodes = (tree: BlockTree, gone: ReadonlyArray<L2BlockRef>): BlockTree => {
  const hashes = new Set(gone.map((ref) => ref.hash))
  let { children, nodes } = tree
  for (const { hash, parentHash } of gone) {
    nodes = HashMap.remove(nodes, hash)
    children = HashMap.remove(children, hash)
    if (hashes.has(parentHash)) continue
    const siblings = childrenOf({ ...tree, children }, parentHash).filter((child) => child !== hash)
    children =
      siblings.length === 0
        ? HashMap.remove(children, parentHash)
        : HashMap.set(children, parentHash, siblings)
  }
  return { ...tree, nodes, children }
}

/**
 * Forgets everything below the canonical block at `floor`, which becomes the root. `dead` are the blocks of forks that
 * left below it and go with it; canonical blocks that are forgotten remain canonical on disk.
 */
export const prune = (
  tree: BlockTree,
  floor: BlockNumber
): { readonly tree: BlockTree; readonly dead: ReadonlyArray<L2BlockRef> } => {
  const root = at(tree, floor)
  if (root === undefined || floor <= tree.root.number) return { tree, dead: [] }
  const dead: Array<L2BlockRef> = []
  const forgotten: Array<L2BlockRef> = []
  for (let number = tree.root.number; number < floor; number++) {
    const ref = at(tree, number)!
    forgotten.push(ref)
    for (const child of childrenOf(tree, ref.hash)) {
      const side = get(tree, child)!
      if (!isCanonical(tree, side)) dead.push(side, ...descendants(tree, child))
    }
  }
  let canonical = tree.canonical
  for (const ref of forgotten) canonical = HashMap.remove(canonical, ref.number)
  return { tree: { ...withoutNodes(tree, [...forgotten, ...dead]), root, canonical }, dead }
}

/**
 * Forgets invalid blocks at and below a height at which nothing can be added any more. `forgotten` are their hashes.
 */
export const forgetInvalid = (
  tree: BlockTree,
  height: BlockNumber
): { readonly tree: BlockTree; readonly forgotten: ReadonlyArray<Hash> } => {
  const forgotten = Array.from(HashMap.entries(tree.invalid)).flatMap(([hash, number]) =>
    number <= height ? [hash] : []
  )
  const invalid = forgotten.reduce((all, hash) => HashMap.remove(all, hash), tree.invalid)
  return { tree: forgotten.length === 0 ? tree : { ...tree, invalid }, forgotten }
}

/** An L2 reference without what only L2 has. */
export const toRef = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})
