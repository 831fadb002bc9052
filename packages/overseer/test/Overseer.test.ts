import { assert, describe, it } from "@effect/vitest"
import { Chain, type ChainEvent } from "@ephor/chain"
import { Overseer, type OverseerError, Signal, Subsystem } from "@ephor/overseer"
import { Cause, Clock, Deferred, Effect, Exit, Fiber, Layer, Logger, PubSub, Stream } from "effect"
import { TestClock } from "effect/testing"
import { block, finalized, hash, imported, nameOf } from "./fixtures.ts"

type Note =
  | { readonly _tag: "Note"; readonly text: string }
  | { readonly _tag: "Ask"; readonly reply: Deferred.Deferred<string> }
const note = (text: string): Note => ({ _tag: "Note", text })

const small = { signalCapacity: 4, capacity: 4 }
class A extends Subsystem.Service<A, Note>()("test/A", { ...small, sendsNow: (): Subsystem.Edges => [B] }) {}
class B extends Subsystem.Service<B, Note>()("test/B", { ...small, sendsNow: (): Subsystem.Edges => [A] }) {}

const quiet = Logger.layer([])
const reasonOf = (exit: Exit.Exit<never, OverseerError>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as OverseerError).reason : undefined

const say = Signal.match({
  ActiveLeaves: ({ activated, deactivated }) =>
    [
      ...(activated === null ? [] : [`+${nameOf(activated.hash)}`]),
      ...deactivated.map((h) => `-${nameOf(h)}`)
    ].join(" "),
  BlockFinalized: (s) => `final ${nameOf(s.hash)}`,
  Conclude: () => "conclude"
})

const genesis = block("genesis", 0)

/** As much of a chain as an overseer needs. */
const chainOf = (events: Stream.Stream<ChainEvent>, beforeHead: Effect.Effect<unknown> = Effect.void) =>
  Layer.mock(Chain.Chain, {
    anchor: { source: genesis, derived: genesis },
    events,
    head: () => Effect.as(beforeHead, genesis)
  })

/** A subsystem that writes down what it gets. */
const recorder = <Self, Id extends string>(
  address: Subsystem.SubsystemClass<Self, Id, Note, string>,
  log: Array<string>,
  name: string
) =>
  address.toLayer(
    Effect.succeed({
      signal: (signal: Signal.Signal) => Effect.sync(() => log.push(`${name} ${say(signal)}`)),
      message: (message: Note) =>
        Effect.sync(() => log.push(`${name} ${message._tag === "Note" ? message.text : "?"}`))
    })
  )

const settle = Effect.repeat(Effect.yieldNow, { times: 50 })

/** Starts join, and tells its exit. */
const joining = Effect.flatMap(Overseer.Overseer, (overseer) =>
  Effect.forkChild(Effect.exit(overseer.join), { startImmediately: true })
)

const a1 = block("a", 1)
const b2 = block("b", 2, "a")

describe("Overseer, signals", () => {
  it.effect("chain events reach every subsystem as signals", () => {
    const log: Array<string> = []
    const hub = Effect.runSync(PubSub.unbounded<ChainEvent>())
    const chain = chainOf(Stream.fromPubSub(hub))
    return Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      yield* PubSub.publishAll(hub, [imported(a1), imported(a1), imported(b2), finalized(b2)])
      yield* settle
      assert.deepStrictEqual(
        log.filter((line) => line.startsWith("A")),
        ["A +a", "A +b -a", "A final b"]
      )
      assert.deepStrictEqual(
        log.filter((line) => line.startsWith("B")),
        ["B +a", "B +b -a", "B final b"]
      )
      assert.deepStrictEqual(
        (yield* overseer.leaves).map((leaf) => nameOf(leaf.hash)),
        ["b"]
      )
    }).pipe(
      Effect.provide(
        Layer.mergeAll(recorder(A, log, "A"), recorder(B, log, "B")).pipe(
          Layer.provideMerge(Overseer.layer([A, B])),
          Layer.provide(chain)
        )
      )
    )
  })

  it.effect("what happens while the state is being read is not lost", () => {
    const log: Array<string> = []
    const hub = Effect.runSync(PubSub.unbounded<ChainEvent>())
    // the block arrives after the subscription, but before the answer
    const chain = chainOf(Stream.fromPubSub(hub), PubSub.publish(hub, imported(a1)))
    return Effect.gen(function* () {
      yield* settle
      assert.deepStrictEqual(log, ["A +a"])
    }).pipe(
      Effect.provide(
        recorder(A, log, "A").pipe(Layer.provideMerge(Overseer.layer([A, B])), Layer.provide(chain))
      )
    )
  })

  it.effect("a leaf whose runtime does not know parachains is tracked but not announced", () => {
    const log: Array<string> = []
    const hub = Effect.runSync(PubSub.unbounded<ChainEvent>())
    const chain = chainOf(Stream.fromPubSub(hub))
    const supportsParachains = (leaf: { readonly number: number }) => Effect.succeed(leaf.number < 2)
    return Effect.gen(function* () {
      yield* PubSub.publishAll(hub, [imported(a1), imported(b2)])
      yield* settle
      assert.deepStrictEqual(log, ["A +a", "A -a"])
      assert.strictEqual((yield* (yield* Overseer.Overseer).leaves).length, 1)
    }).pipe(
      Effect.provide(
        recorder(A, log, "A").pipe(
          Layer.provideMerge(Overseer.layer([A, B], { supportsParachains })),
          Layer.provide(chain)
        )
      )
    )
  })

  it.effect("nothing is announced while the node is catching up", () => {
    const log: Array<string> = []
    const hub = Effect.runSync(PubSub.unbounded<ChainEvent>())
    let behind = true
    return Effect.gen(function* () {
      yield* PubSub.publish(hub, imported(a1))
      yield* settle
      behind = false
      yield* PubSub.publish(hub, imported(b2))
      yield* settle
      assert.deepStrictEqual(log, ["A +b"])
    }).pipe(
      Effect.provide(
        recorder(A, log, "A").pipe(
          Layer.provideMerge(Overseer.layer([A, B], { catchingUp: Effect.sync(() => behind) })),
          Layer.provide(chainOf(Stream.fromPubSub(hub)))
        )
      )
    )
  })

  it.effect("the end of the chain's events concludes everybody", () => {
    const log: Array<string> = []
    const chain = chainOf(Stream.make(imported(a1)))
    return Effect.gen(function* () {
      const exit = yield* Effect.exit((yield* Overseer.Overseer).join)
      assert.deepStrictEqual(reasonOf(exit)?._tag, "Concluded")
      assert.deepStrictEqual(log, ["A +a", "A conclude"])
    }).pipe(
      Effect.provide(
        recorder(A, log, "A").pipe(Layer.provideMerge(Overseer.layer([A])), Layer.provide(chain))
      )
    )
  })

  it.effect("a defect of the chain's events is fatal, not silent", () => {
    const chain = chainOf(Stream.die(new Error("backend is broken")))
    return Effect.gen(function* () {
      const exit = yield* Effect.exit((yield* Overseer.Overseer).join)
      assert.include(reasonOf(exit)?.message, "backend is broken")
    }).pipe(
      Effect.provide(
        Subsystem.layerDummy(A).pipe(
          Layer.provideMerge(Overseer.layer([A])),
          Layer.provide(chain),
          Layer.provideMerge(quiet)
        )
      )
    )
  })

  it.effect("waitForActivation answers at once, later, or with the reason why not", () =>
    Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      const later = yield* Effect.forkChild(overseer.waitForActivation(a1.hash), { startImmediately: true })
      const never = yield* Effect.forkChild(Effect.flip(overseer.waitForActivation(hash("x"))), {
        startImmediately: true
      })
      const bounded = yield* Effect.forkChild(
        Effect.timeoutOption(overseer.waitForActivation(hash("y")), "1 second"),
        { startImmediately: true }
      )
      yield* overseer.broadcast(Signal.startWork(a1))
      assert.strictEqual((yield* Fiber.join(later)).hash, a1.hash)
      assert.strictEqual((yield* overseer.waitForActivation(a1.hash)).hash, a1.hash)
      yield* overseer.broadcast(Signal.stopWork(hash("x")))
      assert.strictEqual((yield* Fiber.join(never)).reason._tag, "LeafGone")
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(bounded))._tag, "None")
      const atTheEnd = yield* Effect.forkChild(Effect.flip(overseer.waitForActivation(hash("z"))), {
        startImmediately: true
      })
      yield* overseer.conclude
      assert.strictEqual((yield* Fiber.join(atTheEnd)).reason._tag, "Concluded")
    }).pipe(Effect.provide(Subsystem.layerDummy(A).pipe(Layer.provideMerge(Overseer.layerManual([A])))))
  )
})

describe("Overseer, order", () => {
  it.effect(
    "who answers a signal at once does not overtake it, wherever the receiver stands in the list",
    () => {
      const answers = <Self, Id extends string, To>(
        address: Subsystem.SubsystemClass<Self, Id, Note, string>,
        to: { readonly send: (message: Note) => Effect.Effect<void, never, To> },
        log: Array<string>
      ) =>
        address.toLayer(
          Effect.succeed({
            signal: (signal: Signal.Signal) =>
              signal._tag === "Conclude"
                ? Effect.void
                : Effect.andThen(
                    Effect.sync(() => log.push(say(signal))),
                    to.send(note(`after ${say(signal)}`))
                  ),
            message: (message: Note) =>
              Effect.sync(() => log.push(message._tag === "Note" ? message.text : ""))
          })
        )
      const atA: Array<string> = []
      const atB: Array<string> = []
      return Effect.gen(function* () {
        const overseer = yield* Overseer.Overseer
        yield* settle
        yield* overseer.broadcast(Signal.blockFinalized(a1.hash, 1))
        yield* overseer.broadcast(Signal.blockFinalized(b2.hash, 2))
        yield* settle
        for (const log of [atA, atB]) {
          for (const name of ["a", "b"]) {
            assert.isBelow(log.indexOf(`final ${name}`), log.indexOf(`after final ${name}`), log.join(", "))
          }
        }
      }).pipe(
        Effect.provide(
          Layer.mergeAll(answers(A, B, atA), answers(B, A, atB)).pipe(
            Layer.provideMerge(Overseer.layerManual([A, B]))
          )
        )
      )
    }
  )
})

describe("Overseer, end of life", () => {
  const ending = (message: (note: Note) => Effect.Effect<void, string>) => {
    const log: Array<string> = []
    const app = Layer.mergeAll(A.toLayer(Effect.succeed({ message })), recorder(B, log, "B")).pipe(
      Layer.provideMerge(Overseer.layerManual([A, B])),
      Layer.provideMerge(quiet)
    )
    return { log, app }
  }

  it.effect("a subsystem that fails ends everything, and its name is told", () => {
    const { log, app } = ending(() => Effect.fail("disk is full"))
    return Effect.gen(function* () {
      const join = yield* joining
      yield* A.send(note("x"))
      const reason = reasonOf(yield* Fiber.join(join))
      assert.strictEqual(reason?._tag, "SubsystemExited")
      assert.include(reason!.message, "test/A")
      assert.include(reason!.message, "disk is full")
      assert.deepStrictEqual(log, ["B conclude"])
    }).pipe(Effect.provide(app))
  })

  it.effect("a defect in a handler, in leaf work or in a job is fatal too", () =>
    Effect.gen(function* () {
      const bad = {
        handler: { message: () => Effect.die(new Error("handler")) },
        leaf: { leaf: () => Effect.die(new Error("leaf")), message: () => Effect.void },
        job: { message: () => Subsystem.spawn(Effect.die(new Error("job"))) }
      }
      for (const [name, handlers] of Object.entries(bad)) {
        const app = A.toLayer(Effect.succeed(handlers)).pipe(
          Layer.provideMerge(Overseer.layerManual([A])),
          Layer.provideMerge(quiet)
        )
        const reason = yield* Effect.gen(function* () {
          const join = yield* joining
          yield* (yield* Overseer.Overseer).broadcast(Signal.startWork(a1))
          yield* A.send(note("x"))
          return reasonOf(yield* Fiber.join(join))
        }).pipe(Effect.provide(app))
        assert.include(reason?.message, name)
      }
    })
  )

  it.effect("the others get one second to conclude, and no more", () => {
    const stuck = B.toLayer(Effect.succeed({ message: () => Effect.never }))
    const app = Layer.mergeAll(A.toLayer(Effect.succeed({ message: () => Effect.fail("x") })), stuck).pipe(
      Layer.provideMerge(Overseer.layerManual([A, B], { limits: { concludeTimeoutMs: 1000 } })),
      Layer.provideMerge(quiet)
    )
    return Effect.gen(function* () {
      const join = yield* joining
      yield* B.send(note("hold"))
      yield* settle
      yield* A.send(note("fail"))
      yield* settle
      yield* TestClock.adjust("999 millis")
      assert.isUndefined(join.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(reasonOf(yield* Fiber.join(join))?._tag, "SubsystemExited")
    }).pipe(Effect.provide(app))
  })

  it.effect("who waits for an answer of the one that died still concludes", () => {
    const log: Array<string> = []
    const asks = B.toLayer(
      Effect.succeed({
        signal: (signal: Signal.Signal) => Effect.sync(() => log.push(say(signal))),
        message: () => Effect.asVoid(A.ask<string>((reply) => ({ _tag: "Ask", reply })))
      })
    )
    const dies = A.toLayer(Effect.succeed({ message: () => Effect.die(new Error("A is broken")) }))
    return Effect.gen(function* () {
      const join = yield* joining
      yield* B.send(note("ask A"))
      const reason = reasonOf(yield* Fiber.join(join))
      assert.include(reason?.message, "A is broken")
      assert.deepStrictEqual(log, ["conclude"])
    }).pipe(
      Effect.provide(
        Layer.mergeAll(asks, dies).pipe(
          Layer.provideMerge(Overseer.layerManual([A, B])),
          Layer.provideMerge(quiet)
        )
      )
    )
  })

  it.effect("closing the program concludes before it interrupts", () => {
    const log: Array<string> = []
    const flushing = A.toLayer(
      Effect.succeed({
        leaf: () => Effect.onInterrupt(Effect.never, () => Effect.sync(() => log.push("leaf stopped"))),
        signal: (signal: Signal.Signal) =>
          signal._tag === "Conclude" ? Effect.sync(() => log.push("flushed")) : Effect.void,
        message: () => Effect.void
      })
    )
    return Effect.gen(function* () {
      yield* Effect.provide(
        Effect.gen(function* () {
          yield* (yield* Overseer.Overseer).broadcast(Signal.startWork(a1))
          yield* settle
        }),
        flushing.pipe(Layer.provideMerge(Overseer.layerManual([A])))
      )
      assert.deepStrictEqual(log, ["flushed", "leaf stopped"])
    })
  })

  it.effect("an address that nobody runs is reported by join", () =>
    Effect.gen(function* () {
      const reason = reasonOf(yield* Effect.exit((yield* Overseer.Overseer).join))
      assert.strictEqual(reason?._tag, "SubsystemMissing")
      assert.include(reason!.message, "test/B")
      assert.notInclude(reason!.message, "test/A")
    }).pipe(
      Effect.provide(
        Subsystem.layerDummy(A).pipe(
          Layer.provideMerge(Overseer.layerManual([A, B])),
          Layer.provideMerge(quiet)
        )
      )
    )
  )

  it.effect("one of many readers can be replaced; two for one address are a defect", () => {
    const log: Array<string> = []
    const all = Layer.mergeAll(recorder(A, log, "A"), recorder(B, log, "B"))
    const mine = recorder(B, log, "my B")
    return Effect.gen(function* () {
      const two = yield* Effect.exit(
        Layer.build(Layer.merge(all, mine).pipe(Layer.provide(Overseer.layerManual([A, B]))))
      )
      assert.include(Exit.isFailure(two) ? Cause.pretty(two.cause) : "", "has a reader already")
      log.length = 0
      const app = all.pipe(Subsystem.replace(B, mine), Layer.provideMerge(Overseer.layerManual([A, B])))
      yield* Effect.gen(function* () {
        yield* A.send(note("x"))
        yield* B.send(note("y"))
        yield* settle
        assert.sameMembers(log, ["A x", "my B y"])
      }).pipe(Effect.provide(app))
      assert.sameMembers(log.slice(2), ["A conclude", "my B conclude"])
    }).pipe(Effect.scoped)
  })

  it("the same address twice is a defect", () => {
    const exit = Effect.runSyncExit(Effect.scoped(Layer.build(Overseer.layerManual([A, A]))))
    assert.include(Exit.isFailure(exit) ? Cause.pretty(exit.cause) : "", "listed twice")
  })
})

describe("Overseer, stalls", () => {
  const app = (limits: Partial<Overseer.Limits> = {}) =>
    Layer.mergeAll(A.toLayer(Effect.succeed({ message: () => Effect.never })), Subsystem.layerDummy(B)).pipe(
      Layer.provideMerge(Overseer.layerManual([A, B], { limits })),
      Layer.provideMerge(quiet)
    )

  it.effect("a signal left for 10 s ends the overseer with a name", () =>
    Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      const join = yield* joining
      yield* A.send(note("hold"))
      yield* settle
      yield* overseer.broadcast(Signal.startWork(a1))
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(join.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      yield* TestClock.adjust("1 second") // A does not conclude either
      const reason = reasonOf(yield* Fiber.join(join))
      assert.deepInclude(reason, {
        _tag: "SubsystemStalled",
        name: "test/A",
        kind: "signal",
        tag: "ActiveLeaves"
      })
    }).pipe(Effect.provide(app()))
  )

  it.effect("a machine that was asleep gives everybody the full time again", () =>
    Effect.gen(function* () {
      const real = yield* Clock.Clock
      let sleptMs = 0
      const clock: Clock.Clock = Object.assign(Object.create(real), {
        monotonicTimeNanosUnsafe: () => real.monotonicTimeNanosUnsafe() + BigInt(sleptMs) * 1_000_000n
      })
      yield* Effect.gen(function* () {
        const overseer = yield* Overseer.Overseer
        const join = yield* joining
        yield* A.send(note("hold"))
        yield* settle
        yield* overseer.broadcast(Signal.startWork(a1))
        yield* TestClock.adjust("9 seconds")
        sleptMs = 3_600_000
        yield* TestClock.adjust("1 second") // the watch wakes an hour late
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(join.pollUnsafe())
        yield* TestClock.adjust("1 millis")
        yield* TestClock.adjust("1 second") // A does not conclude either
        assert.deepInclude(reasonOf(yield* Fiber.join(join)), { _tag: "SubsystemStalled", name: "test/A" })
      }).pipe(Effect.provide(app()), Effect.provideService(Clock.Clock, clock))
    })
  )

  it.effect("a full signal lane makes the overseer wait, and then end", () =>
    Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      const join = yield* joining
      yield* A.send(note("hold"))
      yield* settle
      let sent = 0
      yield* Effect.forkChild(
        Effect.forEach([1, 2, 3, 4, 5, 6, 7], (n) =>
          Effect.andThen(
            overseer.broadcast(Signal.blockFinalized(hash(`${n}`), n)),
            Effect.sync(() => sent++)
          )
        )
      )
      yield* settle
      assert.strictEqual(sent, 4, "as many as the lane holds")
      yield* TestClock.adjust("11 seconds")
      assert.deepInclude(reasonOf(yield* Fiber.join(join)), {
        _tag: "SubsystemStalled",
        name: "test/A",
        kind: "signal"
      })
    }).pipe(Effect.provide(app()))
  )

  it.effect("a message of the overseer that finds no room for 10 s ends it", () =>
    Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      const join = yield* joining
      for (let i = 0; i < 5; i++) yield* A.send(note("fill")) // one is being handled, four wait
      const delivery = yield* Effect.forkChild(overseer.deliver(A, note("no room")), {
        startImmediately: true
      })
      yield* TestClock.adjust("9999 millis")
      assert.isUndefined(join.pollUnsafe())
      yield* TestClock.adjust("2 seconds")
      assert.deepInclude(reasonOf(yield* Fiber.join(join)), {
        _tag: "SubsystemStalled",
        name: "test/A",
        kind: "message",
        tag: "Note"
      })
      yield* Fiber.await(delivery)
    }).pipe(Effect.provide(app()))
  )

  it.effect("subsystems may wait for each other for ever", () =>
    Effect.gen(function* () {
      const join = yield* joining
      for (let i = 0; i < 5; i++) yield* A.send(note("fill"))
      const blocked = yield* Effect.forkChild(A.send(note("no room")), { startImmediately: true })
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(blocked.pollUnsafe())
      assert.isUndefined(join.pollUnsafe())
    }).pipe(Effect.provide(app({ concludeTimeoutMs: 0 })))
  )

  it.effect("signals taken in time are no stall, however many", () =>
    Effect.gen(function* () {
      const overseer = yield* Overseer.Overseer
      const join = yield* joining
      for (let n = 0; n < 100; n++) {
        yield* overseer.broadcast(Signal.blockFinalized(hash(`${n}`), n))
        yield* TestClock.adjust("6 seconds")
      }
      assert.isUndefined(join.pollUnsafe())
    }).pipe(Effect.provide(app({ concludeTimeoutMs: 0 })))
  )
})
