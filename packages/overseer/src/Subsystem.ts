/**
 * A subsystem is an address and a layer. The address is a class whose messages are typed; it exists before anybody
 * reads it, so subsystems may talk in circles while the layer graph stays a DAG.
 */
import { Context, type Deferred, Effect, Layer, type Scope } from "effect"
import type { AddressOptions, AnyAddress, Edges, NameOf } from "./Address.ts"
import { Jobs } from "./Jobs.ts"
import type { Mailbox } from "./Mailbox.ts"
import { Overseer } from "./Overseer.ts"
import { type Handlers, run } from "./Runner.ts"

export type { AddressOptions, AnyAddress, Edges, NameOf } from "./Address.ts"
export type { Handlers } from "./Runner.ts"
export { type Jobs, spawn } from "./Jobs.ts"

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

/** The names of the subsystems among a set of requirements. */
export type Receivers<R> = R extends {
  readonly key: infer Key extends string
  readonly Service: Mailbox<any>
}
  ? Key
  : never

/** An address, as `Service` makes it; `Sends` are the names of the addresses that it may send to. */
export interface SubsystemClass<
  in out Self,
  in out Id extends string,
  in out M,
  in out Sends extends string
> extends Context.ServiceClass<Self, Id, Mailbox<M>> {
  readonly options: AddressOptions
  /** Puts a message into the bulk lane; suspends while the subsystem is `capacity` messages behind. */
  readonly send: (message: M) => Effect.Effect<void, never, Self>
  /** As `send`, ahead of everything in the bulk lane if the address has `priority`. */
  readonly sendPriority: (message: M) => Effect.Effect<void, never, Self>
  /** Never waits: only for edges that would close a cycle of waiting. */
  readonly sendNow: (message: M) => Effect.Effect<void, never, Self>
  /** False, and nothing sent, if there is no room. */
  readonly trySend: (message: M) => Effect.Effect<boolean, never, Self>
  /** As `trySend`, ahead of everything in the bulk lane if the address has `priority`. */
  readonly trySendPriority: (message: M) => Effect.Effect<boolean, never, Self>
  /** Sends a request that carries its reply, and waits for the reply; dies with `Concluded` if the subsystem ends first. */
  readonly ask: <A, E = never>(request: (reply: Deferred.Deferred<A, E>) => M) => Effect.Effect<A, E, Self>
  /** As `ask`, ahead of everything in the bulk lane if the address has `priority`. */
  readonly askPriority: <A, E = never>(
    request: (reply: Deferred.Deferred<A, E>) => M
  ) => Effect.Effect<A, E, Self>
  /** A message handler out of one function per kind of message. */
  readonly match: <C extends Cases<M>>(
    cases: C
  ) => (message: M) => Effect.Effect<void, any, ContextOf<C[keyof C & keyof Cases<M>]>>
  /**
   * Brings the address to life. `build` runs once while the layer is built and gives the handlers; the runner starts
   * right after. Sends to addresses that are not declared do not compile.
   */
  readonly toLayer: <H extends Handlers<M>, EX = never, RX = never>(
    build: Effect.Effect<H, EX, RX> & Undeclared<Exclude<Receivers<RX | Needs<H>>, Id | Sends>>
  ) => Layer.Layer<never, EX, Self | Overseer | Exclude<RX | Needs<H>, Scope.Scope | Jobs>>
}

/** Nothing if there is no undeclared address, else something that no effect has, so that it does not compile. */
export type Undeclared<Name> = [Name] extends [never]
  ? unknown
  : { readonly "the handlers send to an address that is not among sends or sendsNow": Name }

/**
 * Declares an address: `class Backing extends Subsystem.Service<Backing, BackingMessage>()("my/Backing") {}`. It may send
 * to itself and to whom `sends` and `sendsNow` name, and to nobody else.
 */
export const Service =
  <Self, M>() =>
  <const Id extends string, const S extends Edges = readonly [], const N extends Edges = readonly []>(
    id: Id,
    options: AddressOptions<S, N> = {}
  ): SubsystemClass<Self, Id, M, NameOf<S[number] | N[number]>> => {
    const tag = Context.Service<Self, Mailbox<M>>()(id)
    const members: Omit<
      SubsystemClass<Self, Id, M, string>,
      keyof Context.ServiceClass<Self, Id, Mailbox<M>>
    > = {
      options,
      send: (message) => tag.use((mailbox) => mailbox.send(message)),
      sendPriority: (message) => tag.use((mailbox) => mailbox.sendPriority(message)),
      sendNow: (message) => tag.use((mailbox) => mailbox.sendNow(message)),
      trySend: (message) => tag.use((mailbox) => mailbox.trySend(message)),
      trySendPriority: (message) => tag.use((mailbox) => mailbox.trySendPriority(message)),
      ask: (request) => tag.use((mailbox) => mailbox.ask(request)),
      askPriority: (request) => tag.use((mailbox) => mailbox.askPriority(request)),
      match: (cases) => (message) => (cases as Record<string, any>)[(message as Tagged)._tag](message),
      toLayer: (build) => layerOf(tag, build) as Layer.Layer<never, any, any>
    }
    return Object.assign(tag, members)
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

/**
 * Puts another reader in the place of one: `Subsystems.layer().pipe(Subsystem.replace(CandidateValidation, mine))`. What
 * the layer builds for the address is built all the same, but reads nothing.
 */
export const replace =
  <By extends Layer.Layer<never, any, any>>(address: AnyAddress, by: By) =>
  <E, R>(
    layer: Layer.Layer<never, E, R>
  ): Layer.Layer<never, E | Layer.Error<By>, R | Layer.Services<By> | Overseer> => {
    const withoutReader = Layer.effect(
      Overseer,
      Effect.map(Overseer, (overseer) => ({
        ...overseer,
        run: (reader, runner) => (reader.key === address.key ? Effect.void : overseer.run(reader, runner))
      }))
    )
    return Layer.merge(Layer.provide(layer, withoutReader), by)
  }

/** Runs nothing: takes whatever is sent to the address until the end, and drops it. */
export const layerDummy = <Self, Id extends string, M, Sends extends string>(
  address: SubsystemClass<Self, Id, M, Sends>
): Layer.Layer<never, never, Self | Overseer> =>
  address.toLayer(Effect.succeed({ message: () => Effect.void }))
