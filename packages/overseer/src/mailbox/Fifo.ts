const empty = () => Array.from({ length: 16 }, () => undefined)

/** First in, first out, over one ring: no allocation per item, constant time; keeps the room it once needed. */
export class Fifo<A> {
  #ring: Array<A | undefined> = empty()
  #mask = 15
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  push(item: A): void {
    if (this.#length > this.#mask) this.#grow()
    this.#ring[(this.#head + this.#length++) & this.#mask] = item
  }

  peek(): A | undefined {
    return this.#ring[this.#head]
  }

  /** The item at a distance from the head. */
  at(index: number): A | undefined {
    return index >= 0 && index < this.#length ? this.#ring[(this.#head + index) & this.#mask] : undefined
  }

  shift(): A | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined // let it be collected
    this.#head = (this.#head + 1) & this.#mask
    this.#length--
    return item
  }

  clear(): void {
    this.#ring = empty()
    this.#mask = 15
    this.#head = 0
    this.#length = 0
  }

  #grow(): void {
    const size = this.#ring.length
    const next = Array.from({ length: size * 2 }, (_, i) =>
      i < size ? this.#ring[(this.#head + i) & this.#mask] : undefined
    )
    this.#ring = next
    this.#mask = size * 2 - 1
    this.#head = 0
  }
}
