/**
 * The live side of a publisher: a ring of the newest blocks that all subscribers read by cursor, the tip, and the
 * subscribers that wait for news. One synchronous loop wakes them; nothing is copied per subscriber.
 */
import { Effect } from "effect"
import type { SourceBlock, SourceEvent, Tip } from "../BlockSource.ts"
import { Ring } from "./Ring.ts"

/** Anything that sleeps until there is news. */
export interface Waiter {
  wake: (() => void) | undefined
  /** Whether it should be woken although there is no news. */
  readonly due: (nowMs: number) => boolean
}

/** Signatures of randomness that a response carries at most. */
const auxiliaryPerResponse = 20

/** Shared by all streams of one publisher. */
export class Feed {
  readonly blocks: Ring<SourceBlock>
  /** Signatures of randomness. */
  readonly auxiliary: Ring<Uint8Array>
  readonly #waiters = new Set<Waiter>()
  #missedAuxiliary = 0
  tip: Tip
  /** The source has ended, or the publisher is going away. */
  state: "open" | "ended" | "closing" = "open"

  constructor(limits: { readonly ringBlocks: number; readonly ringAuxiliary: number }, tip: Tip) {
    this.blocks = new Ring(limits.ringBlocks)
    this.auxiliary = new Ring(limits.ringAuxiliary)
    this.tip = tip
  }

  /**
   * Signatures of randomness from a position on, as many as a response carries, and where they begin: older ones are
   * gone, and count as missed.
   */
  auxiliaryFrom(position: number): { readonly from: number; readonly items: ReadonlyArray<Uint8Array> } {
    const { auxiliary } = this
    const from = Math.max(position, auxiliary.first)
    this.#missedAuxiliary += from - position
    const length = Math.min(auxiliary.next - from, auxiliaryPerResponse)
    return { from, items: Array.from({ length }, (_, i) => auxiliary.at(from + i)) }
  }

  /** How many signatures subscribers have missed since this was asked last. */
  takeMissedAuxiliary(): number {
    const missed = this.#missedAuxiliary
    this.#missedAuxiliary = 0
    return missed
  }

  publish(event: SourceEvent, tip: Tip): void {
    this.tip = tip
    if (event._tag === "Accepted") for (const block of event.blocks) this.blocks.push(block)
    if (event._tag === "Auxiliary") for (const item of event.randomnessSignatures) this.auxiliary.push(item)
    this.wakeAll()
  }

  end(state: "ended" | "closing"): void {
    if (this.state !== "closing") this.state = state
    this.wakeAll()
  }

  wakeAll(): void {
    // A copy: whoever wakes leaves, and may be back before the loop ends.
    // oxlint-disable-next-line unicorn/no-useless-spread
    for (const waiter of [...this.#waiters]) waiter.wake?.()
  }

  /** Wakes those whose time has come. */
  wakeDue(nowMs: number): void {
    const due = [...this.#waiters].filter((waiter) => waiter.due(nowMs))
    for (const waiter of due) waiter.wake?.()
  }

  /**
   * Sleeps until `wakeAll`, or until the waiter itself is woken; `ready` is asked first, so no news is missed. If `serve`
   * says that it has dealt with the news, the waiter sleeps on.
   */
  wait(waiter: Waiter, ready: () => boolean, serve: () => boolean): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (ready()) return resume(Effect.void)
      const rise = (next: Effect.Effect<void>) => {
        waiter.wake = undefined
        this.#waiters.delete(waiter)
        resume(next)
      }
      waiter.wake = () => {
        try {
          if (!serve()) rise(Effect.void)
        } catch (defect) {
          // Its own stream ends with it, not everybody else's.
          rise(Effect.die(defect))
        }
      }
      this.#waiters.add(waiter)
      return Effect.sync(() => {
        waiter.wake = undefined
        this.#waiters.delete(waiter)
      })
    })
  }
}

/** A stretch of the ring, the blocks of it that are sent, and the highest commit index that is told with them. */
export interface Place {
  readonly from: number
  readonly first: SourceBlock
  readonly last: SourceBlock
  readonly count: number
  readonly index: number
}

/** Places that count as near the tip: the responses for these are remembered, however large. */
export const nearPlaces = 64

/** The newest responses, so that subscribers at the same place share one object, and with it one frame. */
export class SharedResponses<R> {
  readonly #entries = new Map<string, { readonly response: R; readonly bytes: number }>()
  /** Keys from the oldest on; to look for the oldest in the map would mean to pass all that were there before. */
  #keys: Array<string> = []
  #oldest = 0
  readonly #maxBytes: number
  #bytes = 0
  /**
   * What was given last for places near the tip, where everybody asks for the same, and never again once the tip has
   * moved on: no keys, and soon forgotten.
   */
  readonly #near: Array<{ readonly place: Place; readonly response: R } | undefined> = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** What was given for this very place the last time, if anything. */
  at(place: Place): R | undefined {
    const known = this.#near[place.from % nearPlaces]
    return known !== undefined &&
      known.place.from === place.from &&
      known.place.first === place.first &&
      known.place.last === place.last &&
      known.place.count === place.count &&
      known.place.index === place.index
      ? known.response
      : undefined
  }

  /** Remembers what is given for a place. */
  note(place: Place, response: R): R {
    this.#near[place.from % nearPlaces] = { place, response }
    return response
  }

  /** What was given for this key, if it is still kept. */
  known(key: string): R | undefined {
    return this.#entries.get(key)?.response
  }

  /** What was given for this key, or is now made for it. */
  get(key: string, make: () => { readonly response: R; readonly bytes: number }): R {
    const known = this.#entries.get(key)
    if (known !== undefined) return known.response
    const made = make()
    this.#entries.set(key, made)
    this.#keys.push(key)
    this.#bytes += made.bytes
    // The newest one stays, however large.
    while (this.#bytes > this.#maxBytes && this.#oldest < this.#keys.length - 1) {
      const oldest = this.#keys[this.#oldest++]!
      this.#bytes -= this.#entries.get(oldest)!.bytes
      this.#entries.delete(oldest)
    }
    if (this.#oldest > 1024 && this.#oldest * 2 > this.#keys.length) {
      this.#keys = this.#keys.slice(this.#oldest)
      this.#oldest = 0
    }
    return made.response
  }
}
