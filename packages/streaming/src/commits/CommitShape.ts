/**
 * A commit as an observer holds it, and what can be told about it by itself.
 */
import {
  type CommittedSubDag,
  compareDagBlockRefs,
  type DagBlockRef,
  dagCommitDigest,
  type Hash
} from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"

/** A commit with its blocks, in commit order. */
export interface ObservedCommit {
  readonly index: number
  /** Digest of the commit: what votes name, and what a later subscriber goes on from. Unknown without a committee and digest to start from. */
  readonly digest: Hash | undefined
  readonly leader: DagBlockRef
  readonly blocks: ReadonlyArray<ObservedBlock>
  readonly timestampMs: number
  /** Whether it came as a commit, or was derived from blocks. */
  readonly origin: "commits" | "blocks"
}

/** Why a commit was refused: the publisher must be left. */
export interface CommitFault {
  readonly why: string
}

/** A fault with its reason. */
export const fault = (why: string): CommitFault => ({ why })

/** Index of the author of a block. */
export const authorOf = (block: ObservedBlock): number => block.block.value.author

/** Index of the newest commit that a block votes for, up to the newest one that matters yet; 0 if there is none. */
export const newestVote = ({ block }: ObservedBlock, highest: number): number =>
  block.value.commitVotes.findLast(({ index }) => index <= highest)?.index ?? 0

/** Whether two lists name the same blocks. */
export const sameBlocks = (
  left: ReadonlyArray<ObservedBlock>,
  right: ReadonlyArray<ObservedBlock>
): boolean => left.length === right.length && left.every(({ ref }, i) => ref.digest === right[i]!.ref.digest)

/** Digest of a commit, rebuilt from what its data says and the commit before it. */
export const commitDigest = (
  data: CommittedSubDag,
  blocks: ReadonlyArray<ObservedBlock>,
  previousDigest: Hash
): Hash =>
  dagCommitDigest({
    _tag: "V1",
    value: {
      index: data.commitIndex,
      previousDigest,
      timestampMs: data.timestampMs,
      leader: data.leader,
      blocks: blocks.map(({ ref }) => ref)
    }
  })

/** What can be wrong with a commit by itself. */
export const shapeFault = (
  data: CommittedSubDag,
  blocks: ReadonlyArray<ObservedBlock>
): CommitFault | undefined => {
  const { commitIndex: index, leader } = data
  const disorder = blocks.findIndex(
    ({ ref }, i) => i > 0 && compareDagBlockRefs(blocks[i - 1]!.ref, ref) >= 0
  )
  if (disorder >= 0) return fault(`the blocks of commit ${index} are not in order at position ${disorder}`)
  const found = blocks.some(({ ref }) => compareDagBlockRefs(ref, leader) === 0)
  return found ? undefined : fault(`the leader of commit ${index} is not among its blocks`)
}
