/**
 * The blocks whose votes certify the newest commits. They are in no commit yet, so whoever follows commits alone would
 * have to wait for commits to come; a publisher has them already.
 */
import { openDagBlock } from "@ephor/types"
import { Effect, Result } from "effect"
import type { Service as Source, SourceBlock } from "../BlockSource.ts"
import type { ObserverError } from "../ObserverError.ts"
import type { Feed } from "./feed.ts"

/** Votes for a commit come within this many rounds of its leader; what is older than the newest such rounds is not looked at. */
const voteRounds = 4

const none: ReadonlyArray<SourceBlock> = []

/** Looks for them once per state of a feed, whoever asks. */
export class Certifiers {
  readonly #source: Source
  /** Indices that blocks vote for, by digest, so that no block is decoded twice. */
  #votes = new Map<string, ReadonlyArray<number>>()
  #blocks = none
  /** The state of the feed that `#blocks` is for. */
  #next = -1
  #index = -1

  constructor(source: Source) {
    this.#source = source
  }

  /** One block of each author that has voted for the newest commits, those with the newest votes first; nothing before `load`. */
  at({ next, tip }: Feed): ReadonlyArray<SourceBlock> | undefined {
    return this.#next === next && this.#index === tip.highestCommitIndex ? this.#blocks : undefined
  }

  /** Finds them for the feed as it is now; the same ones are the same array. */
  readonly load = Effect.fnUntraced(
    { self: this },
    function* (this: Certifiers, { next, tip }: Feed): Effect.fn.Return<void, ObserverError> {
      const index = tip.highestCommitIndex
      const source = this.#source
      const [newest] = index < tip.earliestCommitIndex ? [] : yield* source.commitsAfter(index - 1, 1)
      const rounds = Array.from({ length: source.committeeSize }, () => newest?.leader.round ?? 0)
      const limit = source.committeeSize * voteRounds
      const found = newest === undefined ? none : yield* source.blocksAfter(rounds, { limit })
      const before = this.#votes
      this.#votes = new Map(
        found.map(({ bytes, ref }) => [ref.digest, before.get(ref.digest) ?? votesOf(bytes)])
      )
      const blocks = this.#choose(found, index)
      const same =
        blocks.length === this.#blocks.length && blocks.every((block, i) => block === this.#blocks[i])
      if (!same) this.#blocks = blocks
      this.#next = next
      this.#index = index
    }
  )

  /** The newest vote of each author for a commit that there is. */
  #choose(found: ReadonlyArray<SourceBlock>, highest: number): ReadonlyArray<SourceBlock> {
    const best = new Map<number, { readonly block: SourceBlock; readonly vote: number }>()
    for (const block of found) {
      const vote = this.#votes.get(block.ref.digest)!.findLast((index) => index <= highest) ?? 0
      if (vote > (best.get(block.ref.author)?.vote ?? 0)) best.set(block.ref.author, { block, vote })
    }
    return [...best.values()].sort((a, b) => b.vote - a.vote).map(({ block }) => block)
  }
}

const votesOf = (bytes: Uint8Array): ReadonlyArray<number> => {
  const opened = openDagBlock(bytes)
  // Sources in memory may hold anything; what is no block votes for nothing.
  return Result.isFailure(opened) ? [] : opened.success.block.value.commitVotes.map(({ index }) => index)
}
