/**
 * Requests of authorities, taken in rounds of at most one of each: whoever sends much waits for itself alone.
 */
import type { ValidatorId } from "@ephor/types"

/** Requests of one authority that may wait; further ones are dropped without cost. */
export const maxPerAuthority = 10

/** The queues of all authorities. Changed in place: they belong to one receiver. */
export class AuthorityQueues<A> {
  readonly #limit: number
  readonly #queues = new Map<ValidatorId, Array<A>>()
  #size = 0

  constructor(limit: number = maxPerAuthority) {
    this.#limit = limit
  }

  /** Requests that wait. */
  get size(): number {
    return this.#size
  }

  /** Queues a request behind those of the same authority. False, and nothing queued, when that queue is full. */
  push(authority: ValidatorId, request: A): boolean {
    const queue = this.#queues.get(authority)
    if (queue === undefined) this.#queues.set(authority, [request])
    else if (queue.length >= this.#limit) return false
    else queue.push(request)
    this.#size++
    return true
  }

  /** The next request of each authority, in the order in which the authorities came. */
  round(): ReadonlyArray<A> {
    const taken: Array<A> = []
    for (const [authority, queue] of this.#queues) {
      taken.push(queue.shift()!)
      if (queue.length === 0) this.#queues.delete(authority)
    }
    this.#size -= taken.length
    return taken
  }
}
