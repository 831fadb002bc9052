/**
 * Millions of times in little memory: how often each whole millisecond occurred.
 */

/** Quantiles of a distribution, in whole milliseconds. */
export interface Quantiles {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** See the head of the file. */
export class Histogram {
  readonly #counts: Array<number> = []
  count = 0

  add(ms: number): void {
    const at = Math.round(ms)
    while (this.#counts.length <= at) this.#counts.push(0)
    this.#counts[at]!++
    this.count++
  }

  /** Nothing if nothing was added. */
  get quantiles(): Quantiles | undefined {
    if (this.count === 0) return undefined
    return { p50: this.#at(0.5), p99: this.#at(0.99), max: this.#at(1) }
  }

  /** The least time that this share of all is not above. */
  #at(share: number): number {
    const wanted = Math.ceil(share * this.count)
    let sum = 0
    const found = this.#counts.findIndex((count) => (sum += count) >= wanted)
    return Math.max(0, found)
  }
}
