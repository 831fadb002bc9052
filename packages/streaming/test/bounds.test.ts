/** Bounds at their very edge: one less is let through, one more is not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { type Messages, type ObserverApi, Subscriber } from "../src/index.ts"
import { SharedResponses } from "../src/publisher/Feed.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { commit } from "../src/testing/ObserverApiTest.ts"
import { dagOf, makeDag } from "./dag.ts"
import { publisher } from "./support/publisher.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

const start = (lastCommitIndex: number): Messages.CommitStreamRequest => ({
  command: { _tag: "Start", value: { lastCommitIndex } }
})
const stop: Messages.CommitStreamRequest = { command: { _tag: "Stop" } }

describe("a publisher's bounds", () => {
  for (const [after, kept] of [
    [9, false],
    [10, true]
  ] as const) {
    it.effect(
      `of commits 11 to 40, ${after + 1} is ${kept ? "the first that is sent" : "out of range"}`,
      () =>
        Effect.gen(function* () {
          const { api, memory } = yield* publisher({}, { maxCommits: 30 })
          for (let index = 1; index <= 40; index++) yield* memory.commit([commit(index, 8)])
          const commands = Stream.concat(Stream.make(start(after)), Stream.never)
          const first = yield* Effect.result(Stream.runHead(api.streamCommits(commands)))
          assert.strictEqual(first._tag, kept ? "Success" : "Failure")
          if (first._tag === "Failure") assert.strictEqual(first.failure.reason._tag, "OutOfRange")
        })
    )
  }

  for (const [count, flood] of [
    [50, false],
    [51, true]
  ] as const) {
    it.effect(`${count} commands at once are ${flood ? "a flood" : "let through"}`, () =>
      Effect.gen(function* () {
        const { api } = yield* publisher({ commandBurst: 50 })
        const commands = yield* Queue.unbounded<Messages.CommitStreamRequest>()
        const call = yield* Stream.runDrain(api.streamCommits(Stream.fromQueue(commands))).pipe(
          Effect.forkScoped({ startImmediately: true })
        )
        yield* Queue.offerAll(
          commands,
          Array.from({ length: count }, () => stop)
        )
        yield* TestClock.adjust(1)
        assert.strictEqual(call.pollUnsafe() !== undefined, flood)
        if (flood) assert.isTrue(Exit.isFailure(yield* Fiber.await(call)))
      })
    )
  }

  it("responses are shared up to so many bytes, the oldest go", () => {
    const shared = new SharedResponses<object>(100)
    const get = (key: string, bytes = 50) => shared.get(key, () => ({ response: { key }, bytes }))
    const [one, two] = [get("one"), get("two")]
    assert.strictEqual(get("one"), one)
    const three = get("three")
    assert.strictEqual(get("three"), three)
    assert.strictEqual(get("two"), two)
    assert.notStrictEqual(get("one"), one)
  })

  it("the newest response is kept, however large, and many thousands go as they came", () => {
    const shared = new SharedResponses<object>(100)
    const get = (key: string, bytes: number) => shared.get(key, () => ({ response: { key }, bytes }))
    for (let i = 0; i < 5000; i++) get(`${i}`, 10)
    const kept = Array.from({ length: 10 }, (_, i) => get(`${4990 + i}`, 10))
    assert.deepStrictEqual(
      kept,
      Array.from({ length: 10 }, (_, i) => ({ key: `${4990 + i}` }))
    )
    const large = get("large", 1000)
    assert.strictEqual(get("large", 1000), large)
    assert.notStrictEqual(get("4999", 10), kept[9])
  })
})

const observe = (
  committee: ReturnType<typeof makeDag>["committee"],
  api: ObserverApi.Service,
  options = {}
) =>
  Effect.provide(
    Subscriber.make([{ name: "publisher", connect: Effect.succeed(api) }], { ...quick, ...options }),
    NodeBlockVerifier.layerMysticeti({ committee })
  )

describe("a subscriber's bounds", () => {
  it.live("a boast raises the lag by no more than the lag at which commit sync starts", () =>
    Effect.gen(function* () {
      const dag = dagOf(60)
      const { api, memory } = yield* publisher({ heartbeatMs: 50 })
      for (const round of dag.rounds) {
        yield* memory.accept(round.blocks)
        yield* memory.commit([round.commit])
      }
      const boast = <R extends { readonly highestCommitIndex: number }, E>(all: Stream.Stream<R, E>) =>
        Stream.map(all, (one) => ({ ...one, highestCommitIndex: 1_000_000 }))
      const subscriber = yield* observe(dag.committee, {
        streamBlocks: (commands) => boast(api.streamBlocks(commands)),
        streamCommits: (commands) => boast(api.streamCommits(commands))
      })
      // Commits alone certify up to here: who votes for the last two is in none.
      yield* Stream.runDrain(Stream.take(subscriber.commits, 58))
      const lag = yield* subscriber.lag
      assert.isAtLeast(lag, 1)
      assert.isAtMost(lag, 50)
    }).pipe(Effect.scoped, quietly)
  )

  for (const [bad, sessions] of [
    [3, 1],
    [4, 2]
  ] as const) {
    it.effect(`of three bad blocks a minute, ${bad} are ${sessions === 1 ? "borne" : "too many"}`, () =>
      Effect.gen(function* () {
        const response = {
          blocks: Array.from({ length: bad }, () => Uint8Array.of(0xff)),
          highestCommitIndex: 0
        }
        let calls = 0
        const api: ObserverApi.Service = {
          streamBlocks: () =>
            Stream.concat(calls++ === 0 ? Stream.make(response) : Stream.empty, Stream.never),
          streamCommits: () => Stream.never
        }
        const subscriber = yield* observe(makeDag().committee, api, { maxBadBlocksPerMinute: 3 })
        yield* Stream.runDrain(subscriber.commits).pipe(Effect.forkScoped)
        yield* TestClock.adjust("2 seconds")
        const stats = yield* subscriber.stats
        assert.deepStrictEqual([stats.rejected, stats.sessions], [bad, sessions])
      }).pipe(Effect.scoped, quietly)
    )
  }
})
