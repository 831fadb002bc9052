/**
 * How much each of many may take per second: buckets that fill again with time. Plain data; the caller says what time it is.
 */

interface Bucket {
  left: number
  atMs: number
}

/** Buckets that are remembered; the one not used for longest is forgotten first. */
const maxBuckets = 4096

/** Buckets by key. */
export class Rates<Key> {
  readonly #perSecond: number
  readonly #burst: number
  readonly #buckets = new Map<Key, Bucket>()

  /** `perSecond` on average; `burst` at once: twice as many, and at least one, unless said otherwise. */
  constructor(perSecond: number, burst: number = Math.max(1, 2 * perSecond)) {
    this.#perSecond = perSecond
    this.#burst = burst
  }

  #fill(key: Key, nowMs: number): Bucket {
    const bucket = this.#buckets.get(key) ?? { left: this.#burst, atMs: nowMs }
    // A clock that went back gives nothing, and takes nothing away.
    const seconds = Math.max(0, nowMs - bucket.atMs) / 1000
    bucket.left = Math.min(this.#burst, bucket.left + seconds * this.#perSecond)
    bucket.atMs = nowMs
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= maxBuckets) break
      this.#buckets.delete(oldest)
    }
    return bucket
  }

  /** Whether anything is left for this one. */
  has(key: Key, nowMs: number): boolean {
    return this.#fill(key, nowMs).left > 0
  }

  /** Takes an amount, even if less is left: what has happened counts in full. */
  charge(key: Key, amount: number, nowMs: number): void {
    this.#fill(key, nowMs).left -= amount
  }

  /** Takes one if there is one. */
  take(key: Key, nowMs: number): boolean {
    const bucket = this.#fill(key, nowMs)
    if (bucket.left < 1) return false
    bucket.left -= 1
    return true
  }

  /** Takes an amount now; how long to wait until it would have been there. */
  delayMs(key: Key, amount: number, nowMs: number): number {
    const bucket = this.#fill(key, nowMs)
    bucket.left -= amount
    return bucket.left >= 0 ? 0 : (-bucket.left / this.#perSecond) * 1000
  }
}
