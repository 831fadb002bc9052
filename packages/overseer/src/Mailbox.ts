/**
 * The input of one subsystem: four lanes read in one fixed order, so that whoever has seen a signal can never send a
 * message that overtakes it.
 */
import { type Clock, Deferred, Effect, type Scheduler } from "effect"
import { Fifo } from "./internal/Fifo.ts"
import { Concluded, OverseerError } from "./OverseerError.ts"
import type { FromOverseer, Signal } from "./Signal.ts"

/** Lanes in the order in which they are read. */
export type Lane = "signal" | "now" | "priority" | "bulk"

/** How much a mailbox holds before senders wait. */
export interface Capacities {
  /** Signals that may wait before the overseer itself waits. */
  readonly signal: number
  /** Messages in the bulk lane, and as many again in the priority lane. */
  readonly message: number
}

/** Capacities where nothing else is said: those of the Polkadot overseer. */
export const defaults: Capacities = { signal: 64, message: 2048 }

/** Counts since the start, and what waits now. */
export interface LaneMeter {
  readonly sent: number
  readonly received: number
  /** Sends that had to wait for room. */
  readonly blocked: number
  readonly length: number
}

/** A message that waits for room, with the sender that waits with it. */
interface Blocked<M> {
  readonly message: M
  readonly resume: () => void
}

/**
 * Suspends until the registered function is called, and goes on in a later turn of the scheduler. A bare callback would
 * go on inside of the call: in the middle of a broadcast, ahead of mailboxes that do not have the signal yet.
 */
const later = (register: (resume: () => void) => () => void): Effect.Effect<void> =>
  Effect.withFiber((fiber) => {
    const dispatcher: Scheduler.SchedulerDispatcher = fiber.currentDispatcher
    return Effect.callback<void>((resume) => {
      const go = () => resume(Effect.void)
      return Effect.sync(register(() => dispatcher.scheduleTask(go, 0)))
    })
  })

/** One message in twenty is timed. */
const sampleEvery = 20
/** Timings kept until they are collected; older ones are overwritten. */
const sampleCapacity = 100

class MessageLane<M> {
  readonly items = new Fifo<M>()
  readonly blocked = new Set<Blocked<M>>()
  readonly samples = new Fifo<{ readonly position: number; readonly sentAtMs: number }>()
  readonly capacity: number
  sent = 0
  received = 0
  blockedCount = 0
  constructor(capacity: number) {
    this.capacity = capacity
  }
  get meter(): LaneMeter {
    return { sent: this.sent, received: this.received, blocked: this.blockedCount, length: this.items.length }
  }
}

/**
 * A subsystem's mailbox. `send` waits for room, `sendPriority` too but is read earlier, `sendNow` never waits and is
 * reserved for edges that would close a cycle of waiting. One fiber reads.
 *
 * Order with everything ready: signal, now, priority, bulk; inside a lane first in, first out.
 */
export class Mailbox<in out M> {
  readonly name: string
  readonly capacities: Capacities
  readonly #signals = new Fifo<Signal>()
  readonly #now: MessageLane<M>
  readonly #priority: MessageLane<M>
  readonly #bulk: MessageLane<M>
  readonly #asking = new Set<Deferred.Deferred<any, any>>()
  readonly #roomForSignals = new Set<() => void>()
  readonly #clock: Pick<Clock.Clock, "currentTimeMillisUnsafe"> | undefined
  readonly #flights: Array<number> = []
  #flightAt = 0
  #signalsSent = 0
  #signalsReceived = 0
  #wake: (() => void) | undefined
  #wakeOnMessage = true
  #closed = false

  constructor(
    name: string,
    capacities: Partial<Capacities> = {},
    clock?: Pick<Clock.Clock, "currentTimeMillisUnsafe"> | undefined
  ) {
    this.name = name
    this.capacities = {
      signal: Math.max(1, capacities.signal ?? defaults.signal),
      message: Math.max(1, capacities.message ?? defaults.message)
    }
    this.#now = new MessageLane(Number.POSITIVE_INFINITY)
    this.#priority = new MessageLane(this.capacities.message)
    this.#bulk = new MessageLane(this.capacities.message)
    this.#clock = clock
  }

  /** Puts a message into the bulk lane; suspends while the subsystem is `capacity` messages behind. */
  send(message: M): Effect.Effect<void> {
    return Effect.suspend(() => this.#offer(this.#bulk, message))
  }

  /** As `send`, ahead of everything in the bulk lane. */
  sendPriority(message: M): Effect.Effect<void> {
    return Effect.suspend(() => this.#offer(this.#priority, message))
  }

  /** Never waits, whatever the length of the lane: only for edges that would close a cycle. */
  sendNow(message: M): Effect.Effect<void> {
    return Effect.sync(() => {
      if (!this.#closed) this.#push(this.#now, message)
    })
  }

  /** `send` if there is room: false, and nothing sent, if the lane is full or the subsystem has ended. */
  trySend(message: M): Effect.Effect<boolean> {
    return Effect.sync(() => this.#try(this.#bulk, message))
  }

  /** `sendPriority` if there is room: false, and nothing sent, if the lane is full or the subsystem has ended. */
  trySendPriority(message: M): Effect.Effect<boolean> {
    return Effect.sync(() => this.#try(this.#priority, message))
  }

  /**
   * Sends a request that carries its own reply, and waits for the reply. If the subsystem ends first this dies with an
   * `OverseerError`, which the runner of a subsystem takes as a call to conclude. The reply travels outside of the
   * mailbox, so it waits for nobody.
   */
  ask<A, E = never>(request: (reply: Deferred.Deferred<A, E>) => M): Effect.Effect<A, E> {
    return Effect.suspend(() => this.#ask(this.#bulk, request))
  }

  /** `ask` through the priority lane. */
  askPriority<A, E = never>(request: (reply: Deferred.Deferred<A, E>) => M): Effect.Effect<A, E> {
    return Effect.suspend(() => this.#ask(this.#priority, request))
  }

  /** The next item in lane order; suspends while there is none. */
  get take(): Effect.Effect<FromOverseer<M>> {
    return this.#take(true)
  }

  /** The next signal; messages stay queued, which is how a saturated subsystem exerts back-pressure. */
  get takeSignal(): Effect.Effect<Signal> {
    return Effect.map(this.#take(false), (item) => (item as { readonly signal: Signal }).signal)
  }

  /** The next item if there is one. With `messages` false only signals count. For readers that loop by themselves. */
  nextUnsafe(messages = true): FromOverseer<M> | undefined {
    if (this.#signals.length > 0) {
      const signal = this.#signals.shift()!
      this.#signalsReceived++
      if (this.#roomForSignals.size > 0 && this.#signals.length < this.capacities.signal) {
        for (const resume of this.#roomForSignals) resume()
        this.#roomForSignals.clear()
      }
      return { _tag: "Signal", signal }
    }
    if (!messages) return undefined
    const lane =
      this.#now.items.length > 0
        ? this.#now
        : this.#priority.items.length > 0
          ? this.#priority
          : this.#bulk.items.length > 0
            ? this.#bulk
            : undefined
    return lane === undefined ? undefined : { _tag: "Message", message: this.#pull(lane) }
  }

  /** Suspends until something came in (with `messages` false: a signal), or until `pokeUnsafe`. One waiter at a time. */
  ready(messages = true): Effect.Effect<void> {
    return later((wake) => {
      this.#wake = wake
      this.#wakeOnMessage = messages
      if (this.#signals.length > 0 || (messages && this.length > 0)) this.pokeUnsafe()
      return () => {
        if (this.#wake === wake) this.#wake = undefined
      }
    })
  }

  /** Wakes the reader although nothing came in. */
  pokeUnsafe(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  /** Queues a signal whatever the length of the lane: who broadcasts waits afterwards, see `roomForSignals`. */
  signalUnsafe(signal: Signal): void {
    if (this.#closed) return
    this.#signals.push(signal)
    this.#signalsSent++
    this.pokeUnsafe()
  }

  /** Whether more signals wait than the lane should hold. */
  get hasTooManySignals(): boolean {
    return !this.#closed && this.#signals.length > this.capacities.signal
  }

  /** Suspends while more signals wait than the lane should hold. */
  get roomForSignals(): Effect.Effect<void> {
    return Effect.suspend(() =>
      !this.hasTooManySignals
        ? Effect.void
        : later((resume) => {
            this.#roomForSignals.add(resume)
            return () => this.#roomForSignals.delete(resume)
          })
    )
  }

  /** Ends the mailbox: drops what waits, lets blocked senders go, and fails who waits for a reply. */
  closeUnsafe(): void {
    if (this.#closed) return
    this.#closed = true
    this.#signals.clear()
    for (const lane of [this.#now, this.#priority, this.#bulk]) {
      lane.items.clear()
      for (const waiting of lane.blocked) waiting.resume()
      lane.blocked.clear()
    }
    for (const resume of this.#roomForSignals) resume()
    this.#roomForSignals.clear()
    for (const reply of this.#asking) Deferred.doneUnsafe(reply, this.#ended)
    this.#asking.clear()
  }

  /** Whether the subsystem has ended: sends are dropped silently, as is normal at shutdown. */
  get closed(): boolean {
    return this.#closed
  }

  /** Messages that wait, in all three lanes. */
  get length(): number {
    return this.#now.items.length + this.#priority.items.length + this.#bulk.items.length
  }

  /** Whether nothing waits and the reader waits for the next item. */
  get idle(): boolean {
    return this.#wake !== undefined && this.length === 0 && this.#signals.length === 0
  }

  /** Signals taken out so far. */
  get signalsReceived(): number {
    return this.#signalsReceived
  }

  /** Signals put in so far. */
  get signalsSent(): number {
    return this.#signalsSent
  }

  /** Figures of every lane. */
  get meters(): { readonly [Key in Lane]: LaneMeter } {
    return {
      signal: {
        sent: this.#signalsSent,
        received: this.#signalsReceived,
        blocked: 0,
        length: this.#signals.length
      },
      now: this.#now.meter,
      priority: this.#priority.meter,
      bulk: this.#bulk.meter
    }
  }

  /** Milliseconds that sampled messages (one in 20, the last 100) spent waiting; empties the collection. */
  takeFlightsUnsafe(): ReadonlyArray<number> {
    const flights = this.#flights.slice()
    this.#flights.length = 0
    this.#flightAt = 0
    return flights
  }

  #push(lane: MessageLane<M>, message: M): void {
    if (lane.sent++ % sampleEvery === 0 && this.#clock !== undefined) {
      lane.samples.push({ position: lane.sent, sentAtMs: this.#clock.currentTimeMillisUnsafe() })
    }
    lane.items.push(message)
    if (this.#wakeOnMessage) this.pokeUnsafe()
  }

  #pull(lane: MessageLane<M>): M {
    const message = lane.items.shift()!
    lane.received++
    if (lane.samples.length > 0 && lane.samples.peek()!.position === lane.received) this.#land(lane)
    if (lane.blocked.size > 0) {
      for (const waiting of lane.blocked) {
        lane.blocked.delete(waiting)
        this.#push(lane, waiting.message)
        waiting.resume()
        break
      }
    }
    return message
  }

  #land(lane: MessageLane<M>): void {
    const { sentAtMs } = lane.samples.shift()!
    this.#flights[this.#flightAt] = this.#clock!.currentTimeMillisUnsafe() - sentAtMs
    this.#flightAt = (this.#flightAt + 1) % sampleCapacity
  }

  #try(lane: MessageLane<M>, message: M): boolean {
    if (this.#closed || lane.items.length >= lane.capacity) return false
    this.#push(lane, message)
    return true
  }

  #offer(lane: MessageLane<M>, message: M): Effect.Effect<void> {
    if (this.#closed) return Effect.void
    if (lane.items.length < lane.capacity) {
      this.#push(lane, message)
      return Effect.void
    }
    return later((resume) => {
      lane.blockedCount++
      const waiting: Blocked<M> = { message, resume }
      lane.blocked.add(waiting)
      return () => lane.blocked.delete(waiting)
    })
  }

  #ask<A, E>(lane: MessageLane<M>, request: (reply: Deferred.Deferred<A, E>) => M): Effect.Effect<A, E> {
    if (this.#closed) return this.#ended
    const reply = Deferred.makeUnsafe<A, E>()
    this.#asking.add(reply)
    return Effect.onExitPrimitive(
      Effect.flatMap(this.#offer(lane, request(reply)), () => Deferred.await(reply)),
      () => {
        this.#asking.delete(reply)
        return undefined
      }
    )
  }

  get #ended(): Effect.Effect<never> {
    return Effect.die(
      new OverseerError({
        reason: new Concluded({ why: `subsystem ${this.name} has ended and cannot answer` })
      })
    )
  }

  #take(messages: boolean): Effect.Effect<FromOverseer<M>> {
    return Effect.suspend(() => {
      const item = this.nextUnsafe(messages)
      return item === undefined
        ? Effect.flatMap(this.ready(messages), () => this.#take(messages))
        : Effect.succeed(item)
    })
  }
}
