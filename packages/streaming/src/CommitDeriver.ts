/**
 * Commits without trust (fact sheet 3.7 and 3.8). A commit from the commit stream is rebuilt from its blocks and linked
 * to the one before; it counts once a quorum of signed votes names it or a later one of its chain. When only blocks
 * are streamed, the commit that honest votes name is found by trying which block, as its leader, gives that digest: a
 * match cannot be forged, and no leader schedule is needed.
 *
 * A plain state machine: synchronous, no clock, no I/O. Signatures are checked by the caller, before `addBlock`, and
 * for the blocks that `wanted` names.
 */
import type { CommittedSubDag, DagCommittee, Hash } from "@ephor/types"
import type { ObservedBlock } from "./BlockVerifier.ts"
import {
  commitDigest,
  type CommitFault,
  fault,
  type ObservedCommit,
  sameBlocks,
  shapeFault
} from "./commits/CommitShape.ts"
import { CommitChain } from "./commits/CommitChain.ts"
import { CommitVotes } from "./commits/CommitVotes.ts"
import { DagWindow, type Repair } from "./commits/DagWindow.ts"
import { LeaderSearch } from "./commits/LeaderSearch.ts"
import { Voters } from "./commits/Voters.ts"
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

/** See the head of the file. */
export class CommitDeriver {
  readonly #options: DeriverOptions
  readonly #window: DagWindow
  readonly #votes: CommitVotes | undefined
  readonly #chain: CommitChain
  readonly #voters: Voters | undefined
  readonly #leaders = new LeaderSearch()
  /** Commits that wait until the digest before them is known. */
  #unlinked: Array<Held> = []
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
    this.#chain = new CommitChain(from, maxCommitsAhead)
    this.#voters = this.#votes === undefined ? undefined : new Voters(this.#chain, this.#votes)
  }

  /** Index of the last commit that links to the chain, certified or not. */
  get head(): number {
    return this.#chain.head.index
  }

  /** Where the commit stream goes on. */
  get next(): number {
    return this.#chain.head.index + this.#unlinked.length
  }

  /** The last certified commit: where to go on after a restart. */
  get certified(): Position {
    const { digest, index } = this.#chain.certified
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
    return this.#chain.pending.length + this.#unlinked.length
  }

  /** Bytes of the blocks in them. */
  get heldBytes(): number {
    const bytesOf = (sum: number, { blocks }: { readonly blocks: ReadonlyArray<ObservedBlock> }) =>
      blocks.reduce((more, { bytes }) => more + bytes.length, sum)
    return this.#unlinked.reduce(bytesOf, this.#chain.pending.reduce(bytesOf, 0))
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
    if (this.#window.isUnvouched(ref.digest, this.#chain.certified.index)) return true
    const { author, commitVotes } = block.value
    const newest = commitVotes.at(-1)
    if (this.#votes === undefined || newest === undefined || newest.index <= this.#chain.certified.index)
      return false
    return !this.#votes.has(author, newest.index)
  }

  /** Takes the next commit of the commit stream; returns loose blocks that became accepted by it, or why the publisher is wrong. */
  addCommit(
    data: CommittedSubDag,
    blocks: ReadonlyArray<ObservedBlock>
  ): ReadonlyArray<ObservedBlock> | CommitFault {
    const { commitIndex: index } = data
    if (index <= this.#chain.head.index) return this.#chain.forkFault(data, blocks) ?? []
    if (index !== this.next + 1) return fault(`commit ${index} came where commit ${this.next + 1} belongs`)
    const wrong = shapeFault(data, blocks)
    if (wrong !== undefined) return wrong
    for (const block of blocks) this.offerVoter(block)
    if (this.#chain.head.digest === undefined && this.#votes !== undefined) {
      this.#unlinked.push({ data, blocks })
      return []
    }
    return this.#linkStreamed(data, blocks)
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
    this.#chain.append(data, blocks, origin)
    this.#leaders.clear()
  }

  #history(leader: ObservedBlock): ReadonlyArray<ObservedBlock> {
    return this.#window.history(leader, this.#chain.head.leaderRound - this.#options.gcDepth)
  }

  /** Remembers an unverified block that carries votes, if its author has no better one; `wanted` may ask for it. */
  offerVoter(block: ObservedBlock): void {
    this.#voters?.offer(block, this.next)
  }

  /** Blocks whose signatures, once checked (then `addVotes`), certify or refute something: not more than needed. */
  wanted(): ReadonlyArray<ObservedBlock> {
    return this.#voters?.wanted() ?? []
  }

  /**
   * Draws all conclusions: links what waited, derives what votes name, certifies what a quorum voted for. Returns
   * commits that became certified, in order, or why the chain that we were told is not the committee's.
   */
  conclude(): ReadonlyArray<ObservedCommit> | CommitFault {
    this.#learnDigest()
    this.#derive()
    const votes = this.#votes
    if (votes === undefined) return this.#certify(this.#chain.head.index)
    const refuted = this.#chain.refutedBy(votes)
    if (refuted !== undefined) return refuted
    const index = this.#chain.certifiable(votes)
    return index === undefined ? [] : this.#certify(index)
  }

  /** Blocks that were accepted because what they waited for fell out of the window; asked for after `conclude`. */
  takeReleased(): ReadonlyArray<ObservedBlock> {
    const released = this.#released
    this.#released = []
    return released
  }

  #certify(index: number): ReadonlyArray<ObservedCommit> {
    const certified = this.#chain.certify(index)
    const last = certified.at(-1)
    if (last === undefined) return []
    this.#votes?.prune(index)
    this.#released.push(...this.#window.advance(last.leader.round))
    this.#voters?.prune(index)
    return certified
  }

  /** Where we start without a digest, honest votes for that commit tell it. */
  #learnDigest(): void {
    if (this.#chain.head.digest !== undefined || this.#votes === undefined) return
    const digest = this.#votes.honest(this.#chain.head.index)
    if (digest === undefined) return
    this.#chain.begin(digest)
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
      const { digest: previous, index, leaderRound, timestampMs } = this.#chain.head
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
    const { digest: previous, index, timestampMs } = this.#chain.head
    return this.#leaders.find(digest, this.#window.candidates(aboveRound), (leader) =>
      commitDigest(this.#commitOf(leader, index + 1, timestampMs), this.#history(leader), previous!)
    )
  }

  #commitOf(leader: ObservedBlock, commitIndex: number, previousMs: number): CommittedSubDag {
    const timestampMs = Math.max(leader.block.value.timestampMs, previousMs)
    return { commitIndex, leader: leader.ref, blocks: [], timestampMs }
  }

  /** Forgets what is not certified: the publisher that told it may have lied. */
  rollback(): void {
    this.#chain.rollback()
    this.#unlinked = []
    this.#voters?.clear()
    this.#leaders.clear()
    this.#window.uncommit(this.#chain.certified.index)
  }
}

/** Whether a result of the deriver is a fault. */
export const isFault = (out: ReadonlyArray<unknown> | CommitFault): out is CommitFault => "why" in out
