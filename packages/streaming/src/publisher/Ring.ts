/** The newest items of a sequence, read by position: whoever reads keeps its own place. */
export class Ring<A> {
  readonly #items: Array<A | undefined>
  /** Position behind the newest item. */
  next = 0

  constructor(capacity: number) {
    this.#items = Array.from({ length: capacity })
  }

  /** Position of the oldest item that is still there. */
  get first(): number {
    return Math.max(0, this.next - this.#items.length)
  }

  /** The item at a position from `first` up to `next`. */
  at(position: number): A {
    return this.#items[position % this.#items.length]!
  }

  push(item: A): void {
    this.#items[this.next++ % this.#items.length] = item
  }
}
