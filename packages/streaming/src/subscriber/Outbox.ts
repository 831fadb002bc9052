/**
 * Items on their way to the application: bounded by count and bytes, pulled, and counted until they are processed.
 */
import { Effect, type Pull } from "effect"
import { ObserverError } from "../ObserverError.ts"

/** Items handed over at a time; they count as processed when the next ones are asked for. */
const handfull = 16

/** See the head of the file. */
export class Outbox<A> {
  readonly #maxItems: number
  readonly #maxBytes: number
  readonly #sizeOf: (item: A) => number
  #items: Array<A> = []
  #at = 0
  #bytes = 0
  #inHand: ReadonlyArray<A> = []
  #failure: ObserverError | undefined
  #onItems: (() => void) | undefined
  readonly #onRoom = new Set<() => void>()
  readonly #onProcessed: (items: ReadonlyArray<A>) => void
  /** Whether somebody has started to pull. */
  attached = false

  constructor(
    limits: { readonly items: number; readonly bytes: number },
    sizeOf: (item: A) => number,
    onProcessed: (items: ReadonlyArray<A>) => void = () => {}
  ) {
    this.#maxItems = limits.items
    this.#maxBytes = limits.bytes
    this.#sizeOf = sizeOf
    this.#onProcessed = onProcessed
  }

  /** Items that the application has not processed. */
  get size(): number {
    return this.#items.length - this.#at + this.#inHand.length
  }

  get full(): boolean {
    return this.size >= this.#maxItems || this.#bytes >= this.#maxBytes
  }

  push(items: ReadonlyArray<A>): void {
    for (const item of items) {
      this.#items.push(item)
      this.#bytes += this.#sizeOf(item)
    }
    if (items.length > 0) this.#onItems?.()
  }

  /** No more items will come; those that are here are still handed over. */
  fail(error: ObserverError): void {
    this.#failure ??= error
    this.#onItems?.()
    for (const wake of this.#onRoom) wake()
  }

  /** Suspends while the box is full. */
  readonly room: Effect.Effect<void> = Effect.suspend(() => {
    if (!this.full || this.#failure !== undefined) return Effect.void
    return Effect.callback<void>((resume) => {
      const wake = () => {
        if (this.full && this.#failure === undefined) return
        this.#onRoom.delete(wake)
        resume(Effect.void)
      }
      this.#onRoom.add(wake)
      return Effect.sync(() => this.#onRoom.delete(wake))
    })
  })

  /** What was handed over has been processed. */
  settle(): void {
    if (this.#inHand.length === 0) return
    const processed = this.#inHand
    this.#inHand = []
    this.#bytes -= processed.reduce((sum, item) => sum + this.#sizeOf(item), 0)
    this.#onProcessed(processed)
    for (const wake of this.#onRoom) wake()
  }

  /** The next items; asking for them says that the ones before are processed. One consumer at a time. */
  readonly pull: Pull.Pull<readonly [A, ...Array<A>], ObserverError> = Effect.suspend(() => {
    this.settle()
    if (this.#at < this.#items.length) {
      const taken = this.#items.slice(this.#at, this.#at + handfull)
      this.#at += taken.length
      if (this.#at === this.#items.length || this.#at > 1024) {
        this.#items = this.#items.slice(this.#at)
        this.#at = 0
      }
      this.#inHand = taken
      return Effect.succeed(taken as unknown as readonly [A, ...Array<A>])
    }
    if (this.#failure !== undefined) return Effect.fail(this.#failure)
    return Effect.andThen(this.#arrival, this.pull)
  })

  readonly #arrival = Effect.callback<void>((resume) => {
    if (this.size > 0 || this.#failure !== undefined) return resume(Effect.void)
    this.#onItems = () => {
      this.#onItems = undefined
      resume(Effect.void)
    }
    return Effect.sync(() => (this.#onItems = undefined))
  })
}
