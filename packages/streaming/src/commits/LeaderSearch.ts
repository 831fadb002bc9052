/**
 * The search for the leader of the next commit: each block is tried once, and what came of it is kept until that commit links.
 */
import type { Hash } from "@ephor/types"
import type { ObservedBlock } from "../BlockVerifier.ts"

/** See the head of the file. */
export class LeaderSearch {
  /** By the digest that the commit would have. */
  readonly #tried = new Map<string, ObservedBlock>()
  readonly #triedLeaders = new Set<string>()

  /** The block among the candidates that, as leader, gives this digest. */
  find(
    digest: Hash,
    candidates: Iterable<ObservedBlock>,
    digestBy: (leader: ObservedBlock) => Hash
  ): ObservedBlock | undefined {
    for (const leader of candidates) {
      if (this.#triedLeaders.has(leader.ref.digest)) continue
      this.#triedLeaders.add(leader.ref.digest)
      const found = digestBy(leader)
      this.#tried.set(found, leader)
      if (found === digest) return leader
    }
    return this.#tried.get(digest)
  }

  /** Begins anew, for another commit. */
  clear(): void {
    this.#tried.clear()
    this.#triedLeaders.clear()
  }
}
