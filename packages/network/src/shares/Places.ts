/**
 * Places for peers that are no validators: so many in all, and so many of one address block. Validators that the chain
 * names, and peers that the operator dials, take none of them.
 */
import type { PeerId } from "../Network.ts"
import { Counts } from "./Counts.ts"

/** How many places there are. */
export interface PlaceLimits {
  readonly otherPeers: number
  readonly otherPeersPerBlock: number
}

/** The places of peers that are no validators. */
export class Places {
  readonly #limits: PlaceLimits
  readonly #taken = new Map<PeerId, string>()
  readonly #blocks = new Counts<string>()

  constructor(limits: PlaceLimits) {
    this.#limits = limits
  }

  get taken(): number {
    return this.#taken.size
  }

  /** Why there is no place for a peer of this block, in words for both sides. */
  refusal(peer: PeerId, block: string): string | undefined {
    if (this.#taken.has(peer)) return undefined
    const { otherPeers, otherPeersPerBlock } = this.#limits
    if (this.#blocks.of(block) >= otherPeersPerBlock) {
      return `all ${otherPeersPerBlock} places for peers of ${block} that are no validators are taken`
    }
    return this.#taken.size >= otherPeers
      ? `all ${otherPeers} places for peers that are no validators are taken`
      : undefined
  }

  take(peer: PeerId, block: string): void {
    if (this.#taken.has(peer)) return
    this.#taken.set(peer, block)
    this.#blocks.add(block)
  }

  leave(peer: PeerId): void {
    const block = this.#taken.get(peer)
    if (block === undefined) return
    this.#taken.delete(peer)
    this.#blocks.remove(block)
  }
}
