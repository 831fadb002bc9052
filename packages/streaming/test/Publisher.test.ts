import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Messages, type ObserverApi } from "../src/index.ts"
import { block, commit } from "../src/testing/ObserverApiTest.ts"
import { publisher } from "./support/publisher.ts"

const start = (...rounds: ReadonlyArray<number>): Messages.BlockStreamRequest => ({
  command: { _tag: "Start", value: { highestRoundPerAuthority: rounds } }
})
const open = Effect.fnUntraced(function* (api: ObserverApi.Service) {
  const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
  const responses = yield* Queue.unbounded<Messages.BlockStreamResponse>()
  yield* Stream.runForEach(api.streamBlocks(Stream.fromQueue(commands)), (one) =>
    Queue.offer(responses, one)
  ).pipe(Effect.forkScoped({ startImmediately: true }))
  return {
    commands,
    responses,
    seen: Effect.map(Queue.takeAll(responses), (all) => all.flatMap(firstBytes))
  }
})
const firstBytes = ({ blocks }: Messages.BlockStreamResponse) => blocks.map((bytes) => bytes[0]!)
const idle = Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow)

describe("Publisher", () => {
  it.effect("P1: says nothing before a start, not even heartbeats", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const { responses } = yield* open(api)
      yield* memory.accept([block(1, 1)])
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Queue.size(responses), 0)
    })
  )

  it.effect("P14: an idle stream gets a heartbeat per second, with the index of the moment", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const { commands, responses } = yield* open(api)
      yield* Queue.offer(commands, start())
      yield* TestClock.adjust("3500 millis")
      yield* memory.commit([commit(1)])
      yield* TestClock.adjust("1 second")
      const all = yield* Queue.takeAll(responses)
      assert.deepStrictEqual(
        all.map(({ highestCommitIndex }) => highestCommitIndex),
        [0, 0, 0, 0, 1]
      )
    })
  )

  for (const live of [false, true]) {
    it.effect(`P19: a ${live ? "live " : ""}batch is shared only by those who want the same blocks`, () =>
      Effect.gen(function* () {
        const { api, memory } = yield* publisher()
        const three = [1, 2, 3].flatMap((round) => [0, 1, 2, 3].map((author) => block(round, author)))
        if (!live) yield* memory.accept(three)
        // Their first batches begin and end alike, and have the same length.
        const [one, two] = [yield* open(api), yield* open(api)]
        yield* Queue.offer(one.commands, start(0, 1, 0, 0))
        yield* Queue.offer(two.commands, start(0, 0, 1, 0))
        yield* TestClock.adjust(1)
        if (live) yield* memory.accept(three)
        yield* TestClock.adjust(1)
        const all = three.map(({ bytes }) => bytes[0]!)
        assert.deepStrictEqual(
          yield* one.seen,
          all.filter((byte) => byte !== 0x11)
        )
        assert.deepStrictEqual(
          yield* two.seen,
          all.filter((byte) => byte !== 0x12)
        )
      })
    )
  }

  it.effect("P7: blocks at or below the garbage collection round are never sent", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher({}, { gcDepth: 2 })
      for (const round of [1, 2, 3, 4]) yield* memory.accept([block(round, 0)])
      yield* memory.commit([1, 2, 3, 4].map((index) => commit(index)))
      const { commands, seen } = yield* open(api)
      yield* Queue.offer(commands, start())
      yield* TestClock.adjust(1)
      yield* memory.accept([block(2, 3), block(5, 0)])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* seen, [0x30, 0x40, 0x50])
    })
  )

  it.effect("a subscriber that falls off the live ring goes back to history and misses nothing", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher({ ringBlocks: 4, pageBlocks: 3 })
      const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
      yield* Queue.offer(commands, start())
      const pull = yield* Stream.toPull(api.streamBlocks(Stream.fromQueue(commands)))
      yield* pull
      for (let round = 1; round <= 6; round++)
        yield* memory.accept([0, 1, 2, 3].map((author) => block(round, author)))
      yield* idle
      const seen: Array<number> = []
      while (seen.length < 24) seen.push(...(yield* pull).flatMap(firstBytes))
      assert.deepStrictEqual(
        seen,
        Array.from({ length: 24 }, (_, i) => 16 * (1 + Math.floor(i / 4)) + (i % 4))
      )
    })
  )

  it.effect("P5: what is accepted while the backlog is sent comes once, neither lost nor twice", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher({ pageBlocks: 2 })
      for (let round = 1; round <= 3; round++)
        yield* memory.accept([0, 1, 2, 3].map((author) => block(round, author)))
      const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
      yield* Queue.offer(commands, start())
      const pull = yield* Stream.toPull(api.streamBlocks(Stream.fromQueue(commands)))
      const seen: Array<number> = []
      for (let round = 4; seen.length < 32;) {
        seen.push(...(yield* pull).flatMap(firstBytes))
        if (round > 8) continue
        yield* memory.accept([0, 1, 2, 3].map((author) => block(round, author)))
        round++
        yield* idle
      }
      assert.strictEqual(new Set(seen).size, seen.length)
      assert.strictEqual(seen.length, 32)
      const after = yield* Effect.forkChild(pull, { startImmediately: true })
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual((yield* Fiber.join(after))[0].blocks, [])
    })
  )

  it.effect("P9: of several commands that wait only the last one counts", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      for (let round = 1; round <= 3; round++) yield* memory.accept([block(round, 0)])
      const { commands, seen } = yield* open(api)
      yield* Queue.offerAll(commands, [
        start(0, 0, 0, 0),
        { command: { _tag: "Stop" } },
        { command: null },
        start(2, 0, 0, 0)
      ])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* seen, [0x30])
    })
  )

  it.effect("subscribers at the same place are given the same object", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const calls = yield* Effect.all([open(api), open(api)])
      for (const { commands } of calls) yield* Queue.offer(commands, start())
      yield* TestClock.adjust(1)
      for (const { responses } of calls) yield* Queue.takeAll(responses)
      yield* memory.accept([block(1, 1)])
      yield* TestClock.adjust(1)
      const [one, two] = yield* Effect.all(calls.map(({ responses }) => Queue.take(responses)))
      assert.strictEqual(one!.blocks.length, 1)
      assert.strictEqual(one, two)
    })
  )

  it.effect("P23: when it goes away, its streams fail with Unavailable", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const { api } = yield* Scope.provide(publisher(), scope)
      const pull = yield* Stream.toPull(api.streamBlocks(Stream.make(start())))
      yield* pull
      yield* Scope.close(scope, Exit.void)
      const error = yield* Effect.flip(pull)
      assert.include(String(error), "shutting down")
    })
  )
})
