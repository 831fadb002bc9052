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
      const mailbox = new Mailbox.Mailbox<string>("test")
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
      const mailbox = new Mailbox.Mailbox<string>("test", { message: 1, signal: 1 })
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

  it.effect("times one message in twenty, the first included", () =>
    Effect.gen(function* () {
      let now = 1000
      const mailbox = new Mailbox.Mailbox<number>("test", {}, { currentTimeMillisUnsafe: () => now })
      for (let i = 0; i < 41; i++) yield* mailbox.send(i)
      now = 1250
      drain(mailbox)
      assert.deepStrictEqual(mailbox.takeFlightsUnsafe(), [250, 250, 250])
      assert.deepStrictEqual(mailbox.takeFlightsUnsafe(), [])
    })
  )
})
