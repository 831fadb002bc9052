/**
 * A subsystem is an address and a layer. The address is a class whose messages are typed; it exists before anybody
 * reads it, so subsystems may talk in circles while the layer graph stays a DAG.
 */
import { Context, type Deferred, Effect, Layer, type Scope } from "effect"
import { Jobs } from "./Jobs.ts"
import type { Mailbox } from "./Mailbox.ts"
import { Overseer } from "./Overseer.ts"
import { run } from "./Runner.ts"
import type { Leaf, Signal } from "./Signal.ts"

export { spawn } from "./Jobs.ts"

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

/** An address of which only the name and the edges matter. */
export interface AnyAddress {
  readonly key: string
  readonly options: AddressOptions
}

/** Addresses that a subsystem sends to: the classes, or their names where files would import each other in circles. */
export type Edges = ReadonlyArray<AnyAddress | string>

/** What is known of an address besides the type of its messages. */
export interface AddressOptions {
  /** Messages before senders wait; 2048 where not said. */
  readonly capacity?: number | undefined
  /** Signals before the overseer waits; 64 where not said. */
  readonly signalCapacity?: number | undefined
  /** Addresses that this subsystem sends to, waiting while they are full. A function, because they may be declared later. */
  readonly sends?: (() => Edges) | undefined
  /** Addresses that it only sends to without waiting (`sendNow`): these edges cannot close a cycle of waiting. */
  readonly sendsNow?: (() => Edges) | undefined
}

type Tagged = { readonly _tag: string }
type Handler = ((value: any) => Effect.Effect<void, any, any>) | undefined
type ContextOf<H> = H extends (...args: any) => Effect.Effect<any, any, infer R> ? R : never
type Cases<M> = {
  readonly [Tag in M extends Tagged ? M["_tag"] : never]: (
    message: Extract<M, { readonly _tag: Tag }>
  ) => Effect.Effect<void, any, any>
}

/** What the handlers need. */
export type Needs<
  H extends { readonly leaf?: Handler; readonly signal?: Handler; readonly message: Handler }
> = ContextOf<H["leaf"]> | ContextOf<H["signal"]> | ContextOf<H["message"]>

/** The subsystem addresses among a set of requirements. */
export type Addresses<R> = R extends { readonly Service: Mailbox<any> } ? R : never

/** An address, as `Service` makes it. */
export interface SubsystemClass<
  in out Self,
  in out Id extends string,
  in out M,
  out Sends
> extends Context.ServiceClass<Self, Id, Mailbox<M>> {
  readonly options: AddressOptions
  /** Puts a message into the bulk lane; suspends while the subsystem is `capacity` messages behind. */
  readonly send: (message: M) => Effect.Effect<void, never, Self>
  /** As `send`, ahead of everything in the bulk lane. */
  readonly sendPriority: (message: M) => Effect.Effect<void, never, Self>
  /** Never waits: only for edges that would close a cycle of waiting. */
  readonly sendNow: (message: M) => Effect.Effect<void, never, Self>
  /** False, and nothing sent, if there is no room. */
  readonly trySend: (message: M) => Effect.Effect<boolean, never, Self>
  /** Sends a request that carries its reply, and waits for the reply; interrupts if the subsystem ends first. */
  readonly ask: <A, E = never>(request: (reply: Deferred.Deferred<A, E>) => M) => Effect.Effect<A, E, Self>
  /** A message handler out of one function per kind of message. */
  readonly match: <C extends Cases<M>>(
    cases: C
  ) => (message: M) => Effect.Effect<void, any, ContextOf<C[keyof C & keyof Cases<M>]>>
  /**
   * Brings the address to life. `build` runs once while the layer is built and gives the handlers; the runner starts
   * right after. Sends to addresses outside of `Sends` do not compile.
   */
  readonly toLayer: <H extends Handlers<M>, EX = never, RX = never>(
    build: Effect.Effect<H, EX, RX> & Undeclared<Exclude<Addresses<RX | Needs<H>>, Self | Sends>>
  ) => Layer.Layer<never, EX, Self | Overseer | Exclude<RX | Needs<H>, Scope.Scope | Jobs>>
}

/** Nothing if there is no undeclared address, else something that no effect has, so that it does not compile. */
export type Undeclared<Address> = [Address] extends [never]
  ? unknown
  : { readonly "the handlers send to an address that the subsystem does not declare": Address }

/**
 * Declares an address: `class Backing extends Subsystem.Service<Backing, BackingMessage>()("my/Backing") {}`.
 * A third type argument names the addresses it may send to (`Provisioner | StatementDistribution`); without it any.
 */
export const Service =
  <Self, M, Sends = any>() =>
  <const Id extends string>(id: Id, options: AddressOptions = {}): SubsystemClass<Self, Id, M, Sends> => {
    const tag = Context.Service<Self, Mailbox<M>>()(id)
    const members: Omit<
      SubsystemClass<Self, Id, M, Sends>,
      keyof Context.ServiceClass<Self, Id, Mailbox<M>>
    > = {
      options,
      send: (message) => tag.use((mailbox) => mailbox.send(message)),
      sendPriority: (message) => tag.use((mailbox) => mailbox.sendPriority(message)),
      sendNow: (message) => tag.use((mailbox) => mailbox.sendNow(message)),
      trySend: (message) => tag.use((mailbox) => mailbox.trySend(message)),
      ask: (request) => tag.use((mailbox) => mailbox.ask(request)),
      match: (cases) => (message) => (cases as Record<string, any>)[(message as Tagged)._tag](message),
      toLayer: (build) => layerOf(tag, build) as Layer.Layer<never, any, any>
    }
    return Object.assign(tag, members) as SubsystemClass<Self, Id, M, Sends>
  }

const layerOf = <Self, M, H extends Handlers<M>, EX, RX>(
  tag: Context.Service<Self, Mailbox<M>>,
  build: Effect.Effect<H, EX, RX>
) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const mailbox = yield* tag
      const overseer = yield* Overseer
      const jobs = yield* Jobs.make(tag.key)
      const handlers = yield* Effect.provideService(build, Jobs, jobs)
      yield* overseer.run(tag, run(mailbox, handlers, jobs))
    })
  )

/** Runs nothing: takes whatever is sent to the address until the end, and drops it. */
export const layerDummy = <Self, Id extends string, M, Sends>(
  address: SubsystemClass<Self, Id, M, Sends>
): Layer.Layer<never, never, Self | Overseer> =>
  address.toLayer(Effect.succeed({ message: () => Effect.void }))
