/**
 * Which block of an op-node was safe as of an L1 block: out of its database of safe heads, or else by what was seen while
 * looking on, which is later than it was and never earlier.
 */
import { Effect, Metric } from "effect"
import type { BlockId, BlockNumber, BlockRef } from "@ephor/types"
import { Malformed, ManagedNodeError } from "../ManagedNodeError.ts"
import { followedObservations } from "../Metrics.ts"
import type { OpNode, Progress } from "./OpNode.ts"

/** `OtherL1`: the node knows another L1 block there. */
export type AsOf =
  | { readonly _tag: "Head"; readonly head: BlockId }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "OtherL1"; readonly theirs: BlockId }

/** See `makeHistory`. */
export interface History {
  readonly url: string
  /** Asks how far the node is, and remembers it. */
  readonly look: Effect.Effect<void, ManagedNodeError>
  /** What the last look found. */
  readonly progress: () => Progress | undefined
  /** The safe head as of an L1 block that the node is done with. */
  readonly headAsOf: (l1: BlockRef) => Effect.Effect<AsOf, ManagedNodeError>
  /**
   * The L1 block after which to go on, for what follows an L2 block to be told: the one before that which gave the block, if
   * that is known, or else before `origin`, the L1 block that it was built upon. Nothing while the node has not got there.
   */
  readonly search: (
    block: BlockId,
    origin: BlockNumber
  ) => Effect.Effect<BlockNumber | undefined, ManagedNodeError>
  /** What was seen is not so any more. */
  readonly forget: () => void
}

interface Seen {
  readonly l1: BlockRef
  readonly head: BlockId
}

const contradicts = (last: Seen, { currentL1, safe }: Progress): boolean =>
  currentL1.number < last.l1.number ||
  safe.number < last.head.number ||
  (currentL1.number === last.l1.number && currentL1.hash !== last.l1.hash) ||
  (safe.number === last.head.number && safe.hash !== last.head.hash)

/** The history of an op-node. */
export const makeHistory = (opNode: OpNode, limits: { readonly observations: number }): History => {
  const seen: Array<Seen> = []
  let progress: Progress | undefined
  let isKept = true
  const note = (found: Progress) => {
    progress = found
    const last = seen.at(-1)
    if (last !== undefined && contradicts(last, found)) seen.length = 0
    if (seen.at(-1)?.l1.number === found.currentL1.number) seen.pop()
    seen.push({ l1: found.currentL1, head: found.safe })
    if (seen.length > limits.observations) seen.shift()
  }
  const bySight = (l1: BlockRef): AsOf => {
    const found = seen.findLast(
      (one) => one.l1.number < l1.number || (one.l1.number === l1.number && one.l1.hash === l1.hash)
    )
    return found === undefined ? { _tag: "Unknown" } : { _tag: "Head", head: found.head }
  }
  const headAt = Effect.fnUntraced(function* (l1: BlockNumber) {
    const found = yield* opNode.safeHeadAt(l1)
    if (found._tag === "NotKept" && isKept) {
      isKept = false
      yield* Effect.logInfo(
        `${opNode.url} has no database of safe heads: what it derived before is not told with the L1 block that gave it ` +
          `(op-node: give it a path for its safe head database)`
      )
    }
    return found
  })
  return {
    url: opNode.url,
    look: Effect.flatMap(opNode.progress, (found) => {
      note(found)
      return Metric.update(followedObservations, seen.length)
    }),
    progress: () => progress,
    headAsOf: Effect.fnUntraced(function* (l1) {
      if (!isKept) return bySight(l1)
      const found = yield* headAt(l1.number)
      if (found._tag === "NotKept") return bySight(l1)
      if (found._tag === "Unknown") return found
      const { head, movedAt } = found
      if (movedAt.number > l1.number) {
        const why = `the safe head as of L1 block ${l1.number} is said to come from ${movedAt.number}`
        return yield* new ManagedNodeError({
          method: "optimism_safeHeadAtL1Block",
          reason: new Malformed({ why })
        })
      }
      const isOther = movedAt.number === l1.number && movedAt.hash !== l1.hash
      return isOther ? { _tag: "OtherL1", theirs: movedAt } : { _tag: "Head", head }
    }),
    search: Effect.fnUntraced(function* (block, origin) {
      const before = Math.max(0, origin - 1)
      if (progress === undefined) return undefined
      const reaches = (found: Effect.Success<ReturnType<typeof headAt>>) =>
        found._tag === "Known" && found.head.number >= block.number
      let high = progress.currentL1.number - 1
      const top = high < origin ? undefined : yield* headAt(high)
      isKept = top?._tag !== "NotKept"
      if (top === undefined || top._tag !== "Known") return before
      if (!reaches(top)) return undefined
      let low = before
      let isKnown = false
      while (low + 1 < high) {
        const middle = Math.floor((low + high) / 2)
        const found = yield* headAt(middle)
        if (reaches(found)) high = middle
        else {
          low = middle
          isKnown = found._tag === "Known"
        }
      }
      return isKnown ? low : before
    }),
    forget: () => {
      seen.length = 0
    }
  }
}
