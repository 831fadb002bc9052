/**
 * Recent blocks by round and recent commits by index: the ordered memory behind every source.
 */
import { type CommittedSubDag, compareDagBlockRefs, type DagBlockRef } from "@ephor/types"
import type { Page, SourceBlock, Tip } from "../BlockSource.ts"

/** Bounds of a ledger. */
export interface LedgerLimits {
  /** Rounds kept below the leader of the last commit. */
  readonly gcDepth: number
  readonly maxCommits: number
  readonly maxCommitBytes: number
}

const bytesOf = (commit: CommittedSubDag) => commit.blocks.reduce((sum, block) => sum + block.length, 80)

/** Before the first block. */
const beginning = { highest: 0, earliest: 1, gcRound: 0 }

/** Ordered memory of blocks and commits. Synchronous: one call is one atomic change. */
export class BlockLedger {
  readonly #limits: LedgerLimits
  readonly #rounds = new Map<number, Array<SourceBlock>>()
  readonly #known = new Set<string>()
  #lowest = 1
  #highestRound = 0
  #gcRound = 0
  // Commits `#firstCommit ..= #highest` are in memory, oldest first.
  #commits: Array<CommittedSubDag> = []
  #commitBytes = 0
  #firstCommit = 1
  #highest: number
  #earliest: number

  constructor(
    limits: LedgerLimits,
    start: { readonly highest: number; readonly earliest: number; readonly gcRound: number } = beginning
  ) {
    this.#limits = limits
    this.#highest = start.highest
    this.#firstCommit = start.highest + 1
    this.#earliest = start.earliest
    this.#gcRound = start.gcRound
    this.#lowest = start.gcRound + 1
  }

  tip(): Tip {
    return { highestCommitIndex: this.#highest, earliestCommitIndex: this.#earliest, gcRound: this.#gcRound }
  }

  /** Index of the first commit that is in memory; `highest + 1` if none is. */
  get firstCommitInMemory(): number {
    return this.#firstCommit
  }

  /** Adds blocks that are above the GC round and not known yet; returns those. */
  accept(blocks: ReadonlyArray<SourceBlock>): ReadonlyArray<SourceBlock> {
    return blocks.filter((block) => {
      const { digest, round } = block.ref
      if (round <= this.#gcRound || round < this.#lowest || this.#known.has(digest)) return false
      this.#known.add(digest)
      const held = this.#rounds.get(round)
      if (held === undefined) this.#rounds.set(round, [block])
      else {
        const at = held.findIndex((other) => compareDagBlockRefs(block.ref, other.ref) < 0)
        held.splice(at < 0 ? held.length : at, 0, block)
      }
      this.#highestRound = Math.max(this.#highestRound, round)
      return true
    })
  }

  /** Adds the next commits, and drops what fell out of the window. */
  commit(commits: ReadonlyArray<CommittedSubDag>): void {
    for (const commit of commits) {
      if (commit.commitIndex !== this.#highest + 1) {
        throw new Error(`commit ${commit.commitIndex} does not follow commit ${this.#highest}`)
      }
      this.#highest = commit.commitIndex
      this.#commits.push(commit)
      this.#commitBytes += bytesOf(commit)
      this.#gcRound = Math.max(this.#gcRound, commit.leader.round - this.#limits.gcDepth)
    }
    this.#prune()
  }

  #prune(): void {
    const { maxCommitBytes, maxCommits } = this.#limits
    while (
      this.#commits.length > 1 &&
      (this.#commits.length > maxCommits || this.#commitBytes > maxCommitBytes)
    ) {
      this.#commitBytes -= bytesOf(this.#commits.shift()!)
      this.#firstCommit++
    }
    for (; this.#lowest <= this.#gcRound; this.#lowest++) {
      for (const { ref } of this.#rounds.get(this.#lowest) ?? []) this.#known.delete(ref.digest)
      this.#rounds.delete(this.#lowest)
    }
  }

  /** What is not in memory is not kept at all: for sources without another store. */
  forgetEarlier(): void {
    this.#earliest = this.#firstCommit
  }

  blocksAfter(rounds: ReadonlyArray<number>, { after, limit }: Page): ReadonlyArray<SourceBlock> {
    const out: Array<SourceBlock> = []
    const from = Math.max(this.#lowest, after?.round ?? 0)
    for (let round = from; round <= this.#highestRound; round++) {
      for (const block of this.#rounds.get(round) ?? []) {
        if (round <= (rounds[block.ref.author] ?? 0)) continue
        if (after !== undefined && compareDagBlockRefs(block.ref, after) <= 0) continue
        if (out.length === limit) return out
        out.push(block)
      }
    }
    return out
  }

  /** Those of the blocks that are in memory. */
  blocksOf(refs: ReadonlyArray<DagBlockRef>): ReadonlyArray<SourceBlock> {
    return refs.flatMap(({ digest, round }) => {
      const block = this.#rounds.get(round)?.find(({ ref }) => ref.digest === digest)
      return block === undefined ? [] : [block]
    })
  }

  /** Commits after `index` that are in memory; empty if the next one is not. */
  commitsAfter(index: number, limit: number): ReadonlyArray<CommittedSubDag> {
    const from = index + 1 - this.#firstCommit
    return from < 0 ? [] : this.#commits.slice(from, from + limit)
  }
}
