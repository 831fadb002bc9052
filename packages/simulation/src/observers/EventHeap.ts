/**
 * Virtual time for millions of events: a binary heap, ordered by time and then by the order in which events were put in.
 */

/** See the head of the file. */
export class EventHeap {
  #times: Array<number> = []
  #orders: Array<number> = []
  #actions: Array<() => void> = []
  #next = 0
  nowMs = 0
  /** Events that have happened. */
  count = 0

  /** Puts in an event this many milliseconds from now. */
  after(ms: number, action: () => void): void {
    const [times, orders, actions] = [this.#times, this.#orders, this.#actions]
    const [time, order] = [this.nowMs + ms, this.#next++]
    let at = times.length
    times.push(time)
    orders.push(order)
    actions.push(action)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (times[parent]! <= time) break
      times[at] = times[parent]!
      orders[at] = orders[parent]!
      actions[at] = actions[parent]!
      at = parent
    }
    times[at] = time
    orders[at] = order
    actions[at] = action
  }

  /** Lets everything happen that is due until a time, in order. */
  runUntil(endMs: number): void {
    while (this.#times.length > 0 && this.#times[0]! <= endMs) {
      this.nowMs = this.#times[0]!
      const action = this.#actions[0]!
      this.#pop()
      this.count++
      action()
    }
    this.nowMs = endMs
  }

  #pop(): void {
    const [times, orders, actions] = [this.#times, this.#orders, this.#actions]
    const [time, order, action] = [times.pop()!, orders.pop()!, actions.pop()!]
    const size = times.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      const right = child + 1
      const before = (a: number, b: number) =>
        times[a]! < times[b]! || (times[a] === times[b] && orders[a]! < orders[b]!)
      if (right < size && before(right, child)) child = right
      if (times[child]! > time || (times[child] === time && orders[child]! > order)) break
      times[at] = times[child]!
      orders[at] = orders[child]!
      actions[at] = actions[child]!
      at = child
    }
    times[at] = time
    orders[at] = order
    actions[at] = action
  }
}
