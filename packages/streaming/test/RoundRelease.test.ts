import { assert, describe, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { TestClock } from "effect/testing"
import { RoundRelease } from "../src/publisher/RoundRelease.ts"
import { dagOf } from "./dag.ts"
import { publisher } from "./support/publisher.ts"

const dag = dagOf(8)
const { committee } = dag
const blockOf = (round: number, author: number) => dag.rounds[round - 1]!.blocks[author]!
const places = (
  blocks: ReadonlyArray<{ readonly ref: { readonly round: number; readonly author: number } }>
) => blocks.map(({ ref }) => `${ref.round}.${ref.author}`)

describe("live blocks released by rounds", () => {
  it("go together when their round holds a quorum, with all rounds below; later ones of these at once", () => {
    const release = new RoundRelease({ committee }, 100)
    assert.deepStrictEqual(places(release.take([blockOf(2, 0), blockOf(1, 0)], 0)), [])
    assert.deepStrictEqual(places(release.take([blockOf(2, 1), blockOf(3, 3)], 1)), [])
    assert.deepStrictEqual(places(release.take([blockOf(2, 2)], 2)), ["1.0", "2.0", "2.1", "2.2"])
    assert.deepStrictEqual(places(release.take([blockOf(1, 1), blockOf(2, 3), blockOf(3, 0)], 3)), [
      "1.1",
      "2.3"
    ])
    assert.deepStrictEqual(places(release.take([blockOf(3, 1)], 4)), ["3.3", "3.0", "3.1"])
  })

  it("count an author once", () => {
    const release = new RoundRelease({ committee }, 100)
    const other = dagOf(1, { payload: 9 }).rounds[0]!.blocks[0]!
    assert.deepStrictEqual(places(release.take([blockOf(1, 0), other, blockOf(1, 1)], 0)), [])
    assert.lengthOf(release.take([blockOf(1, 2)], 0), 4)
  })

  it("go when the first one has waited for the time, and when they are too many", () => {
    const release = new RoundRelease({ committee, timeoutMs: 50 }, 3)
    release.take([blockOf(1, 0)], 100)
    release.take([blockOf(2, 0)], 140)
    assert.deepStrictEqual(places(release.expired(149)), [])
    assert.deepStrictEqual(places(release.expired(150)), ["1.0", "2.0"])
    assert.deepStrictEqual(places(release.expired(1000)), [])
    const few = [blockOf(3, 0), blockOf(4, 0), blockOf(5, 0)]
    assert.deepStrictEqual(release.take(few, 0), [])
    assert.deepStrictEqual(places(release.take([blockOf(6, 0)], 0)), ["3.0", "4.0", "5.0", "6.0"])
  })

  it.effect("reach subscribers of a publisher so, and nothing is lost", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher({
        release: { committee, timeoutMs: 200 },
        heartbeatMs: 1_000_000
      })
      const names = new Map(
        dag.rounds.flatMap(({ blocks }) =>
          blocks.map(({ bytes, ref }) => [bytes, `${ref.round}.${ref.author}`])
        )
      )
      const seen: Array<string | undefined> = []
      const start = { command: { _tag: "Start", value: { highestRoundPerAuthority: [] } } } as const
      yield* Stream.runForEach(
        api.streamBlocks(Stream.concat(Stream.succeed(start), Stream.never)),
        ({ blocks }) => Effect.sync(() => void seen.push(...blocks.map((bytes) => names.get(bytes))))
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      /** Time passes, and what is under way arrives. */
      const pass = (ms: number) =>
        Effect.andThen(
          TestClock.adjust(ms),
          Effect.forEach(Array.from({ length: 50 }), () => Effect.yieldNow, { discard: true })
        )
      yield* pass(10)
      yield* memory.accept([blockOf(1, 0), blockOf(1, 1)])
      yield* pass(100)
      assert.deepStrictEqual(seen, [])
      yield* memory.accept([blockOf(1, 2)])
      yield* pass(10)
      assert.deepStrictEqual(seen, ["1.0", "1.1", "1.2"])
      yield* memory.accept([blockOf(1, 3), blockOf(2, 0)])
      yield* pass(10)
      assert.deepStrictEqual(seen.slice(3), ["1.3"])
      yield* pass(300)
      assert.deepStrictEqual(seen.slice(3), ["1.3", "2.0"])
    }).pipe(Effect.scoped)
  )
})
