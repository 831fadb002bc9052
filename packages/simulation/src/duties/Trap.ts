/**
 * Lets a validator die at the very message that one of its subsystems is about to send, before anybody takes it.
 */
import { Disputes } from "@ephor/disputes"
import { Mailbox, type Overseer } from "@ephor/overseer"
import { Context, Deferred, Effect, Layer } from "effect"

/** Who is told what: the name of a subsystem's address, or `Disputes` for its hub, and the message. */
export interface Word {
  readonly to: string
  readonly message: { readonly _tag: string }
}

/** Hears every word inside of one validator; false: it is dead from now on, and the word was never said. */
export type Trap = (word: Word) => boolean

/** Stands between those who send and the mailboxes: `die` ends the validator. */
export const watch =
  (addresses: ReadonlyArray<Overseer.AddressClass>, trap: Trap, die: Effect.Effect<void>) =>
  <I, E, R>(overseer: Layer.Layer<I, E, R>): Layer.Layer<I, E, R> =>
    Layer.effectContext(
      Effect.map(Layer.build(overseer), (context) => {
        for (const { key } of addresses)
          guard(context.mapUnsafe.get(key) as Mailbox.Mailbox<any>, key, trap, die)
        return context
      })
    )

const guard = (mailbox: Mailbox.Mailbox<any>, to: string, trap: Trap, die: Effect.Effect<void>): void => {
  const unless = <A, E>(message: Word["message"], go: Effect.Effect<A, E>): Effect.Effect<A, E> =>
    Effect.suspend(() => (trap({ to, message }) ? go : Effect.andThen(die, Effect.never)))
  // The reader keeps the same mailbox: only what senders call is in the way.
  for (const name of ["send", "sendPriority", "sendNow", "trySend", "trySendPriority"] as const) {
    const original = mailbox[name].bind(mailbox) as (message: any) => Effect.Effect<any>
    Object.defineProperty(mailbox, name, { value: (message: any) => unless(message, original(message)) })
  }
  for (const name of ["ask", "askPriority"] as const) {
    const original = mailbox[name].bind(mailbox)
    Object.defineProperty(mailbox, name, {
      value: (request: (reply: Deferred.Deferred<any, any>) => any) =>
        unless(request(Deferred.makeUnsafe()), original(request))
    })
  }
}

/** The hub of disputes, with the same trap before what the coordinator tells it. */
export const disputes = (trap: Trap, die: Effect.Effect<void>): Layer.Layer<Disputes.Disputes> =>
  Layer.effect(
    Disputes.Disputes,
    Effect.map(Layer.build(Disputes.layer), (context) => {
      const hub = Context.get(context, Disputes.Disputes)
      const unless =
        <A>(tag: string, go: (told: A) => Effect.Effect<void>) =>
        (told: A) =>
          Effect.suspend(() =>
            trap({ to: "Disputes", message: { _tag: tag } }) ? go(told) : Effect.andThen(die, Effect.never)
          )
      return Disputes.Disputes.of({
        ...hub,
        conclude: unless("Conclude", hub.conclude),
        revert: unless("Revert", hub.revert),
        includeLate: unless("IncludeLate", hub.includeLate)
      })
    })
  )
