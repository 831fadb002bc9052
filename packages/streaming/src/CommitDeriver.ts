/**
 * Commits without trust (fact sheet 3.7 and 3.8). A commit from the commit stream is rebuilt from its blocks and linked
 * to the one before; it counts once a quorum of signed votes names it or a later one of its chain. When only blocks
 * are streamed, the commit that honest votes name is found by trying which block, as its leader, gives that digest: a
 * match cannot be forged, and no leader schedule is needed.
 *
 * A plain state machine: synchronous, no clock, no I/O. Signatures are checked by the caller, before `addBlock`, and
 * for the blocks that `wanted` names.
 */
import { type CommittedSubDag, type DagCommittee, type Hash, noCommitDigest } from "@ephor/types"
import type { ObservedBlock } from "./BlockVerifier.ts"
import {
  authorOf,
  commitDigest,
  type CommitFault,
  fault,
  newestVote,
  type ObservedCommit,
  sameBlocks,
  shapeFault
} from "./commits/CommitShape.ts"
import { CommitVotes } from "./commits/CommitVotes.ts"
import { DagWindow, type Repair } from "./commits/DagWindow.ts"
import type { Position } from "./SubscriberConfig.ts"

export type { CommitFault, ObservedCommit } from "./commits/CommitShape.ts"

/** What a deriver starts from, and its bounds. */
export interface DeriverOptions {
  /** Whose votes count; without one, commits count as soon as they link. */
  readonly committee: DagCommittee | undefined
  readonly from: Position
  readonly gcDepth: number
  readonly maxSuspendedBlocks: number
  /** Commits held without certificate, and how far ahead all votes are kept. */
  readonly maxCommitsAhead: number
  /** Votes kept of each author beyond that, its highest ones. */
  readonly maxVotesAhead: number
}

interface Held {
  readonly data: CommittedSubDag
  readonly blocks: ReadonlyArray<ObservedBlock>
}

interface Head {
  readonly index: number
  readonly digest: Hash | undefined
  readonly timestampMs: number
  readonly leaderRound: number
}

/** See the head of the file. */
export class CommitDeriver {
  readonly #options: DeriverOptions
  readonly #window: DagWindow
  readonly #votes: CommitVotes | undefined
  /** Last linked commit, and last certified one: what is between them is `#pending`. */
  #head: Head
  #certified: Head
  #pending: Array<ObservedCommit> = []
  /** Commits that wait until the digest before them is known. */
  #unlinked: Array<Held> = []
  readonly #digests = new Map<number, Hash>()
  /** Blocks that came with commits whose votes would help, were their signatures checked: the newest of each author. */
  readonly #voters = new Map<number, ObservedBlock>()
  /** Leaders tried for the next commit, and what came of it. */
  readonly #tried = new Map<string, ObservedBlock>()
  readonly #triedLeaders = new Set<string>()
  #released: Array<ObservedBlock> = []
  #linked = false
  #derived = 0

  constructor(options: DeriverOptions) {
    const { committee, from, maxCommitsAhead, maxVotesAhead } = options
    this.#options = options
    this.#window = new DagWindow(committee?.authorities.length ?? 0, options)
    this.#votes =
      committee === undefined
        ? undefined
        : new CommitVotes(committee, maxCommitsAhead, from.index, maxVotesAhead)
    const digest = from.digest ?? (from.index === 0 ? noCommitDigest : undefined)
    this.#head = { index: from.index, digest, timestampMs: 0, leaderRound: 0 }
    this.#certified = this.#head
    if (digest !== undefined) this.#digests.set(from.index, digest)
  }

  /** Index of the last commit that links to the chain, certified or not. */
  get head(): number {
    return this.#head.index
  }

  /** Where the commit stream goes on. */
  get next(): number {
    return this.#head.index + this.#unlinked.length
  }

  /** The last certified commit: where to go on after a restart. */
  get certified(): Position {
    const { digest, index } = this.#certified
    return digest === undefined ? { index } : { index, digest }
  }

  /** The highest commit index that a quorum has voted for. */
  get voted(): number {
    return this.#votes?.voted ?? 0
  }

  /** Commits that the blocks alone have confirmed. */
  get derived(): number {
    return this.#derived
  }

  /** Commits held without certificate. */
  get held(): number {
    return this.#pending.length + this.#unlinked.length
  }

  /** Bytes of the blocks in them. */
  get heldBytes(): number {
    const bytesOf = (sum: number, { blocks }: { readonly blocks: ReadonlyArray<ObservedBlock> }) =>
      blocks.reduce((more, { bytes }) => more + bytes.length, sum)
    return this.#unlinked.reduce(bytesOf, this.#pending.reduce(bytesOf, 0))
  }

  get suspended(): number {
    return this.#window.suspended
  }

  /** Whether blocks alone may lead on: what came before the first block is known. */
  get anchored(): boolean {
    return this.#votes !== undefined && (this.#linked || this.#options.from.index === 0)
  }

  rounds(): ReadonlyArray<number> {
    return this.#window.rounds()
  }

  repair(beforeMs: number): Repair | undefined {
    return this.#window.repair(beforeMs)
  }

  knows(digest: string): boolean {
    return this.#window.knows(digest)
  }

  /** Takes a verified loose block (its votes are `addVotes`'s); returns what became accepted by it, ancestors first. */
  addBlock(block: ObservedBlock, nowMs: number): ReadonlyArray<ObservedBlock> {
    return this.#window.accept(block, nowMs)
  }

  /** Counts the votes of a verified block. */
  addVotes(block: ObservedBlock): void {
    const { author, commitVotes } = block.block.value
    this.#votes?.add(author, commitVotes)
  }

  /** Whether verifying a block that is known already would be of use: for its votes, or because nobody has vouched for it. */
  lacks({ block, ref }: ObservedBlock): boolean {
    if (this.#window.isUnvouched(ref.digest, this.#certified.index)) return true
    const { author, commitVotes } = block.value
    const newest = commitVotes.at(-1)
    if (this.#votes === undefined || newest === undefined || newest.index <= this.#certified.index)
      return false
    return !this.#votes.has(author, newest.index)
  }

  /** Takes the next commit of the commit stream; returns loose blocks that became accepted by it, or why the publisher is wrong. */
  addCommit(
    data: CommittedSubDag,
    blocks: ReadonlyArray<ObservedBlock>
  ): ReadonlyArray<ObservedBlock> | CommitFault {
    const { commitIndex: index } = data
    if (index <= this.#head.index) return this.#checkKnown(data, blocks) ?? []
    if (index !== this.next + 1) return fault(`commit ${index} came where commit ${this.next + 1} belongs`)
    const wrong = shapeFault(data, blocks)
    if (wrong !== undefined) return wrong
    for (const block of blocks) this.offerVoter(block)
    if (this.#head.digest === undefined && this.#votes !== undefined) {
      this.#unlinked.push({ data, blocks })
      return []
    }
    return this.#linkStreamed(data, blocks)
  }

  /** A commit that we have already: the same one is ignored, another one of that index is a fork. */
  #checkKnown(data: CommittedSubDag, blocks: ReadonlyArray<ObservedBlock>): CommitFault | undefined {
    const previous = this.#digests.get(data.commitIndex - 1)
    const known = this.#digests.get(data.commitIndex)
    if (previous === undefined || known === undefined) return undefined
    return commitDigest(data, blocks, previous) === known
      ? undefined
      : fault(`two commits ${data.commitIndex}`)
  }

  #linkStreamed(data: CommittedSubDag, blocks: ReadonlyArray<ObservedBlock>): ReadonlyArray<ObservedBlock> {
    const leader = blocks.find(({ ref }) => ref.digest === data.leader.digest)!
    // If the blocks at hand give the very same commit, they will give the next one, too.
    const known = blocks.every(({ ref }) => this.#window.knows(ref.digest))
    if (known && this.#votes !== undefined && sameBlocks(this.#history(leader), blocks)) this.#derived++
    const accepted = this.#window.acceptCommitted(blocks, data.commitIndex)
    // Whatever else the leader rests on was committed before we came.
    this.#window.commit(this.#history(leader), data.commitIndex)
    this.#append(data, blocks, "commits")
    this.#linked = true
    return accepted
  }

  #append(
    data: CommittedSubDag,
    blocks: ReadonlyArray<ObservedBlock>,
    origin: ObservedCommit["origin"]
  ): void {
    const { commitIndex: index, leader, timestampMs } = data
    const previous = this.#head.digest
    const digest = previous === undefined ? undefined : commitDigest(data, blocks, previous)
    this.#head = { index, digest, timestampMs, leaderRound: leader.round }
    if (digest !== undefined) this.#digests.set(index, digest)
    this.#digests.delete(index - this.#options.maxCommitsAhead)
    this.#pending.push({ index, digest, leader, blocks, timestampMs, origin })
    this.#tried.clear()
    this.#triedLeaders.clear()
  }

  #history(leader: ObservedBlock): ReadonlyArray<ObservedBlock> {
    return this.#window.history(leader, this.#head.leaderRound - this.#options.gcDepth)
  }

  /** Remembers an unverified block that carries votes, if its author has no better one; `wanted` may ask for it. */
  offerVoter(block: ObservedBlock): void {
    const newest = newestVote(block, this.next)
    if (this.#votes === undefined || newest === 0 || newest < this.#certified.index) return
    const known = this.#voters.get(authorOf(block))
    // Without a digest to start from, it is the oldest votes that tell it.
    if (known === undefined || (this.#head.digest !== undefined && newest > newestVote(known, this.next)))
      this.#voters.set(authorOf(block), block)
  }

  /** Blocks whose signatures, once checked (then `addVotes`), certify or refute something: not more than needed. */
  wanted(): ReadonlyArray<ObservedBlock> {
    const votes = this.#votes
    if (votes === undefined || this.#voters.size === 0) return []
    const { digest, index } = this.#head
    if (digest === undefined) {
      const exact = [...this.#voters.values()].filter(({ block }) =>
        block.value.commitVotes.some((vote) => vote.index === index)
      )
      return this.#takeVoters(votes.hasQuorum(exact.map(authorOf)) ? exact : [])
    }
    const claims = [...this.#voters.values()].flatMap((block) => {
      const vote = block.block.value.commitVotes.findLast(
        (one) => one.index <= index && one.index > this.#certified.index
      )
      return vote === undefined
        ? []
        : [{ block, index: vote.index, agrees: this.#digests.get(vote.index) === vote.digest }]
    })
    const against = claims.filter(({ agrees }) => !agrees).map(({ block }) => block)
    if (votes.hasValidity(against.map(authorOf))) return this.#takeVoters(against)
    const agreeing = claims.filter(({ agrees }) => agrees).sort((a, b) => b.index - a.index)
    const chosen: Array<ObservedBlock> = []
    const authors = new Set<number>()
    for (const claim of agreeing) {
      for (const author of this.#supportersFrom(claim.index)) authors.add(author)
      if (!authors.has(authorOf(claim.block))) chosen.push(claim.block)
      authors.add(authorOf(claim.block))
      if (votes.hasQuorum(authors)) return this.#takeVoters(chosen)
    }
    return []
  }

  #takeVoters(blocks: ReadonlyArray<ObservedBlock>): ReadonlyArray<ObservedBlock> {
    for (const block of blocks) this.#voters.delete(authorOf(block))
    return blocks
  }

  /** Authors whose verified votes are for our chain at `index` or above. */
  #supportersFrom(index: number): Set<number> {
    const authors = new Set<number>()
    for (let at = this.#head.index; at >= index; at--) {
      for (const author of this.#votes!.supporters(at, this.#digests.get(at)!)) authors.add(author)
    }
    return authors
  }

  /**
   * Draws all conclusions: links what waited, derives what votes name, certifies what a quorum voted for. Returns
   * commits that became certified, in order, or why the chain that we were told is not the committee's.
   */
  conclude(): ReadonlyArray<ObservedCommit> | CommitFault {
    this.#learnDigest()
    this.#derive()
    const votes = this.#votes
    if (votes === undefined) return this.#certify(this.#head.index)
    for (const { digest, index } of this.#pending) {
      const honest = votes.honest(index)
      if (honest !== undefined && honest !== digest) {
        return fault(`commit ${index} is ${digest}, but the committee voted for ${honest}`)
      }
    }
    if (this.#head.digest === undefined) return []
    const authors = new Set<number>()
    for (let at = this.#head.index; at > this.#certified.index; at--) {
      for (const author of votes.supporters(at, this.#digests.get(at)!)) authors.add(author)
      if (votes.hasQuorum(authors)) return this.#certify(at)
    }
    return []
  }

  /** Blocks that were accepted because what they waited for fell out of the window; asked for after `conclude`. */
  takeReleased(): ReadonlyArray<ObservedBlock> {
    const released = this.#released
    this.#released = []
    return released
  }

  #certify(index: number): ReadonlyArray<ObservedCommit> {
    const certified = this.#pending.filter((commit) => commit.index <= index)
    const last = certified.at(-1)
    if (last === undefined) return []
    this.#pending = this.#pending.slice(certified.length)
    this.#certified = {
      index,
      digest: last.digest,
      timestampMs: last.timestampMs,
      leaderRound: last.leader.round
    }
    this.#votes?.prune(index)
    this.#released.push(...this.#window.advance(last.leader.round))
    for (const [author, { block }] of this.#voters) {
      if ((block.value.commitVotes.at(-1)?.index ?? 0) <= index) this.#voters.delete(author)
    }
    return certified
  }

  /** Where we start without a digest, honest votes for that commit tell it. */
  #learnDigest(): void {
    if (this.#head.digest !== undefined || this.#votes === undefined) return
    const digest = this.#votes.honest(this.#head.index)
    if (digest === undefined) return
    this.#head = { ...this.#head, digest }
    this.#certified = this.#head
    this.#digests.set(this.#head.index, digest)
    const unlinked = this.#unlinked
    this.#unlinked = []
    for (const { blocks, data } of unlinked) {
      this.#released.push(...this.#linkStreamed(data, blocks))
      for (const block of blocks) this.offerVoter(block)
    }
  }

  #derive(): void {
    if (!this.anchored) return
    for (;;) {
      const { digest: previous, index, leaderRound, timestampMs } = this.#head
      const digest = previous === undefined ? undefined : this.#votes!.honest(index + 1)
      if (digest === undefined) return
      const leader = this.#leaderOf(digest, leaderRound)
      if (leader === undefined) return
      const blocks = this.#history(leader)
      const data = this.#commitOf(leader, index + 1, timestampMs)
      this.#window.commit(blocks, index + 1)
      this.#append(data, blocks, "blocks")
      this.#derived++
    }
  }

  /** The block that, as leader of the next commit, gives it this digest. */
  #leaderOf(digest: Hash, aboveRound: number): ObservedBlock | undefined {
    const { digest: previous, index, timestampMs } = this.#head
    for (const leader of this.#window.candidates(aboveRound)) {
      if (this.#triedLeaders.has(leader.ref.digest)) continue
      this.#triedLeaders.add(leader.ref.digest)
      const data = this.#commitOf(leader, index + 1, timestampMs)
      const found = commitDigest(data, this.#history(leader), previous!)
      this.#tried.set(found, leader)
      if (found === digest) return leader
    }
    return this.#tried.get(digest)
  }

  #commitOf(leader: ObservedBlock, commitIndex: number, previousMs: number): CommittedSubDag {
    const timestampMs = Math.max(leader.block.value.timestampMs, previousMs)
    return { commitIndex, leader: leader.ref, blocks: [], timestampMs }
  }

  /** Forgets what is not certified: the publisher that told it may have lied. */
  rollback(): void {
    for (let index = this.#head.index; index > this.#certified.index; index--) this.#digests.delete(index)
    this.#head = this.#certified
    this.#pending = []
    this.#unlinked = []
    this.#voters.clear()
    this.#tried.clear()
    this.#triedLeaders.clear()
    this.#window.uncommit(this.#certified.index)
  }
}

/** Whether a result of the deriver is a fault. */
export const isFault = (out: ReadonlyArray<unknown> | CommitFault): out is CommitFault => "why" in out
