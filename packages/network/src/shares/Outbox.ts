/**
 * Frames that wait for one peer, bounded in number and in bytes: a peer that does not read costs no more than that.
 */
import { Effect, Queue } from "effect"

/** Bounds of an outbox. */
export interface OutboxLimits {
  readonly frames: number
  readonly bytes: number
}

/** What waits for one peer. */
export class Outbox {
  readonly #limits: OutboxLimits
  readonly #queue: Queue.Queue<Uint8Array>
  #bytes = 0

  private constructor(limits: OutboxLimits, queue: Queue.Queue<Uint8Array>) {
    this.#limits = limits
    this.#queue = queue
  }

  static make(limits: OutboxLimits): Effect.Effect<Outbox> {
    return Effect.map(Queue.dropping<Uint8Array>(limits.frames), (queue) => new Outbox(limits, queue))
  }

  /** Bytes that wait, or are being written. */
  get bytes(): number {
    return this.#bytes
  }

  /** Takes a frame; false if there is no room for it. */
  offer(frame: Uint8Array): boolean {
    if (this.#bytes + frame.length > this.#limits.bytes) return false
    if (!Queue.offerUnsafe(this.#queue, frame)) return false
    this.#bytes += frame.length
    return true
  }

  /** Writes the next frame; it counts until the peer has taken it. */
  writeNext<E>(write: (frame: Uint8Array) => Effect.Effect<void, E>): Effect.Effect<void, E> {
    return Effect.flatMap(Queue.take(this.#queue), (frame) =>
      Effect.ensuring(
        write(frame),
        Effect.sync(() => {
          this.#bytes -= frame.length
        })
      )
    )
  }
}
