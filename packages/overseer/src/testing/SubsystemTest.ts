/**
 * Tries one subsystem without the others: signals and messages go in, and what it sends to others is captured.
 */
import type { Hash } from "@ephor/types"
import { Context, Deferred, Effect, Layer, Queue, type Scope } from "effect"
import type { Mailbox } from "../Mailbox.ts"
import { type AddressClass, type Identity, layerManual, Overseer, type Options } from "../Overseer.ts"
import type { OverseerError } from "../OverseerError.ts"
import * as Signal from "../Signal.ts"

/** Turns of the scheduler without news after which a subsystem counts as idle: enough for what it forked to start. */
const settlingTurns = 10

/** The subsystem under test, its layer, and the addresses that it sends to. */
export interface Setup<Self, M, E, R, Captures extends ReadonlyArray<AddressClass>> extends Pick<
  Options,
  "limits"
> {
  readonly subsystem: AddressClass & Context.Service<Self, Mailbox<M>>
  readonly layer: Layer.Layer<never, E, R>
  readonly captures?: Captures | undefined
}

/** One subsystem at work. */
export interface Harness<M> {
  /** Sends any signal. */
  readonly signal: (signal: Signal.Signal) => Effect.Effect<void>
  /** A leaf becomes active. */
  readonly activate: (leaf: Signal.Leaf) => Effect.Effect<void>
  /** A leaf is left. */
  readonly deactivate: (hash: Hash) => Effect.Effect<void>
  /** Sends `Conclude` and waits until the subsystem has ended. */
  readonly conclude: Effect.Effect<void>
  /** Sends a message to the subsystem. */
  readonly send: (message: M) => Effect.Effect<void>
  /** Asks the subsystem. */
  readonly ask: <A, E = never>(request: (reply: Deferred.Deferred<A, E>) => M) => Effect.Effect<A, E>
  /** The next message that the subsystem sent to this address; suspends while there is none. */
  readonly next: <Message>(address: Context.Service<any, Mailbox<Message>>) => Effect.Effect<Message>
  /** All messages that the subsystem has sent to this address and that were not taken yet. */
  readonly captured: <Message>(
    address: Context.Service<any, Mailbox<Message>>
  ) => Effect.Effect<ReadonlyArray<Message>>
  /** Suspends until the subsystem has handled all that it was sent and waits for more; jobs have started. */
  readonly idle: Effect.Effect<void>
  /** Fails when the subsystem ends. */
  readonly join: Effect.Effect<never, OverseerError>
}

/** Starts the subsystem for as long as the scope lives. */
export const make = Effect.fnUntraced(function* <
  Self,
  M,
  E,
  R,
  const Captures extends ReadonlyArray<AddressClass> = readonly []
>(
  setup: Setup<Self, M, E, R, Captures>
): Effect.fn.Return<Harness<M>, E, Scope.Scope | Exclude<R, Self | Overseer | Identity<Captures[number]>>> {
  const captures: ReadonlyArray<AddressClass> = setup.captures ?? []
  const all: ReadonlyArray<AddressClass> = [setup.subsystem, ...captures]
  const options = setup.limits === undefined ? {} : { limits: setup.limits }
  const app = setup.layer.pipe(Layer.provideMerge(layerManual(all, options)))
  const context = (yield* Layer.build(app)) as Context.Context<any>
  const overseer = Context.get(context, Overseer)
  const mailbox = Context.get(context, setup.subsystem as Context.Service<Self, Mailbox<M>>)
  const outgoing = new Map<string, Queue.Queue<any>>()
  for (const address of captures) {
    const queue = yield* Queue.unbounded<any>()
    outgoing.set(address.key, queue)
    yield* overseer.run(address, capture(Context.get(context, address), queue))
  }
  const queueOf = <Message>(
    address: Context.Service<any, Mailbox<Message>>
  ): Effect.Effect<Queue.Queue<Message>> => {
    const queue = outgoing.get(address.key)
    return queue === undefined
      ? Effect.die(new Error(`${address.key} is not captured: name it in captures`))
      : Effect.succeed(queue)
  }
  const idle = Effect.gen(function* () {
    for (let quietTurns = 0; quietTurns < settlingTurns; quietTurns++) {
      yield* Effect.yieldNow
      if (!mailbox.idle && !mailbox.closed) quietTurns = 0
    }
  })
  return {
    signal: overseer.broadcast,
    activate: (leaf) => overseer.broadcast(Signal.startWork(leaf)),
    deactivate: (hash) => overseer.broadcast(Signal.stopWork(hash)),
    conclude: overseer.conclude,
    send: (message) => mailbox.send(message),
    ask: (request) => mailbox.ask(request),
    next: (address) => Effect.flatMap(queueOf(address), Queue.take),
    captured: (address) => Effect.andThen(idle, Effect.flatMap(queueOf(address), Queue.clear)),
    idle,
    join: overseer.join
  }
})

const capture = (mailbox: Mailbox<any>, queue: Queue.Queue<any>) =>
  Effect.gen(function* () {
    while (true) {
      const item = yield* mailbox.take
      if (item._tag === "Message") yield* Queue.offer(queue, item.message)
      else if (item.signal._tag === "Conclude") return
    }
  })
