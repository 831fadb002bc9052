/** Where the telling of a node that is followed is. */
import type { BlockId, BlockRef } from "@ephor/types"
import type { ManagedEvent } from "../ManagedEvent.ts"

/** From where to tell: the block after this one, or the first one with interop. */
export type From = BlockId | "Activation"

/** The L1 block that was told last. Of the one to go on after, only the height is known. */
export type Source = BlockRef | { readonly number: number; readonly hash?: undefined }

/** What is told now. What was read for one stage counts only while it is still that one. */
export type Stage =
  | { readonly _tag: "Asking"; readonly why: string }
  | { readonly _tag: "Checking" }
  | { readonly _tag: "Seeking"; readonly from: From }
  | {
      readonly _tag: "Following"
      source: Source
      derived: BlockRef
      /** Whether op-node was as far as `derived` before: until then, its history has not reached it. */
      isReached: boolean
      offered: BlockRef | undefined
    }
/** The stage of going on. */
export type Following = Extract<Stage, { readonly _tag: "Following" }>

/** A block as messages show it. */
export const show = ({ hash, number }: BlockId): string => `${hash}:${number}`

/** The stage of waiting for a reset. */
export const asked = (why: string): Stage => ({ _tag: "Asking", why: `reset: ${why}` })

const zeroHash = `0x${"0".repeat(64)}` as const

/** Nothing is left of an L1 block: the next one is wanted. */
export const exhausted = ({ derived, source }: Following): ManagedEvent => ({
  exhaustL1: {
    source:
      source.hash === undefined
        ? { hash: zeroHash, number: source.number, parentHash: zeroHash, timestamp: 0 }
        : source,
    derived
  }
})
