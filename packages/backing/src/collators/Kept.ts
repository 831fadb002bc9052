/**
 * Collations that are kept for validators who ask, up to so many, and to so many bytes.
 */
import type { CandidateHash, CandidateReceipt, PoV } from "@ephor/types"

/** A receipt with its proof. */
export interface Collation {
  readonly candidate: CandidateReceipt
  readonly pov: PoV
}

/** Drops the oldest beyond its limit. */
export class Kept {
  readonly #limit: number
  readonly #limitBytes: number
  readonly #collations = new Map<CandidateHash, Collation>()
  #bytes = 0

  constructor(limit: number, limitBytes: number) {
    this.#limit = limit
    this.#limitBytes = limitBytes
  }

  get(hash: CandidateHash): Collation | undefined {
    return this.#collations.get(hash)
  }

  add(hash: CandidateHash, { candidate, pov }: Collation): void {
    if (this.#collations.has(hash)) return
    this.#collations.set(hash, { candidate, pov })
    this.#bytes += pov.blockData.length
    for (const [oldest, one] of this.#collations) {
      if (this.#collations.size <= this.#limit && this.#bytes <= this.#limitBytes) break
      this.#collations.delete(oldest)
      this.#bytes -= one.pov.blockData.length
    }
  }
}
