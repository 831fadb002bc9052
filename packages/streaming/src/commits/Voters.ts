/**
 * Blocks that came with commits whose votes would help, were their signatures checked: the newest of each author.
 */
import type { ObservedBlock } from "../BlockVerifier.ts"
import type { CommitChain } from "./CommitChain.ts"
import { authorOf, newestVote } from "./CommitShape.ts"
import type { CommitVotes } from "./CommitVotes.ts"

/** See the head of the file. */
export class Voters {
  readonly #chain: CommitChain
  readonly #votes: CommitVotes
  readonly #blocks = new Map<number, ObservedBlock>()

  constructor(chain: CommitChain, votes: CommitVotes) {
    this.#chain = chain
    this.#votes = votes
  }

  /** Remembers an unverified block that carries votes for commits up to `highest`, if its author has no better one. */
  offer(block: ObservedBlock, highest: number): void {
    const newest = newestVote(block, highest)
    if (newest === 0 || newest < this.#chain.certified.index) return
    const known = this.#blocks.get(authorOf(block))
    // Without a digest to start from, it is the oldest votes that tell it.
    const isAnchored = this.#chain.head.digest !== undefined
    if (known === undefined || (isAnchored && newest > newestVote(known, highest)))
      this.#blocks.set(authorOf(block), block)
  }

  /** Blocks whose signatures, once checked (then `addVotes`), certify or refute something: not more than needed. */
  wanted(): ReadonlyArray<ObservedBlock> {
    const votes = this.#votes
    if (this.#blocks.size === 0) return []
    const { digest, index } = this.#chain.head
    if (digest === undefined) {
      const exact = [...this.#blocks.values()].filter(({ block }) =>
        block.value.commitVotes.some((vote) => vote.index === index)
      )
      return this.#take(votes.hasQuorum(exact.map(authorOf)) ? exact : [])
    }
    const claims = [...this.#blocks.values()].flatMap((block) => {
      const vote = block.block.value.commitVotes.findLast(
        (one) => one.index <= index && one.index > this.#chain.certified.index
      )
      return vote === undefined
        ? []
        : [{ block, index: vote.index, agrees: this.#chain.digestAt(vote.index) === vote.digest }]
    })
    const against = claims.filter(({ agrees }) => !agrees).map(({ block }) => block)
    if (votes.hasValidity(against.map(authorOf))) return this.#take(against)
    const agreeing = claims.filter(({ agrees }) => agrees).sort((a, b) => b.index - a.index)
    const chosen: Array<ObservedBlock> = []
    const authors = new Set<number>()
    for (const claim of agreeing) {
      for (const author of this.#supportersFrom(claim.index)) authors.add(author)
      if (!authors.has(authorOf(claim.block))) chosen.push(claim.block)
      authors.add(authorOf(claim.block))
      if (votes.hasQuorum(authors)) return this.#take(chosen)
    }
    return []
  }

  #take(blocks: ReadonlyArray<ObservedBlock>): ReadonlyArray<ObservedBlock> {
    for (const block of blocks) this.#blocks.delete(authorOf(block))
    return blocks
  }

  /** Authors whose verified votes are for our chain at `index` or above. */
  #supportersFrom(index: number): Set<number> {
    const authors = new Set<number>()
    for (let at = this.#chain.head.index; at >= index; at--) {
      for (const author of this.#votes.supporters(at, this.#chain.digestAt(at)!)) authors.add(author)
    }
    return authors
  }

  /** Forgets blocks that vote for nothing beyond a commit. */
  prune(index: number): void {
    for (const [author, { block }] of this.#blocks) {
      if ((block.value.commitVotes.at(-1)?.index ?? 0) <= index) this.#blocks.delete(author)
    }
  }

  clear(): void {
    this.#blocks.clear()
  }
}
