/** Responses at the tip that a transport takes by itself, beside the stream. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Messages, type ObserverApi } from "../src/index.ts"
import { ObserverError, ResourceExhausted } from "../src/ObserverError.ts"
import { block, commit } from "../src/testing/ObserverApiTest.ts"
import { publisher } from "./support/publisher.ts"

type Response = Messages.BlockStreamResponse
const start: Messages.BlockStreamRequest = {
  command: { _tag: "Start", value: { highestRoundPerAuthority: [] } }
}
const firstBytes = ({ blocks }: Response) => blocks.map((bytes) => bytes[0]!)

/** Follows a publisher; what came by which way is noted in the order in which it came. */
const follow = Effect.fnUntraced(function* (
  api: ObserverApi.Service,
  taking: (responses: ReadonlyArray<Response>) => Effect.Effect<void, ObserverError>
) {
  const seen: Array<string> = []
  const commands = yield* Queue.unbounded<Messages.BlockStreamRequest>()
  yield* Queue.offer(commands, start)
  const note = (way: string, responses: ReadonlyArray<Response>) => {
    for (const byte of responses.flatMap(firstBytes)) seen.push(`${way} ${byte.toString(16)}`)
  }
  const fiber = yield* Stream.runForEachArray(
    api.streamBlocks(Stream.fromQueue(commands), (responses) => {
      note("delivered", responses)
      return taking(responses)
    }),
    (responses) => Effect.sync(() => note("streamed", responses))
  ).pipe(Effect.forkScoped({ startImmediately: true }))
  yield* TestClock.adjust(1)
  return { seen, fiber }
})

describe("Publisher that delivers", () => {
  it.effect("history comes through the stream, what is new is delivered, in one order", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      yield* memory.accept([block(1, 0), block(1, 1)])
      const { seen } = yield* follow(api, () => Effect.void)
      for (const round of [2, 3]) yield* memory.accept([block(round, 0), block(round, 1)])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(seen, [
        "streamed 10",
        "streamed 11",
        "delivered 20",
        "delivered 21",
        "delivered 30",
        "delivered 31"
      ])
    })
  )

  it.effect("heartbeats are delivered", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const indices: Array<number> = []
      yield* follow(api, (all) =>
        Effect.sync(() => indices.push(...all.map(({ highestCommitIndex }) => highestCommitIndex)))
      ).pipe(Effect.asVoid)
      // An effect that is not done yet is awaited like any other.
      yield* memory.commit([commit(1)])
      yield* TestClock.adjust("3 seconds")
      assert.isAtLeast(indices.length, 2)
      assert.deepStrictEqual(new Set(indices), new Set([1]))
    })
  )

  it.effect("while a delivery is under way nothing else is delivered; then nothing is lost", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const gate = yield* Deferred.make<void>()
      const { seen } = yield* follow(api, () => Deferred.await(gate))
      yield* memory.accept([block(1, 0)])
      yield* memory.accept([block(2, 0)])
      yield* TestClock.adjust("5 seconds")
      assert.deepStrictEqual(seen, ["delivered 10"])
      yield* Deferred.succeed(gate, undefined)
      yield* TestClock.adjust(1)
      yield* memory.accept([block(3, 0)])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(seen, ["delivered 10", "streamed 20", "delivered 30"])
    })
  )

  it.effect("a delivery that fails ends its stream, one that throws too, and nobody else's", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const slow = new ObserverError({
        where: "test",
        reason: new ResourceExhausted({ why: "slow" })
      })
      const failing = yield* follow(api, () => Effect.fail(slow))
      const throwing = yield* follow(api, () => {
        throw new Error("broken transport")
      })
      const fine = yield* follow(api, () => Effect.void)
      yield* memory.accept([block(1, 0)])
      yield* memory.accept([block(2, 0)])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(yield* Fiber.await(failing.fiber), Exit.fail(slow))
      const thrown = yield* Fiber.await(throwing.fiber)
      assert.isTrue(Exit.isFailure(thrown) && Exit.hasDies(thrown))
      assert.deepStrictEqual(failing.seen, ["delivered 10"])
      assert.deepStrictEqual(throwing.seen, ["delivered 10"])
      assert.deepStrictEqual(fine.seen, ["delivered 10", "delivered 20"])
    })
  )

  it.effect("nothing is delivered to a stream that was left", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const { fiber, seen } = yield* follow(api, () => Effect.void)
      yield* memory.accept([block(1, 0)])
      yield* Fiber.interrupt(fiber)
      yield* memory.accept([block(2, 0)])
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(seen, ["delivered 10"])
    })
  )
})
