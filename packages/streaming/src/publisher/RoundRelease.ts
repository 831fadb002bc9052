/**
 * Holds new blocks back until their round is nearly whole: all rounds up to one that holds a quorum of stake are released
 * together, so that observers seldom meet a block before its ancestors. What waits too long, or is too much, goes as it
 * is; rounds that were released hold nothing back any more. Plain state.
 */
import { type AuthorityIndex, type DagCommittee, hasQuorum } from "@ephor/types"
import type { SourceBlock } from "../BlockSource.ts"

/** Whose stake counts, and for how long blocks wait at most. */
export interface ReleaseOptions {
  readonly committee: DagCommittee
  /** From the first block that waits. Default 200. */
  readonly timeoutMs?: number
}

/** Documented default. */
export const defaultTimeoutMs = 200

/** See the head of the file. */
export class RoundRelease {
  readonly #committee: DagCommittee
  readonly timeoutMs: number
  readonly #maxBlocks: number
  #waiting: Array<SourceBlock> = []
  readonly #authors = new Map<number, Set<AuthorityIndex>>()
  /** The highest round that was released. */
  #released = 0
  #sinceMs = 0

  constructor({ committee, timeoutMs = defaultTimeoutMs }: ReleaseOptions, maxBlocks: number) {
    this.#committee = committee
    this.timeoutMs = timeoutMs
    this.#maxBlocks = maxBlocks
  }

  /** Takes new blocks; returns those that may be told now, in the order of their rounds. */
  take(blocks: ReadonlyArray<SourceBlock>, nowMs: number): ReadonlyArray<SourceBlock> {
    const out: Array<SourceBlock> = []
    let whole = 0
    for (const block of blocks) {
      const { author, round } = block.ref
      if (round <= this.#released) {
        out.push(block)
        continue
      }
      if (this.#waiting.length === 0) this.#sinceMs = nowMs
      this.#waiting.push(block)
      const authors = this.#authors.get(round) ?? new Set()
      this.#authors.set(round, authors.add(author))
      if (round > whole && hasQuorum(this.#committee, authors)) whole = round
    }
    if (this.#waiting.length > this.#maxBlocks) return [...out, ...this.#release(Infinity)]
    return whole === 0 ? out : [...out, ...this.#release(whole)]
  }

  /** What has waited for too long. */
  expired(nowMs: number): ReadonlyArray<SourceBlock> {
    return this.#waiting.length > 0 && nowMs - this.#sinceMs >= this.timeoutMs ? this.#release(Infinity) : []
  }

  #release(upTo: number): ReadonlyArray<SourceBlock> {
    const released = this.#waiting.filter(({ ref }) => ref.round <= upTo)
    this.#waiting = this.#waiting.filter(({ ref }) => ref.round > upTo)
    for (const { ref } of released) {
      this.#released = Math.max(this.#released, ref.round)
      this.#authors.delete(ref.round)
    }
    return released.sort((a, b) => a.ref.round - b.ref.round)
  }
}
