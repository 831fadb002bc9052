/**
 * The moving parts of an overseer: mailboxes, broadcast, end of life.
 */
import { Elapsed, type Hash } from "@ephor/types"
import { Cause, Clock, Deferred, Effect, Exit, Latch, Option, Scheduler, Scope } from "effect"
import * as Leaves from "../Leaves.ts"
import { Mailbox } from "../Mailbox.ts"
import * as Metrics from "../Metrics.ts"
import type { Limits, MailboxMeter, Service } from "../Overseer.ts"
import {
  Concluded,
  LeafGone,
  OverseerError,
  type OverseerErrorReason,
  SubsystemExited,
  SubsystemMissing,
  SubsystemStalled
} from "../OverseerError.ts"
import * as Signal from "../Signal.ts"
import type { AnyAddress } from "../Subsystem.ts"
import { SignalWatch, type Watched } from "./SignalWatch.ts"

/** A deadline for people who wait at a door runs on the wall clock, even where a test has stopped every other clock. */
const wallClock = Effect.provideService(Clock.Clock, Clock.Clock.defaultValue())

/** What an engine takes from where it is built. One dispatcher wakes all readers: a broadcast is one turn, not one per reader. */
interface Surroundings {
  readonly clock: Clock.Clock
  readonly dispatcher: Scheduler.SchedulerDispatcher
  readonly scope: Scope.Scope
}

/** One running overseer. */
export class Engine {
  readonly mailboxes = new Map<string, Mailbox<any>>()
  /** What was broadcast so far. */
  readonly counts = { signals: 0, activated: 0, deactivated: 0 }
  leaves = Leaves.make()
  readonly #limits: Limits
  readonly #clock: Clock.Clock
  readonly #scope: Scope.Scope
  readonly #running = new Map<string, Watched>()
  readonly #ran = new Set<string>()
  readonly #activations = new Map<Hash, Set<Deferred.Deferred<Signal.Leaf, OverseerError>>>()
  readonly #watch = new SignalWatch()
  readonly #sent = Latch.makeUnsafe(false)
  readonly #drained = Latch.makeUnsafe(false)
  readonly #over = Deferred.makeUnsafe<never, OverseerError>()
  #concluding = false

  constructor(
    subsystems: ReadonlyArray<AnyAddress>,
    limits: Limits,
    { clock, dispatcher, scope }: Surroundings
  ) {
    this.#limits = limits
    this.#clock = clock
    this.#scope = scope
    for (const { key, options } of subsystems) {
      if (this.mailboxes.has(key))
        throw new Error(`subsystem ${key} is listed twice: each address has one reader`)
      const signal = options.signalCapacity ?? limits.signalCapacity
      const message = options.capacity ?? limits.messageCapacity
      const { priority } = options
      this.mailboxes.set(key, new Mailbox(key, { signal, message, priority, clock, dispatcher }))
    }
  }

  /** Takes over a new set of leaves and broadcasts what says so. */
  become(leaves: Leaves.Leaves, signals: ReadonlyArray<Signal.Signal>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.leaves = leaves
      return Effect.forEach(signals, (signal) => this.#broadcast(signal), { discard: true })
    })
  }

  /** Ends in good order. */
  concludeBecause(why: string): Effect.Effect<void> {
    return this.#end(new Concluded({ why }))
  }

  /** Ends because something that all depend on has failed. */
  failBecause(name: string, cause: Cause.Cause<unknown>): Effect.Effect<void> {
    return this.#end(new SubsystemExited({ name, cause }))
  }

  readonly service: Service = {
    broadcast: (signal) =>
      Effect.suspend(() => {
        if (signal._tag === "Conclude") return this.concludeBecause("Conclude was broadcast")
        this.leaves = Leaves.obey(this.leaves, signal)
        return this.#broadcast(signal)
      }),
    join: Effect.suspend(() => this.#join()),
    conclude: Effect.suspend(() => wallClock(this.concludeBecause("conclude was called"))),
    leaves: Effect.sync(() => Leaves.toArray(this.leaves)),
    waitForActivation: (hash) => Effect.suspend(() => this.#waitForActivation(hash)),
    deliver: (address, message) => address.use((mailbox) => this.#deliver(mailbox, message)),
    meters: Effect.sync(() => this.meters),
    run: (address, runner) => this.#run(address.key, runner)
  }

  get meters(): ReadonlyArray<MailboxMeter> {
    return Array.from(this.mailboxes.values(), ({ name, meters }) => ({ name, lanes: meters }))
  }

  /** Ends the overseer when a subsystem has left a signal untaken for too long. Runs for ever. */
  get watch(): Effect.Effect<void> {
    const limit = this.#limits.stallTimeoutMs
    return Effect.gen({ self: this }, function* () {
      let notBeforeMs = 0
      while (!this.#concluding) {
        const untaken = this.#watch.oldest(this.#running.values(), this.mailboxes.values())
        if (untaken === undefined) {
          yield* Effect.andThen(this.#sent.close, this.#sent.await)
          continue
        }
        const deadlineMs = Math.max(untaken.sinceMs + limit, notBeforeMs)
        const nowMs = Elapsed.msOf(this.#clock)
        if (nowMs >= deadlineMs) {
          return yield* this.#end(
            new SubsystemStalled({ name: untaken.name, kind: "signal", tag: untaken.tag, timeoutMs: limit })
          )
        }
        yield* Effect.sleep(deadlineMs - nowMs)
        // A machine that was asleep is no stall: who overslept gives everybody the full time again.
        const wokeMs = Elapsed.msOf(this.#clock)
        if (wokeMs > deadlineMs + limit / 2) notBeforeMs = wokeMs + limit
      }
    })
  }

  /** One synchronous step over all mailboxes, so that nobody can be ahead of another; then waits where it is full. */
  #broadcast(signal: Signal.Signal): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#concluding) return Effect.void
      this.#spread(signal)
      const full: Array<Mailbox<any>> = []
      for (const mailbox of this.mailboxes.values()) if (mailbox.hasTooManySignals) full.push(mailbox)
      if (full.length === 0) return Effect.void
      return Effect.forEach(full, (mailbox) => mailbox.roomForSignals, { discard: true })
    })
  }

  #spread(signal: Signal.Signal): void {
    this.counts.signals++
    this.#watch.note(signal._tag, Elapsed.msOf(this.#clock))
    for (const mailbox of this.mailboxes.values()) mailbox.signalUnsafe(signal)
    this.#sent.openUnsafe()
    if (signal._tag !== "ActiveLeaves") return
    this.counts.activated += signal.activated === null ? 0 : 1
    this.counts.deactivated += signal.deactivated.length
    for (const hash of signal.deactivated) {
      this.#answer(hash, Effect.fail(new OverseerError({ reason: new LeafGone({ hash }) })))
    }
    if (signal.activated !== null) this.#answer(signal.activated.hash, Effect.succeed(signal.activated))
  }

  #answer(hash: Hash, result: Effect.Effect<Signal.Leaf, OverseerError>): void {
    for (const waiting of this.#activations.get(hash) ?? []) Deferred.doneUnsafe(waiting, result)
    this.#activations.delete(hash)
  }

  #waitForActivation(hash: Hash): Effect.Effect<Signal.Leaf, OverseerError> {
    if (this.#concluding) return Deferred.await(this.#over)
    const leaf = Leaves.get(this.leaves, hash)
    if (Option.isSome(leaf)) return Effect.succeed(leaf.value)
    const waiting = Deferred.makeUnsafe<Signal.Leaf, OverseerError>()
    const all = this.#activations.get(hash) ?? new Set()
    this.#activations.set(hash, all.add(waiting))
    const forget = Effect.sync(() => {
      if (all.delete(waiting) && all.size === 0 && this.#activations.get(hash) === all)
        this.#activations.delete(hash)
    })
    return Effect.ensuring(Effect.raceFirst(Deferred.await(waiting), Deferred.await(this.#over)), forget)
  }

  #join(): Effect.Effect<never, OverseerError> {
    const missing = [...this.mailboxes.keys()].filter((name) => !this.#ran.has(name))
    const check = missing.length > 0 ? this.#end(new SubsystemMissing({ names: missing })) : Effect.void
    return Effect.andThen(check, Deferred.await(this.#over)).pipe(
      Effect.onInterrupt(() => wallClock(this.concludeBecause("the main effect was interrupted")))
    )
  }

  #deliver<M extends { readonly _tag: string }>(mailbox: Mailbox<M>, message: M): Effect.Effect<void> {
    const timeoutMs = this.#limits.stallTimeoutMs
    const stalled = Effect.suspend(() =>
      this.#end(new SubsystemStalled({ name: mailbox.name, kind: "message", tag: message._tag, timeoutMs }))
    )
    return Effect.timeoutOrElse(mailbox.send(message), { duration: timeoutMs, orElse: () => stalled })
  }

  #run<R>(
    name: string,
    runner: Effect.Effect<void, unknown, R>
  ): Effect.Effect<void, never, R | Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const mailbox = this.mailboxes.get(name)
      if (mailbox === undefined)
        return yield* Effect.die(new Error(`${name} is not a subsystem of this overseer`))
      if (this.#ran.has(name)) return yield* Effect.die(new Error(`subsystem ${name} has a reader already`))
      this.#ran.add(name)
      this.#running.set(name, { mailbox, startedAtMs: Elapsed.msOf(this.#clock) })
      this.#sent.openUnsafe()
      yield* runner.pipe(
        Effect.onExit((exit) => this.#ended(name, mailbox, exit)),
        Effect.annotateLogs({ subsystem: name }),
        Effect.forkScoped
      )
      // Registered last, so it runs first: everybody concludes before anybody is interrupted.
      yield* Effect.addFinalizer(() => wallClock(this.concludeBecause(`the layer of ${name} was closed`)))
    })
  }

  #ended(name: string, mailbox: Mailbox<any>, exit: Exit.Exit<void, unknown>): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.#running.delete(name)
      mailbox.closeUnsafe()
      if (!this.#concluding) {
        const reason = new SubsystemExited(Exit.isFailure(exit) ? { name, cause: exit.cause } : { name })
        return Effect.asVoid(Effect.forkIn(this.#end(reason), this.#scope))
      }
      if (this.#running.size === 0) this.#drained.openUnsafe()
      return Exit.isFailure(exit) && !Cause.hasInterruptsOnly(exit.cause)
        ? Effect.logWarning(`subsystem ${name} failed while it concluded`, exit.cause)
        : Effect.void
    })
  }

  /** `Conclude` to all, their time to finish, then `join` fails. Whoever comes second waits with the first. */
  #end(reason: OverseerErrorReason): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (this.#concluding) return Effect.exit(Deferred.await(this.#over)).pipe(Effect.asVoid)
      this.#concluding = true
      this.#spread(Signal.conclude)
      if (this.#running.size === 0) this.#drained.openUnsafe()
      const limit = this.#limits.concludeTimeoutMs
      return Effect.gen({ self: this }, function* () {
        if (reason._tag !== "Concluded") yield* Effect.logError(reason.message)
        yield* Effect.timeoutOption(Effect.interruptible(this.#drained.await), limit)
        const late = [...this.#running.keys()]
        if (late.length > 0)
          yield* Effect.logWarning(`did not conclude within ${limit} ms: ${late.join(", ")}`)
        Deferred.doneUnsafe(this.#over, Effect.fail(new OverseerError({ reason })))
      })
    }).pipe(Effect.uninterruptible)
  }
}

/** An overseer that lives as long as the surrounding scope, with its stall watch and its metrics. */
export const makeEngine = Effect.fnUntraced(function* (
  subsystems: ReadonlyArray<AnyAddress>,
  limits: Limits
) {
  const engine = new Engine(subsystems, limits, {
    clock: yield* Clock.Clock,
    dispatcher: (yield* Scheduler.Scheduler).makeDispatcher(),
    scope: yield* Effect.scope
  })
  const fatal = (what: string) => (defect: unknown) => engine.failBecause(what, Cause.die(defect))
  yield* Effect.forkScoped(Effect.catchDefect(engine.watch, fatal("the stall watch")))
  const exporter = Metrics.exporter(engine.counts, () => engine.mailboxes.values(), limits.metricsIntervalMs)
  yield* Effect.forkScoped(Effect.catchDefect(exporter, fatal("the metrics export")))
  return engine
})
