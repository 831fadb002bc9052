/**
 * The overseer: creates the mailbox of every subsystem, tells all of them which leaves to work on, and ends everything
 * as soon as one of them ends.
 */
import { Chain } from "@ephor/chain"
import type { BlockRef, Hash } from "@ephor/types"
import { Cause, Context, Effect, Latch, Layer, type Scope, Stream } from "effect"
import { type Engine, makeEngine } from "./engine/Engine.ts"
import * as Leaves from "./Leaves.ts"
import type { LaneMeter, Lane, Mailbox } from "./Mailbox.ts"
import type { OverseerError } from "./OverseerError.ts"
import * as Signal from "./Signal.ts"
import type { AnyAddress } from "./Address.ts"
import * as Wiring from "./Wiring.ts"

export { cycles, graph, toMermaid, unconnected } from "./Wiring.ts"

/** Waiting times and capacities of an overseer. */
export interface Limits {
  /** How long a subsystem may leave a signal, or a message of the overseer, untaken. */
  readonly stallTimeoutMs: number
  /** How long the others get to finish after `Conclude`. */
  readonly concludeTimeoutMs: number
  /** How often mailbox figures become metrics. */
  readonly metricsIntervalMs: number
  /** Signals that may wait in a mailbox before the overseer waits, for addresses that say nothing. */
  readonly signalCapacity: number
  /** Messages that may wait in a mailbox before senders wait, for addresses that say nothing. */
  readonly messageCapacity: number
}

/** The figures of the Polkadot overseer. */
export const defaults: Limits = {
  stallTimeoutMs: 10_000,
  concludeTimeoutMs: 1000,
  metricsIntervalMs: 950,
  signalCapacity: 64,
  messageCapacity: 2048
}

/** How an overseer reads its chain. */
export interface Options {
  readonly limits?: Partial<Limits> | undefined
  /** Whether a block's runtime knows parachains; leaves without are tracked but not announced. True if not given. */
  readonly supportsParachains?: ((block: BlockRef) => Effect.Effect<boolean>) | undefined
  /** Whether the node is still catching up: imports are not announced as long as it is. Never if not given. */
  readonly catchingUp?: Effect.Effect<boolean> | undefined
}

/** Figures of one subsystem's mailbox. */
export interface MailboxMeter {
  readonly name: string
  readonly lanes: { readonly [Key in Lane]: LaneMeter }
}

/** Shape of an overseer. */
export interface Service {
  /** Sends a signal to every subsystem in one step; suspends while a signal lane is full. For hosts without a chain. */
  readonly broadcast: (signal: Signal.Signal) => Effect.Effect<void>
  /**
   * Runs as long as all subsystems run: the main effect of a program. Never succeeds; fails when a subsystem has
   * ended, stalled or is missing, after the others have had their time to conclude. Interrupting it concludes.
   */
  readonly join: Effect.Effect<never, OverseerError>
  /** Sends `Conclude` to all and waits until they have ended, or their time is over. Further calls wait with the first. */
  readonly conclude: Effect.Effect<void>
  /** The active leaves, lowest first. */
  readonly leaves: Effect.Effect<ReadonlyArray<Signal.Leaf>>
  /**
   * The leaf of this hash, as soon as it is active. May never come, so bound it with a timeout; fails with `LeafGone`
   * if the leaf is deactivated meanwhile, and with `Concluded` when the overseer ends.
   */
  readonly waitForActivation: (hash: Hash) => Effect.Effect<Signal.Leaf, OverseerError>
  /**
   * Delivers a message from outside of all subsystems. Waits for room; a subsystem that makes none within the stall
   * timeout is fatal, unlike when subsystems send to each other.
   */
  readonly deliver: <Self, M extends { readonly _tag: string }>(
    address: Context.Service<Self, Mailbox<M>>,
    message: M
  ) => Effect.Effect<void, never, Self>
  /** Figures of every mailbox. */
  readonly meters: Effect.Effect<ReadonlyArray<MailboxMeter>>
  /** Registers and forks the runner of an address, for `Subsystem.toLayer`: its end is the end of everything. */
  readonly run: <R>(
    address: { readonly key: string },
    runner: Effect.Effect<void, unknown, R>
  ) => Effect.Effect<void, never, R | Scope.Scope>
}

/** The overseer of this process. */
export class Overseer extends Context.Service<Overseer, Service>()("@ephor/overseer/Overseer") {}

/** What any address looks like to `layer`: the class carries its own identity in the types. */
export type AddressClass = Context.Service<any, any> & AnyAddress

/** The identity of an address class: what appears among the requirements of who sends to it. */
export type Identity<A> = A extends Context.Service<infer Self, any> ? Self : never

/**
 * Creates the address of every subsystem and feeds chain events to all of them as signals. Nothing is announced before
 * the first fresh import. The same address twice is a defect.
 */
export const layer = <const Subsystems extends ReadonlyArray<AddressClass>>(
  subsystems: Subsystems,
  options: Options = {}
): Layer.Layer<Overseer | Identity<Subsystems[number]>, never, Chain.Chain> =>
  Layer.effectContext(
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const { engine, context } = yield* build(subsystems, options)
      yield* follow(chain, engine, options)
      return context
    })
  )

/** An overseer without a chain: `broadcast` is the only source of signals. For tests and for other hosts. */
export const layerManual = <const Subsystems extends ReadonlyArray<AddressClass>>(
  subsystems: Subsystems,
  options: Pick<Options, "limits"> = {}
): Layer.Layer<Overseer | Identity<Subsystems[number]>> =>
  Layer.effectContext(Effect.map(build(subsystems, options), ({ context }) => context))

const build = Effect.fnUntraced(function* <const Subsystems extends ReadonlyArray<AddressClass>>(
  subsystems: Subsystems,
  options: Options
) {
  for (const cycle of Wiring.cycles(Wiring.graph(subsystems))) {
    yield* Effect.logWarning(
      `subsystems wait for each other in a circle, which can come to a standstill: ${cycle.join(", ")}; ` +
        `declare one edge as sendsNow and use sendNow there`
    )
  }
  const engine = yield* makeEngine(subsystems, { ...defaults, ...options.limits })
  let context = Context.make(Overseer, engine.service) as Context.Context<any>
  for (const address of subsystems)
    context = Context.add(context, address, engine.mailboxes.get(address.key)!)
  return { engine, context: context as Context.Context<Overseer | Identity<Subsystems[number]>> }
})

/** Folds chain events into signals. The stream runs before the state is read, so that nothing falls in between. */
const follow = Effect.fnUntraced(function* (chain: Chain.Service, engine: Engine, options: Options) {
  const started = Latch.makeUnsafe(false)
  const scope = yield* Effect.scope
  yield* chain.events.pipe(
    Stream.runForEach((event) =>
      Effect.gen(function* () {
        yield* started.await
        if (event._tag === "Imported" && options.catchingUp !== undefined && (yield* options.catchingUp))
          return
        const supportsParachains =
          event._tag === "Imported" && options.supportsParachains !== undefined
            ? yield* options.supportsParachains(event.block)
            : true
        const [leaves, signals] = Leaves.step(engine.leaves, event, { supportsParachains })
        yield* engine.become(leaves, signals)
      })
    ),
    Effect.matchCauseEffect({
      onSuccess: () => engine.concludeBecause("the chain's events ended"),
      onFailure: (cause) =>
        Cause.hasInterruptsOnly(cause) ? Effect.void : engine.failBecause("the chain's events", cause)
    }),
    Effect.forkIn(scope, { startImmediately: true })
  )
  engine.leaves = Leaves.make(yield* chain.head("Finalized"))
  yield* started.open
})
