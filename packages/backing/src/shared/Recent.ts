/**
 * A set, or a map, that forgets its oldest entries beyond a limit.
 */
export class Recent<K, V = true> {
  readonly #entries = new Map<K, V>()
  readonly #capacity: number
  constructor(capacity: number) {
    this.#capacity = capacity
  }
  has(key: K): boolean {
    return this.#entries.has(key)
  }
  get(key: K): V | undefined {
    return this.#entries.get(key)
  }
  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#capacity) break
      this.#entries.delete(oldest)
    }
  }
  add(this: Recent<K, true>, key: K): void {
    this.set(key, true)
  }
  delete(key: K): void {
    this.#entries.delete(key)
  }
}
