/**
 * The blocks whose votes certify the newest commits. They are in no commit yet, so whoever follows commits alone would
 * have to wait for commits to come; a publisher has them already.
 */
import { openDagBlock } from "@ephor/types"
import { Effect, Result } from "effect"
import type { Service as Source, SourceBlock } from "../BlockSource.ts"
import type { ObserverError } from "../ObserverError.ts"
import type { Feed } from "./Feed.ts"

/** Votes for a commit are looked for in so many rounds after its leader. */
const voteRounds = 32

const none: ReadonlyArray<SourceBlock> = []

/** Looks for them once per state of a feed, whoever asks. */
export class Certifiers {
  readonly #source: Source
  /** Indices that blocks vote for, so that no block is decoded twice. */
  readonly #votes = new WeakMap<SourceBlock, ReadonlyArray<number>>()
  /** One block of each author that voted for the newest commits when they were looked for last, the newest votes first. */
  blocks = none
  /** The state of the feed that `blocks` is for. */
  #next = -1
  #index = -1

  constructor(source: Source) {
    this.#source = source
  }

  /** Whether `blocks` is right for the feed as it is now. */
  fits({ blocks, tip }: Feed): boolean {
    return this.#next === blocks.next && this.#index === tip.highestCommitIndex
  }

  /** Looks for them in the feed as it is now; the same blocks are the same array. */
  readonly load = Effect.fnUntraced(
    { self: this },
    function* (this: Certifiers, { blocks: { next }, tip }: Feed): Effect.fn.Return<void, ObserverError> {
      const { earliestCommitIndex, highestCommitIndex: index } = tip
      const source = this.#source
      const [newest] = index < earliestCommitIndex ? [] : yield* source.commitsAfter(index - 1, 1)
      const rounds = Array.from({ length: source.committeeSize }, () => newest?.leader.round ?? 0)
      const limit = source.committeeSize * voteRounds
      const found = newest === undefined ? none : yield* source.blocksAfter(rounds, { limit })
      const blocks = this.#choose(found, index)
      const { blocks: before } = this
      if (blocks.length !== before.length || blocks.some((block, i) => block !== before[i]))
        this.blocks = blocks
      this.#next = next
      this.#index = index
    }
  )

  /** The newest vote of each author for a commit that there is: what its later blocks vote for is newer still. */
  #choose(found: ReadonlyArray<SourceBlock>, highest: number): ReadonlyArray<SourceBlock> {
    const best = new Map<number, { readonly block: SourceBlock; readonly vote: number }>()
    for (const block of found.toReversed()) {
      const { author } = block.ref
      if (best.has(author)) continue
      const votes = this.#votes.get(block) ?? votesOf(block.bytes)
      this.#votes.set(block, votes)
      const vote = votes.findLast((index) => index <= highest)
      if (vote !== undefined) best.set(author, { block, vote })
    }
    return [...best.values()].sort((a, b) => b.vote - a.vote).map(({ block }) => block)
  }
}

const votesOf = (bytes: Uint8Array): ReadonlyArray<number> => {
  const opened = openDagBlock(bytes)
  // Sources in memory may hold anything; what is no block votes for nothing.
  return Result.isFailure(opened) ? [] : opened.success.block.value.commitVotes.map(({ index }) => index)
}
