/**
 * Votes of authors for commits, as verified blocks carry them: one per author and index, the first one counts.
 */
import {
  type AuthorityIndex,
  type DagCommitRef,
  type DagCommittee,
  type Hash,
  quorumStake,
  stakeOf,
  validityStake
} from "@ephor/types"

/** See the head of the file. */
export class CommitVotes {
  readonly #committee: DagCommittee
  readonly #quorum: number
  readonly #validity: number
  readonly #byIndex = new Map<number, Map<AuthorityIndex, Hash>>()
  /** Highest index that each author voted for. */
  readonly #highest: Array<number>
  readonly #window: number
  #voted = 0
  #floor = 0

  /** Votes are kept from the index `floor` on, as far as `window` above it. */
  constructor(committee: DagCommittee, window: number, floor: number) {
    this.#committee = committee
    this.#quorum = quorumStake(committee)
    this.#validity = validityStake(committee)
    this.#highest = committee.authorities.map(() => 0)
    this.#window = window
    this.#floor = floor
  }

  /** The highest index that a quorum has reached: one author can only raise its own column. */
  get voted(): number {
    return this.#voted
  }

  add(author: AuthorityIndex, votes: ReadonlyArray<DagCommitRef>): void {
    let raised = false
    for (const { digest, index } of votes) {
      if (index > this.#highest[author]!) {
        this.#highest[author] = index
        raised = true
      }
      if (index < this.#floor || index > this.#floor + this.#window) continue
      const known = this.#byIndex.get(index)
      if (known === undefined) this.#byIndex.set(index, new Map([[author, digest]]))
      else if (!known.has(author)) known.set(author, digest)
    }
    if (raised) this.#voted = this.#quorumIndex()
  }

  #quorumIndex(): number {
    const columns = this.#highest.map((index, author) => ({
      index,
      stake: this.#committee.authorities[author]!.stake
    }))
    columns.sort((a, b) => b.index - a.index)
    let stake = 0
    for (const column of columns) {
      stake += column.stake
      if (stake >= this.#quorum) return column.index
    }
    return 0
  }

  has(author: AuthorityIndex, index: number): boolean {
    return this.#byIndex.get(index)?.has(author) ?? false
  }

  /** Authors who voted for exactly this commit. */
  supporters(index: number, digest: Hash): ReadonlyArray<AuthorityIndex> {
    return [...(this.#byIndex.get(index) ?? [])].flatMap(([author, vote]) =>
      vote === digest ? [author] : []
    )
  }

  hasQuorum(authors: Iterable<AuthorityIndex>): boolean {
    return stakeOf(this.#committee, authors) >= this.#quorum
  }

  /** Whether at least one of the authors is honest. */
  hasValidity(authors: Iterable<AuthorityIndex>): boolean {
    return stakeOf(this.#committee, authors) >= this.#validity
  }

  /** The digest that authors of whom one at least is honest voted for at an index; there is only one. */
  honest(index: number): Hash | undefined {
    const votes = this.#byIndex.get(index)
    if (votes === undefined) return undefined
    for (const digest of new Set(votes.values())) {
      if (this.hasValidity(this.supporters(index, digest))) return digest
    }
    return undefined
  }

  /** Votes below `index` are not needed any more. */
  prune(index: number): void {
    for (; this.#floor < index; this.#floor++) this.#byIndex.delete(this.#floor)
  }
}
