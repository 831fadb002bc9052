/** How many each of many holds; who holds none is forgotten. */
export class Counts<Key> {
  readonly #held = new Map<Key, number>()

  of(key: Key): number {
    return this.#held.get(key) ?? 0
  }

  add(key: Key): void {
    this.#held.set(key, this.of(key) + 1)
  }

  remove(key: Key): void {
    const left = this.of(key) - 1
    if (left > 0) this.#held.set(key, left)
    else this.#held.delete(key)
  }
}
