/**
 * The set of active leaves as a pure fold over chain events: what every subsystem is told to work on.
 */
import type { ChainEvent } from "@ephor/chain"
import type { BlockId, BlockNumber, BlockRef, Hash } from "@ephor/types"
import { HashMap, Option } from "effect"
import * as Signal from "./Signal.ts"

/** A block that may still be an ancestor of a leaf. */
interface Ancestor {
  readonly parentHash: Hash
  readonly number: BlockNumber
}

/** Leaves by hash, the finalized block, and how the blocks above it hang together. */
export interface Leaves {
  readonly active: HashMap.HashMap<Hash, Signal.Leaf>
  readonly finalized: BlockId | undefined
  readonly ancestors: HashMap.HashMap<Hash, Ancestor>
}

/** What the fold cannot know from events alone. */
export interface StepOptions {
  /** Whether the block's runtime knows parachains; a leaf without is tracked but never announced. True if not said. */
  readonly supportsParachains?: boolean | undefined
}

/** No leaf: after a start nothing is announced until the first fresh import, so that nobody works on stale state. */
export const make = (finalized?: BlockId): Leaves => ({
  active: HashMap.empty(),
  finalized,
  ancestors: HashMap.empty()
})

/** The active leaves, lowest first. */
export const toArray = (self: Leaves): ReadonlyArray<Signal.Leaf> =>
  [...HashMap.values(self.active)].sort((a, b) => a.number - b.number || (a.hash < b.hash ? -1 : 1))

/** The active leaf of that hash. */
export const get = (self: Leaves, hash: Hash): Option.Option<Signal.Leaf> => HashMap.get(self.active, hash)

/**
 * What an event does to the leaves, and which signals say so, in order (overseer table of the architecture). An update
 * that says nothing is no signal.
 */
export const step = (
  self: Leaves,
  event: ChainEvent,
  options: StepOptions = {}
): readonly [Leaves, ReadonlyArray<Signal.Signal>] => {
  switch (event._tag) {
    case "Imported":
      return imported(self, event.block, options)
    case "Promoted":
      return event.level === "Finalized" ? finalized(self, event.block) : [self, []]
    case "Reverted":
      return moved(self, event.removed, event.head)
    case "Replaced":
      return moved(self, [event.invalidated, ...event.removed], event.replacement)
    case "Exhausted":
      return [self, []]
  }
}

/** The leaves after a signal that came from elsewhere than the chain. */
export const obey = (self: Leaves, signal: Signal.Signal): Leaves => {
  if (signal._tag !== "ActiveLeaves") return self
  const rest = deactivate(self, signal.deactivated)
  return signal.activated === null ? rest : activate(rest, signal.activated)
}

const imported = (self: Leaves, block: BlockRef, options: StepOptions) => {
  const parent = HashMap.has(self.active, block.parentHash) ? [block.parentHash] : []
  const rest = deactivate(self, parent)
  // A repeat, a block that a leaf stands on (the branch of a reorganisation comes again, parent first), a dead fork.
  const stale =
    HashMap.has(self.active, block.hash) || carriesLeaf(self, block) || isBelowFinality(self, block)
  if (stale) return [rest, update(null, parent)] as const
  const announced = options.supportsParachains === false ? null : block
  return [activate(rest, block), update(announced, parent)] as const
}

const isBelowFinality = ({ finalized }: Leaves, block: BlockRef): boolean =>
  finalized !== undefined &&
  (block.number < finalized.number || (block.number === finalized.number && block.hash !== finalized.hash))

const carriesLeaf = (self: Leaves, block: BlockRef): boolean => {
  for (const leaf of HashMap.values(self.active)) {
    if (leaf.number > block.number && standsOn(self, leaf.hash, (hash) => hash === block.hash)) return true
  }
  return false
}

const finalized = (self: Leaves, block: BlockRef) => {
  const pruned = toArray(self)
    .filter((leaf) => leaf.number <= block.number && leaf.hash !== block.hash)
    .map((leaf) => leaf.hash)
  const next: Leaves = {
    active: deactivate(self, pruned).active,
    finalized: { hash: block.hash, number: block.number },
    ancestors: HashMap.filter(self.ancestors, (ancestor) => ancestor.number > block.number)
  }
  return [next, [Signal.blockFinalized(block.hash, block.number), ...update(null, pruned)]] as const
}

/** Blocks left, so every leaf on them leaves as well, and the chain goes on at `head`. */
const moved = (self: Leaves, left: ReadonlyArray<BlockRef>, head: BlockRef) => {
  const gone = new Set(left.map((block) => block.hash))
  const stopped = toArray(self)
    .filter((leaf) => standsOn(self, leaf.hash, (hash) => gone.has(hash)))
    .map((leaf) => leaf.hash)
  const rest = deactivate(self, stopped)
  if (HashMap.has(rest.active, head.hash) || left.length === 0) return [rest, update(null, stopped)] as const
  return [activate(rest, head), update(head, stopped)] as const
}

/** Whether the leaf, or an ancestor of it above finality, is meant. */
const standsOn = (self: Leaves, leaf: Hash, isMeant: (hash: Hash) => boolean): boolean => {
  let hash: Hash | undefined = leaf
  while (hash !== undefined) {
    if (isMeant(hash)) return true
    hash = Option.getOrUndefined(HashMap.get(self.ancestors, hash))?.parentHash
  }
  return false
}

const activate = (self: Leaves, block: BlockRef): Leaves => ({
  ...self,
  active: HashMap.set(self.active, block.hash, block),
  ancestors: HashMap.set(self.ancestors, block.hash, { parentHash: block.parentHash, number: block.number })
})

const deactivate = (self: Leaves, hashes: ReadonlyArray<Hash>): Leaves =>
  hashes.length === 0 ? self : { ...self, active: HashMap.removeMany(self.active, hashes) }

const update = (
  activated: Signal.Leaf | null,
  deactivated: ReadonlyArray<Hash>
): ReadonlyArray<Signal.Signal> =>
  activated === null && deactivated.length === 0 ? [] : [Signal.activeLeaves(activated, deactivated)]
