/**
 * Virtual time for millions of events: a list for each millisecond, put in order when its time has come. Events happen
 * in the order of their times, and those of one time in the order in which they were put in.
 */

interface Event {
  readonly timeMs: number
  readonly action: () => void
}

/** See the head of the file. */
export class EventQueue {
  readonly #lists = new Map<number, Array<Event>>()
  /** The millisecond that is happening, its events in order, and the next of them. */
  #tick = 0
  #list: Array<Event> = []
  #at = 0
  nowMs = 0
  /** Events that have happened. */
  count = 0

  /** Puts in an event this many milliseconds from now. */
  after(ms: number, action: () => void): void {
    const event = { timeMs: this.nowMs + ms, action }
    const tick = Math.floor(event.timeMs)
    if (tick <= this.#tick) {
      let at = this.#list.length
      while (at > this.#at && this.#list[at - 1]!.timeMs > event.timeMs) at--
      this.#list.splice(at, 0, event)
      return
    }
    const list = this.#lists.get(tick)
    if (list === undefined) this.#lists.set(tick, [event])
    else list.push(event)
  }

  /** Lets everything happen that is due until a time, in order. */
  runUntil(endMs: number): void {
    for (;;) {
      while (this.#at < this.#list.length) {
        const event = this.#list[this.#at]!
        if (event.timeMs > endMs) break
        this.#at++
        this.nowMs = event.timeMs
        this.count++
        event.action()
      }
      if (this.#tick >= Math.floor(endMs)) break
      this.#tick++
      // A stable sort: equal times stay in the order in which they were put in.
      this.#list = (this.#lists.get(this.#tick) ?? []).sort((a, b) => a.timeMs - b.timeMs)
      this.#lists.delete(this.#tick)
      this.#at = 0
    }
    this.nowMs = endMs
  }
}
