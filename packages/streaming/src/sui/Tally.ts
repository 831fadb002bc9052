/**
 * Who has voted for which of some commits, and in which block: what certifies them, and what tells the digest of the
 * commit before the first one that is asked for.
 */
import { type DagCommittee, type Hash, hasQuorum } from "@ephor/types"

/** A block with its votes. */
export interface Voter {
  readonly author: number
  readonly bytes: Uint8Array
  readonly votes: ReadonlyArray<{ readonly index: number; readonly digest: Hash }>
}

/** Votes for the commits of a range, one of each author for each: the first one counts. */
export class Tally {
  readonly #committee: DagCommittee
  readonly #first: number
  readonly #last: number
  readonly #votes = new Map<number, Map<number, { readonly digest: Hash; readonly bytes: Uint8Array }>>()

  constructor(committee: DagCommittee, first: number, last: number) {
    this.#committee = committee
    this.#first = first
    this.#last = last
  }

  add({ author, bytes, votes }: Voter): void {
    for (const { digest, index } of votes) {
      if (index < this.#first || index > this.#last) continue
      const known = this.#votes.get(index) ?? new Map()
      if (!known.has(author)) known.set(author, { digest, bytes })
      this.#votes.set(index, known)
    }
  }

  /** Blocks of a quorum that has voted for exactly this commit; nothing without one. */
  certifiers(index: number, digest: Hash): ReadonlyArray<Uint8Array> | undefined {
    const agreeing = [...(this.#votes.get(index) ?? [])].filter(([, vote]) => vote.digest === digest)
    if (
      !hasQuorum(
        this.#committee,
        agreeing.map(([author]) => author)
      )
    )
      return undefined
    return agreeing.map(([, { bytes }]) => bytes)
  }

  /** The digest of a commit that a quorum has voted for. */
  digestOf(index: number): Hash | undefined {
    const digests = new Set([...(this.#votes.get(index)?.values() ?? [])].map(({ digest }) => digest))
    return [...digests].find((digest) => this.certifiers(index, digest) !== undefined)
  }
}
