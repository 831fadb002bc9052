/**
 * The input of one subsystem: four lanes read in one fixed order, so that whoever has seen a signal can never send a
 * message that overtakes it.
 */
import { Deferred, Effect, type Scheduler } from "effect"
import { Fifo } from "./mailbox/Fifo.ts"
import { MessageLane } from "./mailbox/MessageLane.ts"
import { Concluded, OverseerError } from "./OverseerError.ts"
import type { FromOverseer, Signal } from "./Signal.ts"
import type { Capacities, Lane, LaneMeter, Options } from "./mailbox/Lane.ts"
import { defaults } from "./mailbox/Lane.ts"
import { attempt, later } from "./mailbox/Suspension.ts"

export { type Capacities, defaults, type Lane, type LaneMeter, type Options } from "./mailbox/Lane.ts"

/**
 * A subsystem's mailbox. `send` waits for room, `sendPriority` too but is read earlier where there is a priority lane, `sendNow` never waits and is
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
  /** Where `sendPriority` leads. */
  readonly #urgent: MessageLane<M>
  readonly #asking = new Set<Deferred.Deferred<any, any>>()
  readonly #roomForSignals = new Set<() => void>()
  readonly #dispatcher: Scheduler.SchedulerDispatcher | undefined
  #signalsSent = 0
  #signalsReceived = 0
  #signalsBlocked = 0
  #wake: (() => void) | undefined
  #wakeOnMessage = true
  #closed = false

  constructor(name: string, { clock, dispatcher, message, priority, signal }: Options = {}) {
    this.name = name
    this.capacities = {
      signal: Math.max(1, signal ?? defaults.signal),
      message: Math.max(1, message ?? defaults.message)
    }
    this.#now = new MessageLane(Number.POSITIVE_INFINITY, clock)
    this.#bulk = new MessageLane(this.capacities.message, clock)
    this.#priority = new MessageLane(this.capacities.message, clock)
    this.#urgent = priority === true ? this.#priority : this.#bulk
    this.#dispatcher = dispatcher
  }

  /** Puts a message into the bulk lane; suspends while the subsystem is `capacity` messages behind. */
  send(message: M): Effect.Effect<void> {
    return Effect.suspend(() => this.#offer(this.#bulk, message))
  }

  /** As `send`, ahead of everything in the bulk lane; the same as `send` where there is no priority lane. */
  sendPriority(message: M): Effect.Effect<void> {
    return Effect.suspend(() => this.#offer(this.#urgent, message))
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
    return Effect.sync(() => this.#try(this.#urgent, message))
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
    return Effect.suspend(() => this.#ask(this.#urgent, request))
  }

  /** The next item in lane order; suspends while there is none. */
  get take(): Effect.Effect<FromOverseer<M>> {
    return this.#take(true)
  }

  /** The next signal; messages stay queued, which is how a saturated subsystem exerts back-pressure. */
  get takeSignal(): Effect.Effect<Signal> {
    return Effect.map(this.#take(false), (item) => (item as { readonly signal: Signal }).signal)
  }

  /**
   * The next item if there is one. With `messages` false only signals count, and only signals wake the reader until it
   * asks for more. For readers that loop by themselves.
   */
  nextUnsafe(messages = true): FromOverseer<M> | undefined {
    this.#wakeOnMessage = messages
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
      this.#now.length > 0
        ? this.#now
        : this.#priority.length > 0
          ? this.#priority
          : this.#bulk.length > 0
            ? this.#bulk
            : undefined
    return lane === undefined ? undefined : { _tag: "Message", message: lane.pull() }
  }

  /**
   * Suspends until `step` has something for the fiber to do, and does that. `step` reads the mailbox with `nextUnsafe`: at
   * once, and whenever something came in or `pokeUnsafe` was called. It runs outside of the fiber, in a later turn of the
   * scheduler: what it can do by itself costs no wake-up. One reader at a time.
   */
  park<E, R>(step: () => Effect.Effect<void, E, R> | undefined): Effect.Effect<void, E, R> {
    return Effect.withFiber((fiber) => {
      const dispatcher = this.#dispatcher ?? fiber.currentDispatcher
      return Effect.callback<void, E, R>((resume) => {
        let parked = true
        const go = () => {
          if (!parked) return
          const work = attempt(step)
          if (work === undefined) this.#wake = wake
          else {
            parked = false
            resume(work)
          }
        }
        const wake = () => dispatcher.scheduleTask(go, 0)
        go()
        return Effect.sync(() => {
          parked = false
          if (this.#wake === wake) this.#wake = undefined
        })
      })
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
            this.#signalsBlocked++
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
      lane.clear()
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
    return this.#now.length + this.#priority.length + this.#bulk.length
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
        blocked: this.#signalsBlocked,
        length: this.#signals.length
      },
      now: this.#now.meter,
      priority: this.#priority.meter,
      bulk: this.#bulk.meter
    }
  }

  /** Milliseconds that messages spent in a lane, for one in 20 and at most the last 100, since the last call. */
  takeFlightsUnsafe(lane: Exclude<Lane, "signal">): ReadonlyArray<number> {
    return { now: this.#now, priority: this.#priority, bulk: this.#bulk }[lane].takeFlights()
  }

  #push(lane: MessageLane<M>, message: M): void {
    lane.push(message)
    if (this.#wakeOnMessage) this.pokeUnsafe()
  }

  #try(lane: MessageLane<M>, message: M): boolean {
    if (this.#closed || lane.isFull) return false
    this.#push(lane, message)
    return true
  }

  #offer(lane: MessageLane<M>, message: M): Effect.Effect<void> {
    if (this.#closed) return Effect.void
    if (lane.isFull) return later((resume) => lane.wait(message, resume))
    this.#push(lane, message)
    return Effect.void
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
    let taken: FromOverseer<M> | undefined
    const step = () => ((taken = this.nextUnsafe(messages)) === undefined ? undefined : Effect.void)
    return Effect.map(this.park(step), () => taken!)
  }
}
