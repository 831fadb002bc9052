import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option, Ref, Stream } from "effect"
import { TestClock } from "effect/testing"
import { L1 } from "../src/index.ts"
import { makeL1 } from "./world.ts"

const summary = (change: L1.L1Change) =>
  change._tag === "Latest"
    ? `latest ${change.block.number}${change.reorg ? " reorg" : ""}`
    : `final ${change.block.number}`

describe("L1", () => {
  it.effect("polls, tells reorganisations and finality, and gates by depth", () =>
    Effect.gen(function* () {
      const l1 = makeL1()
      const service = yield* L1.make(l1.source)
      const seen = yield* Effect.forkChild(
        service.changes.pipe(Stream.take(10), Stream.map(summary), Stream.runCollect),
        {
          startImmediately: true
        }
      )
      assert.isTrue(Option.isNone(yield* service.blockByNumber(0)))
      yield* TestClock.adjust("1 millis")
      l1.mine(1)
      yield* TestClock.adjust("3 seconds")
      l1.mine(2)
      l1.finalize(1)
      yield* TestClock.adjust("3 seconds")
      assert.isTrue(Option.isSome(yield* service.blockByNumber(1)))
      assert.isTrue(Option.isNone(yield* service.blockByNumber(2)))
      assert.isTrue(Option.isSome(yield* service.blockByHash(l1.blocks[3]!.hash)))
      l1.fork(2, 2, "fork")
      yield* TestClock.adjust("3 seconds")
      yield* TestClock.adjust("6 seconds")
      assert.deepStrictEqual(yield* Fiber.join(seen), [
        "latest 0 reorg",
        "final 0",
        "latest 1",
        "final 0",
        // A block was skipped, so that nobody can tell whether the chain is the same.
        "latest 3 reorg",
        "final 1",
        "latest 4 reorg",
        "final 1",
        "final 1",
        "final 1"
      ])
      assert.strictEqual(Option.getOrThrow(yield* service.latest).number, 4)
    })
  )

  it.effect("a subscriber hears the present first", () =>
    Effect.gen(function* () {
      const l1 = makeL1()
      l1.mine(3)
      const service = yield* L1.make(l1.source)
      yield* TestClock.adjust("4 seconds")
      const first = yield* service.changes.pipe(Stream.take(2), Stream.map(summary), Stream.runCollect)
      assert.deepStrictEqual(first, ["latest 3 reorg", "final 0"])
    })
  )

  it.effect("an unreachable L1 is asked again, more and more rarely", () =>
    Effect.gen(function* () {
      const l1 = makeL1()
      const polls = yield* Ref.make(0)
      const down = yield* Ref.make(true)
      const latest = Effect.gen(function* () {
        yield* Ref.update(polls, (n) => n + 1)
        if (yield* Ref.get(down))
          return yield* new L1.L1Error({ method: "latest", why: "connection refused" })
        return yield* l1.source.latest
      })
      const service = yield* L1.make({ ...l1.source, latest })
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Ref.get(polls), 3)
      yield* TestClock.adjust("10 minutes")
      assert.isAtMost(yield* Ref.get(polls), 25)
      yield* Ref.set(down, false)
      yield* TestClock.adjust("30 seconds")
      assert.strictEqual(Option.getOrThrow(yield* service.latest).number, 0)
    })
  )

  it.effect("a question that is never answered is a failure", () =>
    Effect.gen(function* () {
      const l1 = makeL1()
      l1.mine(5)
      const service = yield* L1.make({ ...l1.source, blockByNumber: () => Effect.never })
      yield* TestClock.adjust("1 millis")
      const fiber = yield* Effect.forkChild(Effect.flip(service.blockByNumber(1)))
      yield* TestClock.adjust("10 seconds")
      assert.include((yield* Fiber.join(fiber)).message, "no answer within 10000 ms")
    })
  )
})
