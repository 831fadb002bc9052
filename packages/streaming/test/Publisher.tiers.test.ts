import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { Messages } from "../src/index.ts"
import { block, commit } from "../src/testing/ObserverApiTest.ts"
import { publisher } from "./support/publisher.ts"

/** observer-streaming, "Batching Strategy": items behind, and the most of them in one response. */
const tiers: ReadonlyArray<readonly [behind: number, most: number]> = [
  [1, 1],
  [10, 1],
  [11, 5],
  [100, 5],
  [101, 20],
  [1000, 20],
  [1001, 100]
]
const range = (count: number) => Array.from({ length: count }, (_, i) => i + 1)

describe("the first response to a subscriber that is behind", () => {
  for (const [behind, most] of tiers) {
    it.effect(`${behind} commits: ${most}`, () =>
      Effect.gen(function* () {
        const { api, memory } = yield* publisher()
        const before = 7
        yield* memory.commit(range(before + behind).map((index) => commit(index, 8)))
        const start = { command: { _tag: "Start", value: { lastCommitIndex: before } } } as const
        const seen = yield* firstOf(api.streamCommits(Stream.concat(Stream.make(start), Stream.never)))
        assert.strictEqual(seen.commits.length, most)
      })
    )

    it.effect(`${behind} blocks: ${most}`, () =>
      Effect.gen(function* () {
        const { api, memory } = yield* publisher()
        yield* memory.accept(range(behind).map((round) => block(round, 0, 8)))
        const start: Messages.BlockStreamRequest = {
          command: { _tag: "Start", value: { highestRoundPerAuthority: [] } }
        }
        const seen = yield* firstOf(api.streamBlocks(Stream.concat(Stream.make(start), Stream.never)))
        assert.strictEqual(seen.blocks.length, most)
      })
    )
  }
})

/** The first response of a stream that has been started. */
const firstOf = <A, E>(stream: Stream.Stream<A, E>) =>
  Effect.gen(function* () {
    const responses = yield* Queue.unbounded<A>()
    yield* Stream.runForEach(stream, (one) => Queue.offer(responses, one)).pipe(
      Effect.forkScoped({ startImmediately: true })
    )
    yield* TestClock.adjust(1)
    return yield* Queue.take(responses)
  })
