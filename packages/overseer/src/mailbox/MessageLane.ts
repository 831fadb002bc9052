/**
 * One lane of messages with its counts. One message in twenty is timed, in the order of sending, so that a clock is read
 * rarely and nothing is allocated for the others.
 */
import type { Clock } from "effect"
import type { LaneMeter } from "../Mailbox.ts"
import { Fifo } from "./Fifo.ts"

const sampleEvery = 20
/** Timings kept until they are collected; older ones are overwritten. */
const sampleCapacity = 100

/** As much of a clock as timing needs. */
export type Stopwatch = Pick<Clock.Clock, "monotonicTimeNanosUnsafe">

/** A message that waits for room, with the sender that waits with it. */
interface Blocked<M> {
  readonly message: M
  readonly resume: () => void
}

export class MessageLane<M> {
  readonly capacity: number
  readonly #clock: Stopwatch | undefined
  readonly #items = new Fifo<M>()
  readonly #blocked = new Set<Blocked<M>>()
  /** Messages in the lane whose time is taken. */
  readonly #timed = new Fifo<{ readonly position: number; readonly sentAtNs: bigint }>()
  #flights: Array<number> = []
  #flightAt = 0
  #sent = 0
  #received = 0
  #blockedCount = 0

  constructor(capacity: number, clock: Stopwatch | undefined) {
    this.capacity = capacity
    this.#clock = clock
  }

  get length(): number {
    return this.#items.length
  }

  get isFull(): boolean {
    return this.#items.length >= this.capacity
  }

  push(message: M): void {
    if (this.#sent++ % sampleEvery === 0 && this.#clock !== undefined) {
      this.#timed.push({ position: this.#sent, sentAtNs: this.#clock.monotonicTimeNanosUnsafe() })
    }
    this.#items.push(message)
  }

  /** The oldest message; the first sender in line takes its room. */
  pull(): M {
    const message = this.#items.shift()!
    this.#received++
    if (this.#timed.length > 0 && this.#timed.peek()!.position === this.#received) this.#land()
    if (this.#blocked.size > 0) {
      for (const first of this.#blocked) {
        this.#blocked.delete(first)
        this.push(first.message)
        first.resume()
        break
      }
    }
    return message
  }

  /** Puts a sender in line, until it has room or gives up. */
  wait(message: M, resume: () => void): () => void {
    this.#blockedCount++
    const waiting: Blocked<M> = { message, resume }
    this.#blocked.add(waiting)
    return () => this.#blocked.delete(waiting)
  }

  /** Drops everything and lets the senders in line go. */
  clear(): void {
    this.#items.clear()
    this.#timed.clear()
    for (const waiting of this.#blocked) waiting.resume()
    this.#blocked.clear()
  }

  get meter(): LaneMeter {
    return {
      sent: this.#sent,
      received: this.#received,
      blocked: this.#blockedCount,
      length: this.#items.length
    }
  }

  /** Milliseconds that timed messages spent in the lane since the last call. */
  takeFlights(): ReadonlyArray<number> {
    const flights = this.#flights
    this.#flights = []
    this.#flightAt = 0
    return flights
  }

  #land(): void {
    const { sentAtNs } = this.#timed.shift()!
    this.#flights[this.#flightAt] = Number(this.#clock!.monotonicTimeNanosUnsafe() - sentAtNs) / 1e6
    this.#flightAt = (this.#flightAt + 1) % sampleCapacity
  }
}
