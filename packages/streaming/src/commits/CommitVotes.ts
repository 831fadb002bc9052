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
  /** Votes for indices above the window, per author: they count as soon as the window has come so far. */
  readonly #ahead: ReadonlyArray<Map<number, Hash>>
  readonly #maxAhead: number
  /** The lowest index in them. */
  #lowestAhead = Infinity
  #voted = 0
  #floor = 0

  /**
   * Votes are kept from the index `floor` on, as far as `window` above it; above that, the `maxAhead` highest ones of
   * each author, because a vote for a later commit stands for those before it.
   */
  constructor(committee: DagCommittee, window: number, floor: number, maxAhead: number) {
    this.#ahead = committee.authorities.map(() => new Map())
    this.#maxAhead = maxAhead
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
    for (const vote of votes) {
      const { index } = vote
      if (index > this.#highest[author]!) {
        this.#highest[author] = index
        raised = true
      }
      if (index < this.#floor) continue
      if (index > this.#floor + this.#window) this.#keepAhead(author, vote)
      else this.#count(author, vote)
    }
    if (raised) this.#voted = this.#quorumIndex()
  }

  #count(author: AuthorityIndex, { digest, index }: DagCommitRef): void {
    const known = this.#byIndex.get(index)
    if (known === undefined) this.#byIndex.set(index, new Map([[author, digest]]))
    else if (!known.has(author)) known.set(author, digest)
  }

  #keepAhead(author: AuthorityIndex, { digest, index }: DagCommitRef): void {
    const ahead = this.#ahead[author]!
    if (ahead.has(index)) return
    ahead.set(index, digest)
    if (ahead.size > this.#maxAhead) ahead.delete(Math.min(...ahead.keys()))
    this.#lowestAhead = Math.min(this.#lowestAhead, index)
  }

  /** Counts what the window has come up to. */
  #catchUp(): void {
    const top = this.#floor + this.#window
    if (this.#lowestAhead > top) return
    this.#lowestAhead = Infinity
    for (const [author, ahead] of this.#ahead.entries()) {
      for (const [index, digest] of ahead) {
        if (index > top) {
          this.#lowestAhead = Math.min(this.#lowestAhead, index)
          continue
        }
        ahead.delete(index)
        if (index >= this.#floor) this.#count(author, { digest, index })
      }
    }
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
    return (this.#byIndex.get(index)?.has(author) ?? false) || (this.#ahead[author]?.has(index) ?? false)
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

  /** Votes below `index` are not needed any more; the window moves on. */
  prune(index: number): void {
    for (; this.#floor < index; this.#floor++) this.#byIndex.delete(this.#floor)
    this.#catchUp()
  }
}
