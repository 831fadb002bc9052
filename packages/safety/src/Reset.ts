/**
 * Where to reset a node to: the last block that it and our local-safe chain agree on, found by bisection, and the five
 * heads that follow from it.
 */
import { Effect, Option, Result } from "effect"
import type { BlockId, BlockNumber, Heads } from "@ephor/types"
import type { Fault, Verdict } from "./Fault.ts"

/** What the search came to: a common block, or none, so that the node must start before interop. */
export type ResetTarget =
  | { readonly _tag: "Target"; readonly block: BlockId }
  | { readonly _tag: "PreInterop" }

/** What the search asks. */
export interface TargetSearch<E> {
  /** The first block of the cross-safe database. */
  readonly anchor: BlockId
  /** The local-safe head: nothing above it is looked at. */
  readonly safe: BlockId
  /** The node's block at a height; none if it has no such block. */
  readonly node: (number: BlockNumber) => Effect.Effect<Option.Option<BlockId>, E>
  /** Whether we hold a block to be local-safe. */
  readonly isLocalSafe: (block: BlockId) => Verdict<unknown>
}

const idOf = ({ hash, number }: BlockId): BlockId => ({ hash, number })

/** The highest block, from the anchor to the local-safe head, that the node has and we hold to be local-safe. */
export const findTarget = Effect.fnUntraced(function* <E>(
  search: TargetSearch<E>
): Effect.fn.Return<ResetTarget, E | Fault> {
  const { anchor, isLocalSafe, node, safe } = search
  const end = yield* node(safe.number)
  if (Option.isSome(end) && end.value.hash === safe.hash) return { _tag: "Target", block: idOf(safe) }
  const start = yield* node(anchor.number)
  if (Option.isNone(start) || start.value.hash !== anchor.hash) return { _tag: "PreInterop" }
  let low = anchor
  let high = safe.number
  while (low.number + 1 < high) {
    const middle = Math.floor((low.number + high) / 2)
    const block = yield* node(middle)
    if (Option.isNone(block)) {
      high = middle
      continue
    }
    const verdict = isLocalSafe(block.value)
    if (Result.isSuccess(verdict)) low = block.value
    else if (verdict.failure._tag === "Future" || verdict.failure._tag === "Conflict") high = middle
    else return yield* Effect.fail(verdict.failure)
  }
  return { _tag: "Target", block: idOf(low) }
})

/** What the search for the unsafe head asks. */
export interface UnsafeSearch<E> {
  readonly target: BlockNumber
  /** Height of the local-unsafe head. */
  readonly latest: BlockNumber
  /** The search does not go below this height. */
  readonly floor: BlockNumber
  /** The node's block at a height, if the L1 block that it was built upon is canonical. */
  readonly valid: (number: BlockNumber) => Effect.Effect<Option.Option<BlockId>, E>
}

/**
 * The highest block of the node that is built upon canonical L1: above the target by bisection (validity is taken to be
 * monotone), else the first one found walking down from it. None if even the floor is not.
 */
export const findUnsafeHead = Effect.fnUntraced(function* <E>(
  search: UnsafeSearch<E>
): Effect.fn.Return<Option.Option<BlockId>, E> {
  const { floor, latest, target, valid } = search
  let low = target
  let high = latest + 1
  let best = Option.none<BlockId>()
  while (low + 1 < high) {
    const middle = Math.floor((low + high) / 2)
    const block = yield* valid(middle)
    if (Option.isSome(block)) {
      low = middle
      best = block
    } else high = middle
  }
  for (let number = Math.min(target, latest); Option.isNone(best) && number >= floor; number--) {
    best = yield* valid(number)
  }
  return Option.map(best, idOf)
})

const lower = (block: BlockId | undefined, target: BlockId): BlockId =>
  idOf(block !== undefined && block.number <= target.number ? block : target)

/** The five heads of a reset. No head but local-unsafe is above the target; unknown finality is the anchor. */
export const heads = (options: {
  readonly target: BlockId
  readonly localUnsafe: BlockId
  readonly crossUnsafe: BlockId | undefined
  readonly crossSafe: BlockId | undefined
  readonly finalized: BlockId | undefined
  readonly anchor: BlockId
}): Heads => ({
  localUnsafe: idOf(options.localUnsafe),
  crossUnsafe: lower(options.crossUnsafe, options.target),
  localSafe: idOf(options.target),
  crossSafe: lower(options.crossSafe, options.target),
  finalized: lower(options.finalized ?? options.anchor, options.target)
})
