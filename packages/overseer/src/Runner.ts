/**
 * The fiber that reads one mailbox: signals before messages, leaf work started and stopped with its leaf.
 */
import { Effect, Exit, Scope } from "effect"
import { Jobs, type JobsService } from "./Jobs.ts"
import type { Mailbox } from "./Mailbox.ts"
import { isEnded } from "./OverseerError.ts"
import type { Leaf, Signal } from "./Signal.ts"

/**
 * What a subsystem does. Handlers of signals and messages run one after the other; a failure or defect in any of them,
 * in the work of a leaf or in a spawned job ends the subsystem, and with it the overseer.
 */
export interface Handlers<in M> {
  /** Work on one leaf: started when it activates, interrupted when it deactivates (the seed's start and stop work). */
  readonly leaf?: ((leaf: Leaf) => Effect.Effect<void, any, any>) | undefined
  /** Raw signals: before leaf work starts, after leaf work stopped; `Conclude` is the last one. */
  readonly signal?: ((signal: Signal) => Effect.Effect<void, any, any>) | undefined
  /** One message. While it runs no signal is taken, so long work belongs into `spawn`, or set `concurrency`. */
  readonly message: (message: M) => Effect.Effect<void, any, any>
  /** Handle up to this many messages at a time, out of order, and keep obeying signals while all are busy. */
  readonly concurrency?: number | undefined
}

/** Reads the mailbox until `Conclude`; fails with the first failure of a handler or job. */
export const run = <M>(
  mailbox: Mailbox<M>,
  handlers: Handlers<M>,
  jobs: JobsService
): Effect.Effect<void, unknown, any> =>
  Effect.raceFirst(read(mailbox, handlers, jobs), jobs.failed).pipe(
    Effect.provideService(Jobs, jobs),
    Effect.provideService(Scope.Scope, jobs.scope),
    Effect.ensuring(Scope.close(jobs.scope, Exit.void))
  )

/** Items taken in one turn before others get theirs. */
const itemsPerTurn = 1024

const read = <M>(mailbox: Mailbox<M>, handlers: Handlers<M>, jobs: JobsService) => {
  const onMessage = handlers.concurrency === undefined ? handlers.message : undefined
  const limit = handlers.concurrency ?? Number.POSITIVE_INFINITY
  let busy = 0
  let concluded = false
  const inBackground = (message: M) => {
    busy++
    return jobs.spawn(
      Effect.onExitPrimitive(handlers.message(message), () => {
        busy--
        mailbox.pokeUnsafe()
        return undefined
      })
    )
  }
  /** Takes what waits up to the first thing that needs the fiber. What only changes state does not even wake it. */
  const step = (): Effect.Effect<void, any, any> | undefined => {
    for (let taken = 0; taken < itemsPerTurn; taken++) {
      const item = mailbox.nextUnsafe(busy < limit)
      if (item === undefined) return undefined
      let handled: Effect.Effect<void, any, any>
      if (item._tag === "Message") {
        handled = onMessage === undefined ? inBackground(item.message) : onMessage(item.message)
      } else {
        concluded = item.signal._tag === "Conclude"
        handled = obey(item.signal, handlers, jobs)
      }
      if (concluded || handled !== Effect.void) return handled
    }
    return Effect.yieldNow
  }
  const loop: Effect.Effect<void, any, any> = Effect.gen(function* () {
    while (true) {
      yield* step() ?? mailbox.park(step)
      if (concluded) return
    }
  })
  // Whoever dies takes those who wait for its answer out of their handlers, so that they can still conclude.
  const resumed: Effect.Effect<void, any, any> = Effect.catchCauseIf(loop, isEnded, () =>
    concluded ? Effect.void : resumed
  )
  return resumed
}

/** Stops the work on leaves that are left, then tells the handler, then starts the work on the new leaf. */
const obey = <M>(signal: Signal, handlers: Handlers<M>, jobs: JobsService): Effect.Effect<void, any, any> => {
  const tell = () => (handlers.signal === undefined ? Effect.void : handlers.signal(signal))
  if (signal._tag !== "ActiveLeaves") return tell()
  for (const hash of signal.deactivated) jobs.closeUnsafe(hash)
  const leaf = signal.activated
  if (leaf === null) return tell()
  jobs.openUnsafe(leaf.hash)
  const work = handlers.leaf
  return work === undefined
    ? tell()
    : Effect.flatMap(tell(), () => jobs.spawn(work(leaf), { leaf: leaf.hash }))
}
