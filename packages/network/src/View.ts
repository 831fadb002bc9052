/**
 * What a validator is working on: the heads that it wants to hear about.
 */
import type { BlockNumber, Hash } from "@ephor/types"

/** Heads that a view may have. A peer that claims more is punished. */
export const maxHeads = 5

/** Sorted, distinct heads, at most five, and the height of the finalized block. */
export interface View {
  readonly heads: ReadonlyArray<Hash>
  readonly finalizedNumber: BlockNumber
}

/** The view of somebody who has just started. */
export const empty: View = { heads: [], finalizedNumber: 0 }

/** A view of these heads, most recent first: the first five distinct ones are kept. */
export const make = (heads: Iterable<Hash>, finalizedNumber: BlockNumber): View => {
  const kept = new Set<Hash>()
  for (const head of heads) {
    if (kept.size === maxHeads) break
    kept.add(head)
  }
  return { heads: [...kept].sort(), finalizedNumber }
}

/** Whether the head is in the view. */
export const contains = (view: View, head: Hash): boolean => view.heads.includes(head)

/** Heads of `next` that are not in `previous`: what to send to a peer whose view changed. */
export const added = (previous: View, next: View): ReadonlyArray<Hash> =>
  next.heads.filter((head) => !previous.heads.includes(head))

/** Heads of `previous` that are not in `next`: what to forget about a peer whose view changed. */
export const removed = (previous: View, next: View): ReadonlyArray<Hash> => added(next, previous)

/** Whether two views say the same. */
export const equals = (self: View, that: View): boolean =>
  self.finalizedNumber === that.finalizedNumber &&
  self.heads.length === that.heads.length &&
  self.heads.every((head, i) => head === that.heads[i])

/** What is wrong with a view that a peer sent, or nothing. */
export const violation = (view: View, previous: View = empty): string | undefined => {
  if (view.heads.length > maxHeads) return `${view.heads.length} heads, at most ${maxHeads} are allowed`
  if (view.heads.some((head, i) => i > 0 && view.heads[i - 1]! >= head))
    return "heads are not sorted and distinct"
  if (view.finalizedNumber < previous.finalizedNumber) {
    return `the finalized height went back from ${previous.finalizedNumber} to ${view.finalizedNumber}`
  }
  return undefined
}
