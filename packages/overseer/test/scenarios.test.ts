/** The order scenarios of the Polkadot overseer, each played as its steps say (the leaf scenarios are in Leaves.test). */
import { assert, describe, it } from "@effect/vitest"
import { Overseer, OverseerError, Signal, Subsystem } from "@ephor/overseer"
import { Cause, Deferred, Effect, Exit, Fiber, Layer, Logger } from "effect"
import { TestClock } from "effect/testing"
import { hash } from "./fixtures.ts"
import vectors from "./vectors/polkadot-overseer.json" with { type: "json" }

type Note =
  | { readonly _tag: "Note"; readonly text: string }
  | { readonly _tag: "Hold"; readonly until: Deferred.Deferred<void> }
const note = (text: string): Note => ({ _tag: "Note", text })
class B extends Subsystem.Service<B, Note>()("test/B", { priority: true }) {}
class A extends Subsystem.Service<A, Note>()("test/A", { sends: () => [B] }) {}

const quiet = Logger.layer([])
const settle = Effect.repeat(Effect.yieldNow, { times: 50 })
const signal = (n: number) => Signal.blockFinalized(hash(`s${n}`), n)
const joining = Effect.flatMap(Overseer.Overseer, (overseer) =>
  Effect.forkChild(Effect.exit(overseer.join), { startImmediately: true })
)
const reasonOf = (exit: Exit.Exit<never, OverseerError>) =>
  Exit.isFailure(exit) ? (Cause.squash(exit.cause) as OverseerError).reason : undefined

/** B writes down what it gets in the words of the scenarios; A sends `m` as soon as it has seen the second signal. */
const playing = <R extends A | B | Overseer.Overseer>(
  log: Array<string>,
  play: Effect.Effect<void, never, R>
) => {
  const b = B.toLayer(
    Effect.succeed({
      signal: (signal: Signal.Signal) =>
        Effect.sync(() =>
          log.push(signal._tag === "BlockFinalized" ? `signal s${signal.number}` : `signal ${signal._tag}`)
        ),
      message: B.match({
        Note: ({ text }) => Effect.sync(() => log.push(`message ${text}`)),
        Hold: ({ until }) => Deferred.await(until)
      })
    })
  )
  const a = A.toLayer(
    Effect.succeed({
      signal: (signal: Signal.Signal) =>
        signal._tag === "BlockFinalized" && signal.number === 2 ? B.send(note("m")) : Effect.void,
      message: () => Effect.void
    })
  )
  return play.pipe(
    Effect.provide(
      Layer.merge(a, b).pipe(Layer.provideMerge(Overseer.layerManual([A, B])), Layer.provideMerge(quiet))
    )
  )
}

/** Holds B in a handler while something is sent to it, then lets it go on; tells what B got until the end. */
const whileHeld = (log: Array<string>, sending: Effect.Effect<void, never, B | Overseer.Overseer>) =>
  playing(
    log,
    Effect.gen(function* () {
      const until = yield* Deferred.make<void>()
      yield* B.send({ _tag: "Hold", until })
      yield* settle
      yield* sending
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* Deferred.succeed(until, undefined)
      yield* settle
      log.push("end")
    })
  )

const broadcast = (n: number) => Overseer.Overseer.use((overseer) => overseer.broadcast(signal(n)))

const players: Record<string, (scenario: (typeof vectors.overseer_order)[number]) => Effect.Effect<void>> = {
  "two signals ahead": Effect.fnUntraced(function* ({ b_receives }) {
    const log: Array<string> = []
    yield* whileHeld(log, Effect.andThen(broadcast(1), broadcast(2)))
    assert.deepStrictEqual(log.slice(0, log.indexOf("end")), b_receives)
  }),

  "priority before bulk in the same channel class": Effect.fnUntraced(function* ({ b_receives }) {
    const log: Array<string> = []
    yield* whileHeld(
      log,
      Effect.gen(function* () {
        yield* B.send(note("m1"))
        yield* B.send(note("m2"))
        yield* B.sendPriority(note("p1"))
        yield* broadcast(1)
      })
    )
    assert.deepStrictEqual(log.slice(0, log.indexOf("end")), b_receives)
  }),

  "stalled subsystem": () =>
    playing(
      [],
      Effect.gen(function* () {
        const join = yield* joining
        yield* B.send({ _tag: "Hold", until: yield* Deferred.make<void>() })
        yield* settle
        let sent = 0
        yield* Effect.forkChild(
          Effect.gen(function* () {
            while (true)
              yield* Effect.andThen(
                broadcast(sent + 3),
                Effect.sync(() => sent++)
              )
          })
        )
        yield* settle
        assert.strictEqual(sent, Overseer.defaults.signalCapacity, "waits when B's queue is full")
        yield* TestClock.adjust("9999 millis")
        assert.isUndefined(join.pollUnsafe())
        yield* TestClock.adjust("2 seconds")
        const reason = reasonOf(yield* Fiber.join(join))
        assert.deepInclude(reason, { _tag: "SubsystemStalled", name: "test/B", kind: "signal" })
        assert.include(reason?.message, "test/B did not take signal BlockFinalized for 10000 ms")
      })
    ),

  "subsystem returns Ok": Effect.fnUntraced(function* () {
    const log: Array<string> = []
    const a = A.toLayer(
      Effect.succeed({
        signal: (signal: Signal.Signal) => Effect.sync(() => log.push(signal._tag)),
        message: () => Effect.never
      })
    )
    const returns = Layer.effectDiscard(
      Effect.gen(function* () {
        const mailbox = yield* B
        yield* (yield* Overseer.Overseer).run(B, Effect.asVoid(mailbox.take))
      })
    )
    yield* Effect.gen(function* () {
      const join = yield* joining
      yield* B.send(note("x"))
      yield* settle
      assert.deepStrictEqual(log, ["Conclude"], "Conclude to the rest")
      const reason = reasonOf(yield* Fiber.join(join))
      assert.strictEqual(reason?._tag, "SubsystemExited")
      assert.include(reason!.message, "subsystem test/B returned")
    }).pipe(
      Effect.provide(
        Layer.merge(a, returns).pipe(
          Layer.provideMerge(Overseer.layerManual([A, B])),
          Layer.provideMerge(quiet)
        )
      )
    )
  })
}

describe("Overseer, order scenarios of the Polkadot overseer", () => {
  for (const scenario of vectors.overseer_order) {
    it.effect(scenario.name, () => players[scenario.name]!(scenario))
  }
})
