/**
 * Who has made two blocks for one place in the DAG: the blocks of each author and round, for as long as they matter.
 * Pure bookkeeping; what is reported is verified before.
 */
import type { AuthorityIndex, DagBlockRef, Round } from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"

/** Two blocks that one author has signed for one round: proof of its misbehaviour. */
export interface Equivocation {
  readonly author: AuthorityIndex
  readonly round: Round
  readonly blocks: readonly [ObservedBlock, ObservedBlock]
}

/** See the head of the file. */
export class Equivocations {
  readonly #maxBlocksPerSlot: number
  readonly #rounds = new Map<Round, Map<AuthorityIndex, Array<ObservedBlock>>>()
  #forgotten = 0

  constructor(maxBlocksPerSlot: number) {
    this.#maxBlocksPerSlot = maxBlocksPerSlot
  }

  /** Notes a block. Returns the first of its place when this is another one, seen for the first time. */
  note(block: ObservedBlock): ObservedBlock | undefined {
    const { author, digest, round } = block.ref
    if (round <= this.#forgotten) return undefined
    let authors = this.#rounds.get(round)
    if (authors === undefined) this.#rounds.set(round, (authors = new Map()))
    const slot = authors.get(author)
    if (slot === undefined) {
      authors.set(author, [block])
      return undefined
    }
    if (slot.length >= this.#maxBlocksPerSlot || slot.some(({ ref }) => ref.digest === digest))
      return undefined
    slot.push(block)
    return slot[0]
  }

  /** Whether an author has made so many blocks for this place that no further one is worth keeping. */
  isFull({ author, round }: DagBlockRef): boolean {
    return (this.#rounds.get(round)?.get(author)?.length ?? 0) >= this.#maxBlocksPerSlot
  }

  /** Forgets a round and those below. */
  forget(upTo: Round): void {
    for (const round of this.#rounds.keys()) if (round <= upTo) this.#rounds.delete(round)
    this.#forgotten = Math.max(this.#forgotten, upTo)
  }
}
