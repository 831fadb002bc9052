/**
 * Inbound connections that have not said hello, before and after they are encrypted. A newcomer is never sent away: where
 * a block, or everybody, has more than its part, the one that has waited longest goes. Who holds a key needs moments.
 */

interface Guest {
  readonly block: string
  readonly leave: () => void
  isKnown: boolean
}

/** Bounds of the room. */
export interface RoomLimits {
  readonly total: number
  readonly perBlock: number
}

/** Connections that have not said hello. */
export class WaitingRoom {
  readonly #limits: RoomLimits
  /** In order of arrival. */
  readonly #guests = new Map<string, Guest>()
  readonly #blocks = new Map<string, Set<string>>()

  constructor(limits: RoomLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#guests.size
  }

  /** Lets a connection in; those that have to go for it are told to leave. Answers how many. */
  enter(name: string, block: string, leave: () => void): number {
    const ofBlock = this.#blocks.get(block) ?? new Set()
    this.#blocks.set(block, ofBlock.add(name))
    this.#guests.set(name, { block, leave, isKnown: false })
    let gone = 0
    while (ofBlock.size > this.#limits.perBlock && this.#evictOldest(ofBlock)) gone++
    while (this.size > this.#limits.total && this.#evictOldest(this.#largestBlock())) gone++
    return gone
  }

  /** The connection is of a peer that was a validator before: it goes last. */
  know(name: string): void {
    const guest = this.#guests.get(name)
    if (guest !== undefined) guest.isKnown = true
  }

  /** The connection has found its place, or has ended. */
  exit(name: string): void {
    const guest = this.#guests.get(name)
    if (guest === undefined) return
    this.#guests.delete(name)
    const ofBlock = this.#blocks.get(guest.block)
    ofBlock?.delete(name)
    if (ofBlock?.size === 0) this.#blocks.delete(guest.block)
  }

  #evictOldest(names: ReadonlySet<string>): boolean {
    let oldest: string | undefined
    for (const name of names) {
      oldest ??= name
      if (this.#guests.get(name)?.isKnown === true) continue
      oldest = name
      break
    }
    const guest = oldest === undefined ? undefined : this.#guests.get(oldest)
    if (oldest === undefined || guest === undefined) return false
    this.exit(oldest)
    guest.leave()
    return true
  }

  #largestBlock(): ReadonlySet<string> {
    let largest: ReadonlySet<string> = new Set()
    for (const names of this.#blocks.values()) if (names.size > largest.size) largest = names
    return largest
  }
}
