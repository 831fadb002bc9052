import { assert, describe, it } from "@effect/vitest"
import { Mailbox, Metrics, Overseer, Signal, Subsystem } from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { Clock, Deferred, Effect, Layer, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { TestClock } from "effect/testing"
import { block, hash } from "./fixtures.ts"

type Work =
  | { readonly _tag: "Work"; readonly n: number }
  | { readonly _tag: "Total"; readonly reply: Deferred.Deferred<number> }
class Sink extends Subsystem.Service<Sink, { readonly _tag: "Sum"; readonly sum: number }>()("test/Sink") {}
class Slow extends Subsystem.Service<Slow, { readonly _tag: "Sum" }>()("test/Slow", { capacity: 1 }) {}
class Worker extends Subsystem.Service<Worker, Work>()("test/Worker", { sends: () => [Sink, Slow] }) {}

const work = (n: number): Work => ({ _tag: "Work", n })
const a = block("a", 1)
const b = block("b", 2, "a")

/** Adds up, tells the sink, and writes down what leaf work does. */
const layerOf = (log: Array<string>) =>
  Worker.toLayer(
    Effect.gen(function* () {
      let sum = 0
      yield* Effect.addFinalizer(() => Effect.sync(() => log.push("built scope closed")))
      return {
        leaf: (leaf: Signal.Leaf) =>
          Effect.gen(function* () {
            log.push(`work on ${leaf.number}`)
            yield* Effect.addFinalizer(() => Effect.sync(() => log.push(`scope of ${leaf.number} closed`)))
            return yield* Effect.never
          }).pipe(Effect.onInterrupt(() => Effect.sync(() => log.push(`stop ${leaf.number}`)))),
        message: Worker.match({
          Work: ({ n }) => Sink.send({ _tag: "Sum", sum: (sum += n) }),
          Total: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, sum))
        })
      }
    })
  )

describe("Subsystem", () => {
  it.effect("handles messages in order, answers, and sends on", () =>
    Effect.gen(function* () {
      const test = yield* SubsystemTest.make({ subsystem: Worker, layer: layerOf([]), captures: [Sink] })
      yield* test.send(work(1))
      yield* test.send(work(2))
      assert.strictEqual(yield* test.ask<number>((reply) => ({ _tag: "Total", reply })), 3)
      assert.deepStrictEqual(yield* test.next(Sink), { _tag: "Sum", sum: 1 })
      assert.deepStrictEqual(yield* test.captured(Sink), [{ _tag: "Sum", sum: 3 }])
      assert.deepStrictEqual(yield* test.captured(Sink), [])
    })
  )

  it.effect("works on a leaf from activation to deactivation, and on nothing after it has concluded", () => {
    const log: Array<string> = []
    return Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const test = yield* SubsystemTest.make({ subsystem: Worker, layer: layerOf(log), captures: [Sink] })
          yield* test.activate(a)
          yield* test.idle
          yield* test.signal(Signal.activeLeaves(b, [a.hash]))
          yield* test.idle
          assert.deepStrictEqual(log, ["work on 1", "stop 1", "scope of 1 closed", "work on 2"])
          yield* test.conclude
          assert.deepStrictEqual(log.slice(4), ["stop 2", "scope of 2 closed"])
          yield* test.send(work(1)) // dropped without harm
        })
      )
      assert.deepStrictEqual(log.slice(6), ["built scope closed"])
    })
  })

  it.effect("leaf work may end by itself", () =>
    Effect.gen(function* () {
      const done: Array<number> = []
      const layer = Worker.toLayer(
        Effect.succeed({
          leaf: (leaf: Signal.Leaf) => Effect.sync(() => done.push(leaf.number)),
          message: () => Effect.void
        })
      )
      const test = yield* SubsystemTest.make({ subsystem: Worker, layer })
      yield* test.activate(a)
      yield* test.activate(b)
      yield* test.idle
      assert.deepStrictEqual(done, [1, 2])
    })
  )

  it.effect("jobs end with their leaf; a leaf that is not active gets none", () =>
    Effect.gen(function* () {
      const log: Array<string> = []
      const job = (n: number) =>
        Effect.onInterrupt(
          Effect.andThen(
            Effect.sync(() => log.push(`job ${n}`)),
            Effect.never
          ),
          () => Effect.sync(() => log.push(`end ${n}`))
        )
      const layer = Worker.toLayer(
        Effect.succeed({
          message: Worker.match({
            Work: ({ n }) =>
              Subsystem.spawn(job(n), n === 0 ? {} : { leaf: hash(n === 1 ? "a" : "unknown") }),
            Total: () => Effect.void
          })
        })
      )
      const test = yield* SubsystemTest.make({ subsystem: Worker, layer })
      yield* test.activate(a)
      for (const n of [0, 1, 2]) yield* test.send(work(n))
      yield* test.idle
      assert.deepStrictEqual(log, ["job 0", "job 1"])
      yield* test.deactivate(a.hash)
      yield* test.idle
      assert.deepStrictEqual(log.slice(2), ["end 1"])
      yield* test.conclude
      assert.deepStrictEqual(log.slice(3), ["end 0"])
    })
  )

  it.effect(
    "with a concurrency it keeps obeying signals while all places are taken, and leaves messages queued",
    () =>
      Effect.gen(function* () {
        const log: Array<string> = []
        const gates = [1, 2, 3].map(() => Deferred.makeUnsafe<void>())
        const layer = Worker.toLayer(
          Effect.succeed({
            concurrency: 2,
            signal: (signal: Signal.Signal) => Effect.sync(() => log.push(signal._tag)),
            message: Worker.match({
              Work: ({ n }) =>
                Effect.andThen(
                  Effect.sync(() => log.push(`start ${n}`)),
                  Effect.andThen(
                    Deferred.await(gates[n - 1]!),
                    Effect.sync(() => log.push(`end ${n}`))
                  )
                ),
              Total: () => Effect.void
            })
          })
        )
        const test = yield* SubsystemTest.make({ subsystem: Worker, layer })
        const settle = Effect.repeat(Effect.yieldNow, { times: 20 })
        for (const n of [1, 2, 3]) yield* test.send(work(n))
        yield* settle
        yield* test.activate(a)
        yield* settle
        assert.deepStrictEqual(log, ["start 1", "start 2", "ActiveLeaves"])
        yield* Deferred.succeed(gates[1]!, undefined)
        yield* settle
        assert.deepStrictEqual(log.slice(3), ["end 2", "start 3"])
        yield* Deferred.succeed(gates[0]!, undefined)
        yield* Deferred.succeed(gates[2]!, undefined)
        yield* settle
        assert.deepStrictEqual(log.slice(5), ["end 1", "end 3"])
      })
  )

  it.effect("a full receiver suspends the sender's handler, and nobody else", () =>
    Effect.gen(function* () {
      const gate = Deferred.makeUnsafe<void>()
      let sent = 0
      const sender = Worker.toLayer(
        Effect.succeed({
          message: () =>
            Effect.andThen(
              Slow.send({ _tag: "Sum" }),
              Effect.sync(() => sent++)
            )
        })
      )
      const slow = Slow.toLayer(Effect.succeed({ message: () => Deferred.await(gate) }))
      const context = yield* Layer.build(
        Layer.mergeAll(sender, slow).pipe(Layer.provideMerge(Overseer.layerManual([Worker, Slow])))
      )
      yield* Effect.gen(function* () {
        for (let i = 0; i < 5; i++) yield* Worker.send(work(i))
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
        assert.strictEqual(sent, 2, "one is being handled, one waits")
        const meters = yield* (yield* Overseer.Overseer).meters
        assert.isAtLeast(meters.find(({ name }) => name === "test/Slow")!.lanes.bulk.blocked, 1)
        yield* Deferred.succeed(gate, undefined)
        yield* Effect.repeat(Effect.yieldNow, { times: 20 })
        assert.strictEqual(sent, 5)
      }).pipe(Effect.provide(context))
    })
  )

  it.effect("may read its mailbox by itself", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const byHand = Layer.effectDiscard(
        Effect.gen(function* () {
          const mailbox = yield* Worker
          const overseer = yield* Overseer.Overseer
          yield* overseer.run(
            Worker,
            Effect.gen(function* () {
              while (true) {
                const item = yield* mailbox.take
                seen.push(item._tag === "Message" ? item.message._tag : item.signal._tag)
                if (item._tag === "Signal" && item.signal._tag === "Conclude") return
              }
            })
          )
        })
      )
      const test = yield* SubsystemTest.make({ subsystem: Worker, layer: byHand })
      yield* test.send(work(1))
      yield* test.activate(a)
      yield* test.idle
      yield* test.conclude
      assert.deepStrictEqual(seen, ["ActiveLeaves", "Work", "Conclude"])
    })
  )
})

describe("Metrics", () => {
  it.effect("figures become metrics at every interval", () =>
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const mailbox = new Mailbox.Mailbox<number>("test/Metered", { message: 8, signal: 1, clock })
      const counts = { signals: 0, activated: 0, deactivated: 0 }
      yield* Effect.forkScoped(Metrics.exporter(counts, () => [mailbox], 950))
      for (let i = 0; i < 5; i++) yield* mailbox.send(i)
      yield* TestClock.adjust("5 millis")
      yield* mailbox.take
      const before = (yield* Metric.value(Metrics.deactivatedLeaves)).count
      counts.deactivated = 2
      for (let i = 0; i < 2; i++) mailbox.signalUnsafe(Signal.startWork(a))
      yield* Effect.forkScoped(mailbox.roomForSignals, { startImmediately: true })
      yield* TestClock.adjust("950 millis")
      const inLane = (lane: string) => ({ subsystem: "test/Metered", lane })
      const of = (metric: typeof Metrics.sent, lane: string) =>
        Effect.map(Metric.value(Metric.withAttributes(metric, inLane(lane))), ({ count }) => count)
      assert.strictEqual(yield* of(Metrics.sent, "bulk"), 5)
      assert.strictEqual(yield* of(Metrics.received, "bulk"), 1)
      assert.strictEqual(yield* of(Metrics.sent, "signal"), 2)
      assert.strictEqual(yield* of(Metrics.blocked, "signal"), 1)
      const length = Metric.withAttributes(Metrics.length, inLane("bulk"))
      assert.strictEqual((yield* Metric.value(length)).value, 4)
      const flight = yield* Metric.value(Metric.withAttributes(Metrics.flight, inLane("bulk")))
      assert.deepInclude(flight, { count: 1, sum: 0.005 })
      assert.strictEqual((yield* Metric.value(Metrics.deactivatedLeaves)).count - before, 2)
      const page = yield* PrometheusMetrics.format() // what /metrics serves
      for (const line of [
        'overseer_mailbox_sent_total{subsystem="test/Metered",lane="bulk"} 5',
        'overseer_mailbox_received_total{subsystem="test/Metered",lane="bulk"} 1',
        'overseer_mailbox_blocked_total{subsystem="test/Metered",lane="signal"} 1',
        'overseer_mailbox_length{subsystem="test/Metered",lane="bulk"} 4',
        'overseer_mailbox_flight_seconds_bucket{subsystem="test/Metered",lane="bulk",le="0.0064"} 1'
      ]) {
        assert.include(page, line)
      }
      for (let i = 0; i < 3; i++) yield* mailbox.take
      yield* TestClock.adjust("950 millis")
      assert.strictEqual(yield* of(Metrics.received, "bulk"), 2, "signals first")
      assert.strictEqual(yield* of(Metrics.received, "signal"), 2)
    })
  )
})
