/**
 * Timestamps of blocks: whole seconds that never go back and do not run away from the clock. Pure.
 *
 * A block is of the second of its slot. Where that is not later than its parent's (the clock was put back, or blocks come
 * faster than seconds), timestamps rise by one for each second that passes, and the blocks in between share theirs, which
 * the hub allows. So whoever is ahead of the clock never gets further ahead, and with a block time of a second or more no
 * two blocks share one. (A supervisor refuses messages within one second when two blocks share it: chains of a dependency
 * set have block times of whole seconds.)
 */
export class Timestamps {
  /** The timestamp given last, and the slot in milliseconds that was the first to have it. */
  #last: { readonly timestamp: number; readonly slotMs: number } | undefined

  /** The timestamp of a block in the slot that began at `slotMs`. */
  after(parent: number, nowMs: number, slotMs: number): number {
    const last = this.#last?.timestamp === parent && this.#last.slotMs <= slotMs ? this.#last : undefined
    const risen = last === undefined || slotMs - last.slotMs >= 1000 ? parent + 1 : parent
    const timestamp = Math.max(Math.floor(nowMs / 1000), risen)
    if (timestamp !== last?.timestamp) this.#last = { timestamp, slotMs }
    return timestamp
  }
}
