import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { BlockSource, FrameCache, Grpc, Messages, ObserverApi, Publisher, Subscriber } from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import { type Dag, dagOf, type Round } from "./dag.ts"
import { publisher } from "./support/publisher.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"
import { spoil } from "./support/spoil.ts"

/** A publisher that holds all blocks of a DAG, and all commits but the last few. */
const publish = Effect.fnUntraced(function* (
  dag: Dag,
  withoutCommit: number,
  options: Partial<Publisher.PublisherOptions> = {}
) {
  const made = yield* publisher(options)
  for (const { blocks, commit } of dag.rounds) {
    yield* made.memory.accept(blocks)
    if (commit.commitIndex <= dag.rounds.length - withoutCommit) yield* made.memory.commit([commit])
  }
  return made
})

const start = (lastCommitIndex: number, wishes = {}): Messages.CommitStreamRequest => ({
  command: { _tag: "Start", value: { lastCommitIndex, ...wishes } }
})

/** All responses of a commit stream; the clock stands still. */
const open = Effect.fnUntraced(function* (api: ObserverApi.Service, command: Messages.CommitStreamRequest) {
  const responses = yield* Queue.unbounded<Messages.CommitStreamResponse>()
  yield* Stream.runForEach(api.streamCommits(Stream.concat(Stream.make(command), Stream.never)), (one) =>
    Queue.offer(responses, one)
  ).pipe(Effect.forkScoped({ startImmediately: true }))
  yield* TestClock.adjust(1)
  return Queue.takeAll(responses)
})

const certifiersOf = (responses: ReadonlyArray<Messages.CommitStreamResponse>) =>
  responses.flatMap(({ certifierBlocks }) => (certifierBlocks === undefined ? [] : [certifierBlocks]))
/** The blocks of a round, as a set is: order among equals does not matter. */
const sameBlocks = (actual: ReadonlyArray<Uint8Array>, round: Round) =>
  assert.sameDeepMembers(
    [...actual],
    round.blocks.map(({ bytes }) => bytes)
  )

describe("certifier blocks of a publisher", () => {
  it.effect("come once, when a stream has reached the tip: one block of each author", () =>
    Effect.gen(function* () {
      const dag = dagOf(40)
      const { api } = yield* publish(dag, 1)
      const responses = yield* Effect.flatten(open(api, start(0)))
      assert.deepStrictEqual(
        responses.flatMap(({ commits }) => commits.map(({ commitIndex }) => commitIndex)),
        Array.from({ length: 39 }, (_, i) => i + 1)
      )
      assert.deepStrictEqual(responses.at(-1)!.commits, [])
      assert.strictEqual(certifiersOf(responses).length, 1)
      sameBlocks(responses.at(-1)!.certifierBlocks!, dag.rounds[39]!)
    })
  )

  it.effect("come with the heartbeat of a tip that is quiet, and again only when they are others", () =>
    Effect.gen(function* () {
      const dag = dagOf(5)
      const { api, memory } = yield* publish(dag, 0)
      const seen = yield* open(api, start(5))
      assert.deepStrictEqual(yield* seen, [{ commits: [], highestCommitIndex: 5 }])
      const round = dag.next()
      yield* memory.accept(round.blocks)
      yield* TestClock.adjust("1 second")
      const [one, ...more] = yield* seen
      sameBlocks(one!.certifierBlocks!, round)
      assert.deepStrictEqual(more, [])
      yield* TestClock.adjust("3 seconds")
      const heartbeat = { commits: [], highestCommitIndex: 5 }
      assert.deepStrictEqual(yield* seen, [heartbeat, heartbeat, heartbeat])
      // A round more says nothing new about commit 5.
      yield* memory.accept(dag.next().blocks)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(certifiersOf(yield* seen), [])
      yield* memory.commit([round.commit])
      yield* TestClock.adjust("2 seconds")
      const [commits, later] = yield* seen
      assert.deepStrictEqual([commits!.commits.length, certifiersOf([commits!])], [1, []])
      sameBlocks(later!.certifierBlocks!, dag.rounds[6]!)
    })
  )

  it.effect("are shared, and fit a subscriber's wishes", () =>
    Effect.gen(function* () {
      const dag = dagOf(3)
      const { api } = yield* publish(dag, 1)
      const [one, two, three] = yield* Effect.all([
        Effect.flatten(open(api, start(2))),
        Effect.flatten(open(api, start(2))),
        Effect.flatten(open(api, start(2, { maxBatchItems: 3 })))
      ])
      assert.strictEqual(one[0], two[0])
      assert.strictEqual(three[0]!.certifierBlocks!.length, 3)
    })
  )

  it.effect("are left out where the publisher is told so", () =>
    Effect.gen(function* () {
      const { api } = yield* publish(dagOf(3), 1, { certifierBlocks: false })
      const seen = yield* open(api, start(2))
      yield* TestClock.adjust("2 seconds")
      const responses = yield* seen
      assert.strictEqual(responses.length, 3)
      assert.deepStrictEqual(certifiersOf(responses), [])
    })
  )

  it.effect("come again after another start", () =>
    Effect.gen(function* () {
      const { api } = yield* publish(dagOf(3), 1)
      const commands = yield* Queue.unbounded<Messages.CommitStreamRequest>()
      yield* Queue.offer(commands, start(2))
      const pull = yield* Stream.toPull(api.streamCommits(Stream.fromQueue(commands)))
      assert.strictEqual((yield* pull)[0].certifierBlocks!.length, 4)
      yield* Queue.offer(commands, start(2))
      assert.strictEqual((yield* pull)[0].certifierBlocks!.length, 4)
    })
  )

  it.effect("are found where votes come long after their commit", () =>
    Effect.gen(function* () {
      const dag = dagOf(30, { finalityRounds: 12 })
      const { api } = yield* publish(dag, 13)
      const [response] = yield* Effect.flatten(open(api, start(17)))
      // Round 29 is the first one with votes for commit 17, and round 30 has newer ones only.
      sameBlocks(response!.certifierBlocks!, dag.rounds[28]!)
    })
  )

  it.effect("hold up no heartbeat where blocks never stop coming", () =>
    Effect.gen(function* () {
      const dag = dagOf(3)
      const { memory } = yield* publish(dag, 1)
      // Each look finds something new by the time it is done.
      const restless: BlockSource.Service = {
        ...memory.source,
        blocksAfter: (rounds, page) =>
          memory.source
            .blocksAfter(rounds, page)
            .pipe(Effect.tap(Effect.andThen(memory.accept(dag.next().blocks), Effect.sleep(1))))
      }
      const api = yield* Effect.provideService(Publisher.makeApi(), BlockSource.BlockSource, restless)
      const seen = yield* open(api, start(2))
      yield* TestClock.adjust("5 seconds")
      const responses = yield* seen
      assert.isAtLeast(responses.length, 4)
      sameBlocks(responses[0]!.certifierBlocks!, dag.rounds[2]!)
    })
  )

  it.effect("a source that cannot tell them does not cost the stream its heartbeats", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publish(dagOf(2), 0)
      // No block at all.
      yield* memory.accept([
        { ref: { author: 1, round: 3, digest: `0x${"07".repeat(32)}` }, bytes: Uint8Array.of(1, 2, 3) }
      ])
      const seen = yield* open(api, start(2))
      assert.deepStrictEqual(yield* seen, [{ commits: [], highestCommitIndex: 2 }])
    })
  )

  it("are field 3 of the response", () => {
    const response: Messages.CommitStreamResponse = {
      commits: [],
      highestCommitIndex: 5,
      certifierBlocks: [Uint8Array.of(7), Uint8Array.of(8, 9)]
    }
    const bytes = Messages.encodeCommitResponse(response)
    assert.deepStrictEqual([...bytes], [0x10, 5, 0x1a, 1, 7, 0x1a, 2, 8, 9])
    assert.deepStrictEqual([...FrameCache.commitFrame(response)], [...Grpc.frame(bytes)])
  })
})

describe("a subscriber that has commits only", () => {
  /** Says nothing on the block stream. */
  const commitsOf = (api: ObserverApi.Service): ObserverApi.Service => ({
    ...api,
    streamBlocks: (commands) => Stream.map(api.streamBlocks(commands), (one) => ({ ...one, blocks: [] }))
  })
  const observe = (dag: Dag, ...peers: ReadonlyArray<ObserverApi.Service>) =>
    Effect.provide(
      Subscriber.make(
        peers.map((api, i) => ({ name: `peer ${i}`, connect: Effect.succeed(commitsOf(api)) })),
        // As there are no blocks, it must not go over to them.
        { ...quick, handOverMs: 60_000 }
      ),
      NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
    )

  for (const certifierBlocks of [true, false]) {
    it.live(
      certifierBlocks
        ? "has the last commit of a chain certified without another one"
        : "waits for the next commit where the publisher sends no certifier blocks",
      () =>
        Effect.gen(function* () {
          const dag = dagOf(90)
          const { api, memory } = yield* publish(dag, 2, { certifierBlocks, heartbeatMs: 50 })
          const subscriber = yield* observe(dag, api)
          const known = certifierBlocks ? 88 : 86
          yield* Stream.runCollect(Stream.take(subscriber.commits, known))
          yield* Effect.sleep(200)
          assert.strictEqual((yield* subscriber.stats).commits, known)
          yield* memory.commit([dag.rounds[88]!.commit])
          const [next] = yield* Stream.runCollect(Stream.take(subscriber.commits, 1))
          assert.strictEqual(next!.index, known + 1)
          assert.strictEqual(next!.digest, dag.rounds[known]!.digest)
        }).pipe(Effect.scoped, quietly)
    )
  }

  it.live("leaves a publisher whose certifier blocks are forged, and loses nothing", () =>
    Effect.gen(function* () {
      const dag = dagOf(60)
      const { api } = yield* publish(dag, 2)
      const liar: ObserverApi.Service = {
        ...api,
        streamCommits: (commands) =>
          Stream.map(api.streamCommits(commands), ({ certifierBlocks = [], ...one }) => ({
            ...one,
            certifierBlocks: certifierBlocks.map(spoil)
          }))
      }
      const subscriber = yield* observe(dag, liar, api)
      const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 58))
      assert.strictEqual(commits.at(-1)!.digest, dag.rounds[57]!.digest)
      assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
    }).pipe(Effect.scoped, quietly)
  )
})
