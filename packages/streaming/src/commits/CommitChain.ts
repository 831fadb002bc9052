/**
 * The chain of linked commits: how far it reaches, how far it is certified, and what is between.
 */
import { type CommittedSubDag, type Hash, noCommitDigest } from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"
import type { Position } from "../SubscriberConfig.ts"
import { commitDigest, type CommitFault, fault, type ObservedCommit } from "./CommitShape.ts"
import type { CommitVotes } from "./CommitVotes.ts"

/** A place on the chain: that of a commit. */
export interface Head {
  readonly index: number
  /** Unknown where the chain begins at a commit that nobody has told the digest of. */
  readonly digest: Hash | undefined
  readonly timestampMs: number
  readonly leaderRound: number
}

/** See the head of the file. */
export class CommitChain {
  /** Last linked commit, and last certified one: what is between them is `#pending`. */
  #head: Head
  #certified: Head
  #pending: Array<ObservedCommit> = []
  readonly #digests = new Map<number, Hash>()
  readonly #maxCommitsAhead: number

  constructor(from: Position, maxCommitsAhead: number) {
    const digest = from.digest ?? (from.index === 0 ? noCommitDigest : undefined)
    this.#maxCommitsAhead = maxCommitsAhead
    this.#head = { index: from.index, digest, timestampMs: 0, leaderRound: 0 }
    this.#certified = this.#head
    if (digest !== undefined) this.#digests.set(from.index, digest)
  }

  /** The last commit that links. */
  get head(): Head {
    return this.#head
  }

  /** The last commit that is certified. */
  get certified(): Head {
    return this.#certified
  }

  /** Commits that link, without certificate. */
  get pending(): ReadonlyArray<ObservedCommit> {
    return this.#pending
  }

  /** Digest of a commit, of as many as may be held ahead. */
  digestAt(index: number): Hash | undefined {
    return this.#digests.get(index)
  }

  /** A commit that we have already: the same one is ignored, another one of that index is a fork. */
  forkFault(data: CommittedSubDag, blocks: ReadonlyArray<ObservedBlock>): CommitFault | undefined {
    const previous = this.#digests.get(data.commitIndex - 1)
    const known = this.#digests.get(data.commitIndex)
    if (previous === undefined || known === undefined) return undefined
    return commitDigest(data, blocks, previous) === known
      ? undefined
      : fault(`two commits ${data.commitIndex}`)
  }

  /** Why the chain that we were told is not the committee's, if votes name another commit. */
  refutedBy(votes: CommitVotes): CommitFault | undefined {
    for (const { digest, index } of this.#pending) {
      const honest = votes.honest(index)
      if (honest !== undefined && honest !== digest) {
        return fault(`commit ${index} is ${digest}, but the committee voted for ${honest}`)
      }
    }
    return undefined
  }

  /** The last commit that a quorum voted for: with votes for it, or for later ones. */
  certifiable(votes: CommitVotes): number | undefined {
    if (this.#head.digest === undefined) return undefined
    const authors = new Set<number>()
    for (let at = this.#head.index; at > this.#certified.index; at--) {
      for (const author of votes.supporters(at, this.#digests.get(at)!)) authors.add(author)
      if (votes.hasQuorum(authors)) return at
    }
    return undefined
  }

  /** Links the next commit. */
  append(
    data: CommittedSubDag,
    blocks: ReadonlyArray<ObservedBlock>,
    origin: ObservedCommit["origin"]
  ): void {
    const { commitIndex: index, leader, timestampMs } = data
    const previous = this.#head.digest
    const digest = previous === undefined ? undefined : commitDigest(data, blocks, previous)
    this.#head = { index, digest, timestampMs, leaderRound: leader.round }
    if (digest !== undefined) this.#digests.set(index, digest)
    this.#digests.delete(index - this.#maxCommitsAhead)
    this.#pending.push({ index, digest, leader, blocks, timestampMs, origin })
  }

  /** Learns the digest that the chain begins with. */
  begin(digest: Hash): void {
    this.#head = { ...this.#head, digest }
    this.#certified = this.#head
    this.#digests.set(this.#head.index, digest)
  }

  /** Certifies all commits up to `index`; returns those that were not. */
  certify(index: number): ReadonlyArray<ObservedCommit> {
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
    return certified
  }

  /** Forgets what is not certified. */
  rollback(): void {
    for (let index = this.#head.index; index > this.#certified.index; index--) this.#digests.delete(index)
    this.#head = this.#certified
    this.#pending = []
  }
}
