import { assert, describe, it } from "@effect/vitest"
import { Mailbox, OverseerError, Signal } from "@ephor/overseer"
import { Cause, Deferred, Effect, Exit, Fiber } from "effect"
import { hash } from "./fixtures.ts"

const signal = (n: number) => Signal.blockFinalized(hash(`${n}`), n)

/** Everything that waits, in the order in which a reader gets it. */
const drain = (mailbox: Mailbox.Mailbox<any>) => {
  const out: Array<string> = []
  for (let item = mailbox.nextUnsafe(); item !== undefined; item = mailbox.nextUnsafe()) {
    out.push(
      item._tag === "Message" ? `${item.message}` : `s${(item.signal as Signal.BlockFinalized).number}`
    )
  }
  return out
}

describe("Mailbox", () => {
  it.effect("gives signals, then what never waits, then priority, then bulk, each in order", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { priority: true })
      yield* mailbox.send("m1")
      yield* mailbox.sendPriority("p1")
      yield* mailbox.sendNow("n1")
      yield* mailbox.send("m2")
      yield* mailbox.sendPriority("p2")
      yield* mailbox.sendNow("n2")
      mailbox.signalUnsafe(signal(1))
      mailbox.signalUnsafe(signal(2))
      assert.deepStrictEqual(drain(mailbox), ["s1", "s2", "n1", "n2", "p1", "p2", "m1", "m2"])
    })
  )

  it.effect("suspends senders while a lane is full, and lets them in one by one, in order", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 2 })
      const senders = yield* Effect.forkChild(
        Effect.forEach(["1", "2", "3", "4"], (m) => mailbox.send(m), {
          concurrency: "unbounded",
          discard: true
        }),
        { startImmediately: true }
      )
      yield* Effect.yieldNow
      assert.isUndefined(senders.pollUnsafe())
      assert.strictEqual(mailbox.length, 2)
      assert.deepStrictEqual(mailbox.meters.bulk, { sent: 2, received: 0, blocked: 2, length: 2 })
      assert.deepStrictEqual(yield* mailbox.take, { _tag: "Message", message: "1" })
      assert.strictEqual(mailbox.length, 2, "the first in line took the room")
      assert.deepStrictEqual(drain(mailbox), ["2", "3", "4"])
      yield* Fiber.join(senders)
      assert.deepStrictEqual(mailbox.meters.bulk, { sent: 4, received: 4, blocked: 2, length: 0 })
    })
  )

  it.effect("a full bulk lane stops neither signals nor priority nor sendNow", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 1, signal: 1, priority: true })
      assert.isTrue(yield* mailbox.trySend("m"))
      assert.isFalse(yield* mailbox.trySend("no room"))
      assert.isTrue(yield* mailbox.trySendPriority("p"))
      assert.isFalse(yield* mailbox.trySendPriority("no room"))
      for (let i = 0; i < 5000; i++) yield* mailbox.sendNow(`n${i}`)
      mailbox.signalUnsafe(signal(1))
      const all = drain(mailbox)
      assert.strictEqual(all.length, 5003)
      assert.deepStrictEqual([...all.slice(0, 2), ...all.slice(-2)], ["s1", "n0", "p", "m"])
    })
  )

  it.effect("an interrupted sender sends nothing", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 1 })
      yield* mailbox.send("1")
      const waiting = yield* Effect.forkChild(mailbox.send("2"), { startImmediately: true })
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(drain(mailbox), ["1"])
    })
  )

  it.effect("a saturated reader takes signals and leaves messages", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test")
      yield* mailbox.send("m")
      const reader = yield* Effect.forkChild(mailbox.takeSignal, { startImmediately: true })
      assert.isUndefined(reader.pollUnsafe())
      mailbox.signalUnsafe(Signal.conclude)
      assert.deepStrictEqual(yield* Fiber.join(reader), Signal.conclude)
      assert.strictEqual(mailbox.length, 1)
    })
  )

  it.effect("answers travel in the message", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<{ readonly n: number; readonly reply: Deferred.Deferred<number> }>(
        "test"
      )
      const asker = yield* Effect.forkChild(mailbox.ask<number>((reply) => ({ n: 21, reply })))
      const item = yield* mailbox.take
      if (item._tag === "Message") yield* Deferred.succeed(item.message.reply, item.message.n * 2)
      assert.strictEqual(yield* Fiber.join(asker), 42)
    })
  )

  it.effect("who asks somebody that ends is told so, and an answer that comes late hurts nobody", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<Deferred.Deferred<number>>("acme/Oracle")
      const asker = yield* Effect.forkChild(
        mailbox.ask<number>((reply) => reply),
        { startImmediately: true }
      )
      const item = yield* mailbox.take
      mailbox.closeUnsafe()
      const exit = yield* Fiber.await(asker)
      assert.isTrue(Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof OverseerError)
      assert.include(String(Exit.isFailure(exit) && Cause.squash(exit.cause)), "acme/Oracle has ended")
      if (item._tag === "Message") assert.isFalse(yield* Deferred.succeed(item.message, 1))
      assert.isTrue(Exit.isFailure(yield* Effect.exit(mailbox.ask<number>((reply) => reply))))
    })
  )

  it.effect("closing drops what waits and lets blocked senders go", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 1 })
      yield* mailbox.send("1")
      const waiting = yield* Effect.forkChild(mailbox.send("2"), { startImmediately: true })
      mailbox.closeUnsafe()
      yield* Fiber.join(waiting)
      yield* mailbox.send("3")
      yield* mailbox.sendNow("4")
      assert.isFalse(yield* mailbox.trySend("5"))
      assert.deepStrictEqual(drain(mailbox), [])
    })
  )

  it.effect("times one message in twenty, the first included, and keeps the last hundred", () =>
    Effect.gen(function* () {
      let now = 1_000_000n
      const clock = { monotonicTimeNanosUnsafe: () => now }
      const mailbox = new Mailbox.Mailbox<number>("test", { message: 10_000, clock })
      for (let i = 0; i < 41; i++) yield* mailbox.send(i)
      now += 250_000n
      drain(mailbox)
      assert.deepStrictEqual(mailbox.takeFlightsUnsafe("bulk"), [0.25, 0.25, 0.25])
      assert.deepStrictEqual(mailbox.takeFlightsUnsafe("bulk"), [])
      for (let i = 0; i < 3000; i++) yield* mailbox.send(i)
      drain(mailbox)
      assert.lengthOf(mailbox.takeFlightsUnsafe("bulk"), 100)
    })
  )

  it.effect("without a priority lane, what is sent with priority goes to the bulk lane", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 2 })
      yield* mailbox.send("m")
      yield* mailbox.sendPriority("p")
      assert.isFalse(yield* mailbox.trySendPriority("no room"))
      assert.deepStrictEqual(mailbox.meters.priority, { sent: 0, received: 0, blocked: 0, length: 0 })
      assert.deepStrictEqual(drain(mailbox), ["m", "p"])
    })
  )

  it.effect("of 100 000 messages to a reader that stalls it holds its capacity, and the sender waits", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<number>("test")
      let sent = 0
      const sender = yield* Effect.forkChild(
        Effect.gen(function* () {
          for (; sent < 100_000; sent++) yield* mailbox.send(sent)
        })
      )
      while (mailbox.meters.bulk.blocked === 0) yield* Effect.yieldNow
      yield* Effect.repeat(Effect.yieldNow, { times: 100 })
      assert.deepStrictEqual([sent, mailbox.length], [2048, 2048])
      for (let i = 0; i < 100_000; i++) {
        const item = yield* mailbox.take
        if (item._tag !== "Message" || item.message !== i) assert.fail(`${i} is missing`)
        if (mailbox.length > 2048) assert.fail("holds more than its capacity")
      }
      yield* Fiber.join(sender)
      assert.strictEqual(mailbox.meters.bulk.received, 100_000)
    })
  )

  it.effect("a parked reader does without its fiber what its step can do, and lets it do the rest", () =>
    Effect.gen(function* () {
      const mailbox = new Mailbox.Mailbox<string>("test")
      const log: Array<string> = []
      const step = () => {
        for (let item = mailbox.nextUnsafe(); item !== undefined; item = mailbox.nextUnsafe()) {
          const text = item._tag === "Message" ? item.message : ""
          if (text.startsWith("fiber")) return Effect.sync(() => log.push(text))
          if (text === "throw") throw new Error("step")
          log.push(text)
        }
        return undefined
      }
      const first = yield* Effect.forkChild(mailbox.park(step), { startImmediately: true })
      for (const text of ["1", "2", "fiber 3", "4"]) yield* mailbox.send(text)
      assert.deepStrictEqual(log, [], "nothing happens in the turn of the sender")
      yield* Fiber.join(first)
      assert.deepStrictEqual(log, ["1", "2", "fiber 3"])
      const second = yield* Effect.forkChild(mailbox.park(step), { startImmediately: true })
      assert.deepStrictEqual(log.slice(3), ["4"], "what waits already is taken at once")
      yield* Fiber.interrupt(second)
      yield* mailbox.send("5")
      yield* Effect.repeat(Effect.yieldNow, { times: 5 })
      assert.strictEqual(mailbox.length, 1, "who was interrupted takes nothing")
      yield* mailbox.send("throw")
      const exit = yield* Effect.exit(mailbox.park(step))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
    })
  )
})
