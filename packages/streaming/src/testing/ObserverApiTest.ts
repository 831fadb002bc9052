/**
 * What every carrier of the observer protocol must do, as a suite: `ObserverApiTest.suite("mine", layer)` inside a
 * vitest file proves a transport. The layer gives the far end of a `Publisher` over the source that the suite provides.
 */
import { assert, describe, it } from "@effect/vitest"
import type { CommittedSubDag } from "@ephor/types"
import { Effect, Layer, Queue, type Scope, Stream } from "effect"
import { BlockSource, makeMemory, type Memory, type SourceBlock } from "../BlockSource.ts"
import type { BlockStreamRequest, CommitStreamRequest } from "../Messages.ts"
import * as ObserverApi from "../ObserverApi.ts"

const committeeSize = 4
const hash = (text: string): `0x${string}` => `0x${text.padStart(64, "0")}`

/** A block that only looks like one: transports do not look inside. */
export const block = (round: number, author: number, bytes = 40): SourceBlock => ({
  ref: { round, author, digest: hash(`${round.toString(16)}b${author}`) },
  bytes: new Uint8Array(bytes).fill(round * 16 + author)
})
/** A commit of two blocks. */
export const commit = (commitIndex: number, bytes = 40): CommittedSubDag => {
  const blocks = [block(commitIndex, 0, bytes), block(commitIndex, 1, bytes)]
  return {
    commitIndex,
    leader: blocks[1]!.ref,
    blocks: blocks.map((one) => one.bytes),
    timestampMs: commitIndex * 1000
  }
}
const rounds = (from: number, to: number): ReadonlyArray<SourceBlock> =>
  Array.from({ length: to - from + 1 }, (_, i) =>
    [0, 1, 2, 3].map((author) => block(from + i, author))
  ).flat()
const commits = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => commit(from + i))

/** A started call: responses are taken one at a time. */
const open = <Request, Response, E>(
  method: (commands: Stream.Stream<Request>) => Stream.Stream<Response, E>,
  ...first: ReadonlyArray<Request>
) =>
  Effect.gen(function* () {
    const commands = yield* Queue.unbounded<Request>()
    yield* Queue.offerAll(commands, first)
    const pull = yield* Stream.toPull(method(Stream.fromQueue(commands)))
    let waiting: ReadonlyArray<Response> = []
    const next = Effect.gen(function* () {
      if (waiting.length === 0) waiting = yield* pull
      const [response, ...rest] = waiting
      waiting = rest
      return response!
    })
    return { send: (request: Request) => Queue.offer(commands, request), next }
  })

const startBlocks = (highestRoundPerAuthority: ReadonlyArray<number>): BlockStreamRequest => ({
  command: { _tag: "Start", value: { highestRoundPerAuthority } }
})
const startCommits = (lastCommitIndex: number): CommitStreamRequest => ({
  command: { _tag: "Start", value: { lastCommitIndex } }
})
const stop = { command: { _tag: "Stop" } } as const

type Body = (api: ObserverApi.Service, memory: Memory) => Effect.Effect<void, unknown, Scope.Scope>

const rows: ReadonlyArray<readonly [title: string, body: Body]> = [
  [
    "P3, P4: the backlog above the given rounds comes in order, then live blocks as they are accepted",
    Effect.fnUntraced(function* (api, memory) {
      yield* memory.accept(rounds(1, 3))
      const call = yield* open(api.streamBlocks, startBlocks([2, 3, 3, 1]))
      const seen: Array<number> = []
      while (seen.length < 3) seen.push(...(yield* call.next).blocks.map((bytes) => bytes[0]!))
      assert.deepStrictEqual(seen, [0x23, 0x30, 0x33])
      yield* memory.accept([block(4, 2), block(4, 1)])
      while (seen.length < 5) seen.push(...(yield* call.next).blocks.map((bytes) => bytes[0]!))
      assert.deepStrictEqual(seen.slice(3), [0x42, 0x41])
    })
  ],
  [
    "P8: a start is answered at once even if there is nothing to send",
    Effect.fnUntraced(function* (api, memory) {
      yield* memory.commit(commits(1, 7))
      const blocks = yield* open(api.streamBlocks, startBlocks([]))
      assert.deepStrictEqual(yield* blocks.next, { blocks: [], highestCommitIndex: 7 })
      const ahead = yield* open(api.streamCommits, startCommits(100))
      assert.deepStrictEqual(yield* ahead.next, { commits: [], highestCommitIndex: 7 })
    })
  ],
  [
    "P11: commits come without a gap, in larger batches to who is further behind, then as they happen",
    Effect.fnUntraced(function* (api, memory) {
      yield* memory.commit(commits(1, 150))
      const call = yield* open(api.streamCommits, startCommits(10))
      const sizes: Array<number> = []
      let next = 11
      while (next <= 150) {
        const response = yield* call.next
        for (const one of response.commits) assert.deepStrictEqual(one, commit(next++))
        assert.strictEqual(response.highestCommitIndex, 150)
        sizes.push(response.commits.length)
      }
      assert.deepStrictEqual(sizes.slice(0, 3), [20, 20, 5])
      assert.strictEqual(sizes.at(-1), 1)
      yield* memory.commit(commits(151, 151))
      let live = yield* call.next
      while (live.commits.length === 0) live = yield* call.next
      assert.deepStrictEqual(live.commits, [commit(151)])
    })
  ],
  [
    "P9: a second start repositions",
    Effect.fnUntraced(function* (api, memory) {
      yield* memory.commit(commits(1, 5))
      const call = yield* open(api.streamCommits, startCommits(4))
      assert.strictEqual((yield* call.next).commits[0]!.commitIndex, 5)
      yield* call.send(startCommits(1))
      let response = yield* call.next
      while (response.commits.length === 0) response = yield* call.next
      assert.strictEqual(response.commits[0]!.commitIndex, 2)
    })
  ],
  [
    "P10: after a stop nothing new comes until the next start",
    Effect.fnUntraced(function* (api, memory) {
      const call = yield* open(api.streamBlocks, startBlocks([]))
      yield* call.next
      yield* call.send(stop)
      yield* Effect.sleep("50 millis")
      yield* memory.accept(rounds(1, 1))
      const early = yield* Effect.timeoutOption(call.next, "100 millis")
      assert.strictEqual(early._tag, "None")
    })
  ],
  [
    "a wrong number of rounds ends the call with InvalidArgument, and only this call",
    Effect.fnUntraced(function* (api, memory) {
      yield* memory.accept(rounds(1, 1))
      const good = yield* open(api.streamBlocks, startBlocks([]))
      const bad = yield* open(api.streamBlocks, startBlocks([1, 2]))
      const error = yield* Effect.flip(bad.next)
      assert.include(String(error), "highest_round_per_authority has 2 entries, the committee has 4")
      assert.strictEqual(reasonOf(error), "InvalidArgument")
      assert.isAbove((yield* good.next).blocks.length, 0)
    })
  ],
  [
    "P18: the end of the commands is not a stop",
    Effect.fnUntraced(function* (api, memory) {
      const pull = yield* Stream.toPull(api.streamBlocks(Stream.make(startBlocks([]))))
      yield* pull
      yield* Effect.sleep("20 millis")
      yield* memory.accept([block(1, 1)])
      let [response] = yield* pull
      while (response.blocks.length === 0) [response] = yield* pull
      assert.deepStrictEqual(response.blocks, [block(1, 1).bytes])
    })
  ],
  [
    "a large block arrives whole, alone in its batch",
    Effect.fnUntraced(function* (api, memory) {
      const large = block(2, 0, 5 * 1024 * 1024)
      yield* memory.accept([...rounds(1, 1), large, block(2, 1)])
      const call = yield* open(api.streamBlocks, startBlocks([]))
      for (;;) {
        const { blocks } = yield* call.next
        const found = blocks.find((bytes) => bytes.length === large.bytes.length)
        if (found === undefined) continue
        assert.strictEqual(blocks.length, 1)
        assert.isTrue(found.every((byte) => byte === 0x20))
        return
      }
    })
  ]
]

const reasonOf = (error: unknown): unknown =>
  typeof error === "object" && error !== null && "reason" in error
    ? (error.reason as { _tag: string })._tag
    : undefined

const outOfRange: Body = Effect.fnUntraced(function* (api, memory) {
  yield* memory.commit(commits(1, 30))
  const call = yield* open(api.streamCommits, startCommits(3))
  const error = yield* Effect.flip(call.next)
  const { _tag, earliest, latest } = (
    error as { reason: { _tag: string; earliest?: number; latest?: number } }
  ).reason
  assert.deepStrictEqual([_tag, earliest, latest], ["OutOfRange", 21, 30])
  const edge = yield* open(api.streamCommits, startCommits(20))
  assert.strictEqual((yield* edge.next).commits[0]!.commitIndex, 21)
})

/** Declares the tests. The layer is built anew for each of them. */
export const suite = <E>(name: string, layer: Layer.Layer<ObserverApi.ObserverApi, E, BlockSource>): void => {
  const check = (title: string, body: Body, maxCommits?: number) =>
    it.live(title, () =>
      Effect.gen(function* () {
        const memory = yield* makeMemory({
          committeeSize,
          ...(maxCommits === undefined ? {} : { maxCommits })
        })
        const source = Layer.succeed(BlockSource, memory.source)
        yield* Effect.gen(function* () {
          yield* body(yield* ObserverApi.ObserverApi, memory)
        }).pipe(Effect.scoped, Effect.provide(Layer.provide(layer, source)))
      }).pipe(Effect.scoped)
    )
  describe(`ObserverApi: ${name}`, () => {
    for (const [title, body] of rows) check(title, body)
    check("P13: commits that are gone are OutOfRange, with what is left", outOfRange, 10)
  })
}
