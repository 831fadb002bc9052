/**
 * What an address costs over a bare Effect queue. Prints one JSON row per measurement: microseconds per operation of
 * both, median of interleaved rounds. Run with `node --conditions=ephor-source bench/overseer.bench.ts`.
 */
import { Overseer, Signal, Subsystem } from "@ephor/overseer"
import { Context, Deferred, Effect, Fiber, Layer, Queue } from "effect"

type Message =
  | { readonly _tag: "Add"; readonly n: number }
  | { readonly _tag: "Total"; readonly reply: Deferred.Deferred<number> }
const add: Message = { _tag: "Add", n: 1 }

const capacity = 2048
const messages = 200_000
const asks = 20_000
const broadcasts = 2000
const subsystems = 30
const rounds = 9

class Adder extends Subsystem.Service<Adder, Message>()("bench/Adder", { capacity }) {}

/** The same work on both sides: one effect per message. */
const adding = () => {
  let total = 0
  return Effect.fnUntraced(function* (message: Message) {
    if (message._tag === "Add") total += message.n
    else yield* Deferred.succeed(message.reply, total)
  })
}
const addingPlain = () => {
  let total = 0
  return (message: Message): Effect.Effect<void> => {
    if (message._tag === "Total") return Effect.asVoid(Deferred.succeed(message.reply, total))
    total += message.n
    return Effect.void
  }
}

type Handle = (message: Message) => Effect.Effect<void>
type Read = (queue: Queue.Queue<Message>, handle: Handle) => Effect.Effect<void>

/** A fiber that takes one message after the other, as a consumer of a queue usually does. */
const readOneByOne: Read = Effect.fnUntraced(function* (queue, handle) {
  while (true) {
    const handled = handle(yield* Queue.take(queue))
    if (handled !== Effect.void) yield* handled
  }
})

/** The fastest that a queue can do: all that wait at once, and no effect for what only changes state. */
const readInBatches: Read = Effect.fnUntraced(function* (queue, handle) {
  while (true) {
    for (const message of yield* Queue.takeAll(queue)) {
      const handled = handle(message)
      if (handled !== Effect.void) yield* handled
    }
  }
})

const oursContext = (handle: Handle) =>
  Layer.build(
    Adder.toLayer(Effect.succeed({ message: handle })).pipe(Layer.provideMerge(Overseer.layerManual([Adder])))
  )

const askBare = (queue: Queue.Queue<Message>) => {
  const reply = Deferred.makeUnsafe<number>()
  return Effect.andThen(Queue.offer(queue, { _tag: "Total", reply }), Deferred.await(reply))
}
const total = (reply: Deferred.Deferred<number>): Message => ({ _tag: "Total", reply })

/** Microseconds per operation. */
const timed = <E, R>(operations: number, effect: Effect.Effect<unknown, E, R>) =>
  Effect.gen(function* () {
    const start = process.hrtime.bigint()
    yield* effect
    return Number(process.hrtime.bigint() - start) / 1000 / operations
  })

const median = (values: ReadonlyArray<number>) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!
const rounded = (value: number) => Number(value.toPrecision(3))

const compare = Effect.fnUntraced(function* <R>(
  what: string,
  ours: Effect.Effect<number, never, R>,
  peer: Effect.Effect<number, never, R>
) {
  yield* ours
  yield* peer
  const pairs: Array<readonly [number, number]> = []
  for (let i = 0; i < rounds; i++) pairs.push([yield* ours, yield* peer])
  const one = median(pairs.map(([value]) => value))
  const other = median(pairs.map(([, value]) => value))
  const row = { what, ours: rounded(one), peer: rounded(other), ratio: rounded(other / one), unit: "us" }
  process.stdout.write(`${JSON.stringify(row)}\n`)
})

const oneWay = Effect.fnUntraced(function* (what: string, make: () => Handle, read: Read) {
  const context = yield* oursContext(make())
  const mailbox = Context.get(context, Adder)
  const queue = yield* Queue.bounded<Message>(capacity)
  yield* Effect.forkScoped(read(queue, make()))
  const ours = Effect.gen(function* () {
    for (let i = 0; i < messages; i++) yield* mailbox.send(add)
    yield* mailbox.ask(total)
  })
  const peer = Effect.gen(function* () {
    for (let i = 0; i < messages; i++) yield* Queue.offer(queue, add)
    yield* askBare(queue)
  })
  yield* compare(what, timed(messages, ours), timed(messages, peer))
})

const asking = Effect.gen(function* () {
  const context = yield* oursContext(adding())
  const mailbox = Context.get(context, Adder)
  const queue = yield* Queue.bounded<Message>(capacity)
  yield* Effect.forkScoped(readInBatches(queue, adding()))
  const repeat = (effect: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      for (let i = 0; i < asks; i++) yield* effect
    })
  yield* compare(
    "ask, address vs bare queue and Deferred",
    timed(asks, repeat(Effect.suspend(() => mailbox.ask(total)))),
    timed(asks, repeat(Effect.suspend(() => askBare(queue))))
  )
})

/** What a sender that is faster than its receiver costs: it is suspended, and memory stays what the mailbox holds. */
const stalled = Effect.gen(function* () {
  const offered = 100_000
  const gate = yield* Deferred.make<void>()
  const context = yield* oursContext(() => Deferred.await(gate))
  const mailbox = Context.get(context, Adder)
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  let sent = 0
  const sender = yield* Effect.forkChild(
    Effect.gen(function* () {
      for (; sent < offered; sent++) yield* mailbox.send({ _tag: "Add", n: sent })
    })
  )
  yield* Effect.sleep(50)
  globalThis.gc?.()
  const grownKiB = (process.memoryUsage().heapUsed - before) / 1024
  const row = (what: string, ours: number, unit: string) =>
    process.stdout.write(`${JSON.stringify({ what, ours: rounded(ours), unit })}\n`)
  row(`of ${offered} messages for a stalled receiver, taken before the sender is suspended`, sent, "messages")
  row("heap that they hold", grownKiB, "KiB")
  yield* Deferred.succeed(gate, undefined)
  yield* Fiber.join(sender)
  row("sent when the receiver goes on", sent, "messages")
})

/** A signal to many: the broadcast, and until every one of them has obeyed. */
const signalling = Effect.fnUntraced(function* (
  obeying: string,
  make: (count: { obeyed: number }) => () => Effect.Effect<void>
) {
  const count = { obeyed: 0 }
  const addresses = Array.from(
    { length: subsystems },
    (_, i) => class extends Subsystem.Service<Adder, Message>()(`bench/S${i}`) {}
  )
  const layers = addresses.map((address) =>
    address.toLayer(Effect.succeed({ signal: make(count), message: () => Effect.void }))
  )
  const [first, ...rest] = layers
  const app = Layer.mergeAll(first!, ...rest).pipe(Layer.provideMerge(Overseer.layerManual(addresses)))
  const overseer = Context.get(yield* Layer.build(app), Overseer.Overseer)
  const queues: Array<Queue.Queue<Signal.Signal>> = []
  for (let i = 0; i < subsystems; i++) {
    const queue = yield* Queue.bounded<Signal.Signal>(64)
    queues.push(queue)
    yield* Effect.forkScoped(
      Effect.gen(function* () {
        while (true) {
          const taken = yield* Queue.takeAll(queue)
          count.obeyed += taken.length
        }
      })
    )
  }
  const signal = Signal.blockFinalized(`0x${"00".repeat(32)}`, 1)
  const run = (broadcast: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      count.obeyed = 0
      for (let i = 1; i <= broadcasts; i++) {
        yield* broadcast
        while (count.obeyed < i * subsystems) yield* Effect.yieldNow
      }
    })
  const bare = Effect.sync(() => {
    for (const queue of queues) Queue.offerUnsafe(queue, signal)
  })
  const broadcastOnly = (broadcast: Effect.Effect<unknown>) =>
    Effect.gen(function* () {
      let spentNs = 0n
      for (let i = 0; i < broadcasts; i++) {
        count.obeyed = 0
        const start = process.hrtime.bigint()
        yield* broadcast
        spentNs += process.hrtime.bigint() - start
        while (count.obeyed < subsystems) yield* Effect.yieldNow
      }
      return Number(spentNs) / 1000 / broadcasts
    })
  yield* compare(
    `signal to ${subsystems} subsystems, the broadcast itself, ${obeying}, vs bare queues`,
    broadcastOnly(overseer.broadcast(signal)),
    broadcastOnly(bare)
  )
  yield* compare(
    `signal until ${subsystems} subsystems have obeyed, ${obeying}, vs bare queues`,
    timed(broadcasts, run(overseer.broadcast(signal))),
    timed(broadcasts, run(bare))
  )
})

await Effect.runPromise(
  Effect.scoped(
    Effect.gen(function* () {
      yield* oneWay("one-way message, plain handler, vs Queue.take", addingPlain, readOneByOne)
      yield* oneWay("one-way message, plain handler, vs Queue.takeAll", addingPlain, readInBatches)
      yield* oneWay("one-way message, generator handler, vs Queue.takeAll", adding, readInBatches)
      yield* asking
      yield* signalling("plain handlers", (count) => () => {
        count.obeyed++
        return Effect.void
      })
      yield* signalling("generator handlers", (count) =>
        // oxlint-disable-next-line require-yield -- what a generator costs is the point
        Effect.fnUntraced(function* () {
          count.obeyed++
        })
      )
      yield* stalled
    })
  )
)
