/**
 * What a server tells about each of its subscribers: bytes, what waits to be taken, and lag. By key, by token (numbered, since
 * nothing of a token may show) or by address; so many names are told apart while the process lives, all others are one.
 */
import { Effect, Metric } from "effect"
import * as Metrics from "../Metrics.ts"
import type { ServerCall } from "./NodeServerCall.ts"

/** Who has made a call. */
export interface Caller {
  /** Name of its key. */
  readonly key: string | undefined
  /** Name of its token. */
  readonly token: string | undefined
  readonly address: string | undefined
}

interface Subscriber {
  readonly calls: Set<ServerCall>
  /** Bytes of calls that have ended, and of all calls when they were told last. */
  endedBytes: number
  toldBytes: number
  readonly metrics: ReturnType<typeof Metrics.subscriber>
}

/** What everybody is who is not told apart. */
const others = "other"

/** See the head of the file. */
export class Subscribers {
  readonly #most: number
  readonly #subscribers = new Map<string, Subscriber>()
  readonly #tokens = new Map<string, string>()

  constructor(most: number) {
    this.#most = most
  }

  /** Nobody has called yet. */
  get isEmpty(): boolean {
    return this.#subscribers.size === 0
  }

  #nameOf({ address, key, token }: Caller): string {
    if (key !== undefined) return `key ${key.slice(0, 10)}`
    if (token === undefined) return address === undefined ? "local" : `address ${address}`
    const known = this.#tokens.get(token)
    if (known !== undefined) return known
    const name = `token ${this.#tokens.size + 1}`
    // Whoever is not told apart needs no number.
    if (this.#subscribers.size < this.#most) this.#tokens.set(token, name)
    return name
  }

  #of(caller: Caller): Subscriber {
    const name = this.#nameOf(caller)
    const told = this.#subscribers.has(name) || this.#subscribers.size < this.#most ? name : others
    const known = this.#subscribers.get(told)
    if (known !== undefined) return known
    const made: Subscriber = {
      calls: new Set(),
      endedBytes: 0,
      toldBytes: 0,
      metrics: Metrics.subscriber(told)
    }
    this.#subscribers.set(told, made)
    return made
  }

  /** A call has begun; what is returned is to be called when it has ended. */
  enter(caller: Caller, call: ServerCall): () => void {
    const subscriber = this.#of(caller)
    subscriber.calls.add(call)
    return () => {
      subscriber.calls.delete(call)
      subscriber.endedBytes += call.sentBytes
    }
  }

  /** Tells how it stands, the newest commit being `tip`. */
  tell(tip: number): Effect.Effect<void> {
    return Effect.forEach(
      this.#subscribers.values(),
      (subscriber) => {
        let [bytes, queue, lag] = [subscriber.endedBytes, 0, 0]
        for (const call of subscriber.calls) {
          bytes += call.sentBytes
          queue += call.stream.writableLength
          if (call.lastCommit !== undefined) lag = Math.max(lag, tip - call.lastCommit)
        }
        const fresh = bytes - subscriber.toldBytes
        subscriber.toldBytes = bytes
        const { metrics } = subscriber
        return Effect.andThen(
          Metric.update(metrics.bytes, fresh),
          Effect.andThen(Metric.update(metrics.queue, queue), Metric.update(metrics.lag, lag))
        )
      },
      { discard: true }
    )
  }
}
