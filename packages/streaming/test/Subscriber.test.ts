import { assert, describe, it } from "@effect/vitest"
import { Bcs, dagBlockRef, type DagCommittee, SignedDagBlock } from "@ephor/types"
import { Effect, Layer, Ref, type Scope, Stream, SubscriptionRef } from "effect"
import { TestClock } from "effect/testing"
import {
  BlockSource,
  BlockVerifier,
  type CommitDeriver,
  Messages,
  ObserverApi,
  ObserverError,
  Publisher,
  Subscriber,
  type SubscriberConfig
} from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { Unavailable } from "../src/ObserverError.ts"
import { type Dag, dagOf, makeDag, type Round } from "./dag.ts"
import { publisher } from "./support/publisher.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"
import { spoil } from "./support/spoil.ts"

type Api = ObserverApi.Service

/** A source that holds the first rounds of a DAG, with a publisher in memory. */
const publish = Effect.fnUntraced(function* (dag: Dag, options: Partial<BlockSource.MemoryOptions> = {}) {
  const { api, memory, source } = yield* publisher(
    { heartbeatMs: 100 },
    { committeeSize: dag.committee.authorities.length, gcDepth: 60, ...options }
  )
  const put = Effect.fnUntraced(function* (round: Round) {
    yield* memory.accept(round.blocks)
    yield* memory.commit([round.commit])
  })
  for (const round of dag.rounds) yield* put(round)
  return { memory, source, api, put }
})

/** Makes a round every few milliseconds for as long as the scope lives. */
const produce = (dag: Dag, put: (round: Round) => Effect.Effect<void>, everyMs = 4) =>
  Effect.suspend(() => put(dag.next())).pipe(Effect.delay(everyMs), Effect.forever, Effect.forkScoped)

const observe = (
  committee: DagCommittee,
  peers: ReadonlyArray<Api | Subscriber.Peer>,
  options: SubscriberConfig.Options = {}
): Effect.Effect<Subscriber.Service, ObserverError, Scope.Scope> =>
  Effect.provide(
    Subscriber.make(
      peers.map((peer, i) =>
        "connect" in peer ? peer : { name: `peer ${i}`, connect: Effect.succeed(peer) }
      ),
      { ...quick, ...options }
    ),
    NodeBlockVerifier.layerMysticeti({ committee })
  )

const take = (subscriber: Subscriber.Service, count: number) =>
  Stream.runCollect(Stream.take(subscriber.commits, count))

/** The very commits of the DAG, from an index on. */
const assertCommits = (dag: Dag, commits: ReadonlyArray<CommitDeriver.ObservedCommit>, from = 1) => {
  assert.deepStrictEqual(
    commits.map(({ digest, index }) => `${index} ${digest}`),
    commits.map((_, i) => `${from + i} ${dag.rounds[from + i - 1]!.digest}`)
  )
  for (const { blocks, index } of commits) {
    assert.deepStrictEqual(
      blocks.map(({ bytes }) => bytes),
      dag.rounds[index - 1]!.commit.blocks.map((bytes) => Uint8Array.from(bytes))
    )
  }
}

describe("Subscriber", () => {
  it.live("catches up by commits and goes on by blocks, over HTTP/2, all verified", () =>
    Effect.gen(function* () {
      const dag = dagOf(130)
      const { put, source } = yield* publish(dag)
      const server = NodeGrpcServer.layer().pipe(Layer.provide(Publisher.layer()), Layer.provide(source))
      yield* Effect.gen(function* () {
        const { url } = yield* NodeGrpcServer.GrpcServer
        const peer = { name: url, connect: NodeGrpcClient.connect({ url }) }
        const subscriber = yield* observe(dag.committee, [peer])
        const modes = yield* Ref.make<ReadonlyArray<string>>([])
        yield* Stream.runForEach(SubscriptionRef.changes(subscriber.mode), (mode) =>
          Ref.update(modes, (all) => [...all, mode])
        ).pipe(Effect.forkScoped({ startImmediately: true }))
        yield* produce(dag, put)
        const commits = yield* take(subscriber, 250)
        assertCommits(dag, commits)
        assert.deepStrictEqual(yield* Ref.get(modes), ["BlocksOnly", "CommitsOnly", "Overlap", "BlocksOnly"])
        assert.isTrue(commits.slice(-50).every(({ origin }) => origin === "blocks"))
        assert.strictEqual(commits[0]!.origin, "commits")
        const stats = yield* subscriber.stats
        // Certified history is covered by digests: far fewer signatures than blocks.
        assert.isBelow(stats.verified, 900)
        assert.strictEqual(stats.rejected, 0)
      }).pipe(Effect.scoped, Effect.provide(server))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("hands over blocks, ancestors first, each once", () =>
    Effect.gen(function* () {
      const dag = dagOf(3)
      const { api, put } = yield* publish(dag)
      const subscriber = yield* observe(dag.committee, [api])
      yield* Stream.runDrain(subscriber.commits).pipe(Effect.forkScoped)
      yield* produce(dag, put)
      const blocks = yield* Stream.runCollect(Stream.take(subscriber.blocks, 100))
      const seen = new Set<string>()
      for (const { block, ref } of blocks) {
        assert.isFalse(seen.has(ref.digest))
        for (const ancestor of block.value.ancestors) {
          if (ancestor.round >= blocks[0]!.ref.round + 1) assert.isTrue(seen.has(ancestor.digest))
        }
        seen.add(ref.digest)
      }
    }).pipe(Effect.scoped, quietly)
  )

  it.live("I1: delivers every commit once, in order, whatever the connection does", () =>
    Effect.gen(function* () {
      const dag = dagOf(80)
      const { api, put } = yield* publish(dag)
      let calls = 0
      const broken = <A>(stream: Stream.Stream<A, ObserverError>) => {
        const lives = 1 + ((calls++ * 7) % 11)
        const lost = new ObserverError({ where: "test", reason: new Unavailable({ why: "cut" }) })
        return Stream.concat(Stream.take(stream, lives), Stream.fail(lost))
      }
      const flaky: Api = {
        streamBlocks: (commands) => broken(api.streamBlocks(commands)),
        streamCommits: (commands) => broken(api.streamCommits(commands))
      }
      const subscriber = yield* observe(dag.committee, [flaky])
      yield* produce(dag, put, 8)
      const commits = yield* take(subscriber, 150)
      assertCommits(dag, commits)
      assert.isAbove((yield* subscriber.stats).sessions, 5)
    }).pipe(Effect.scoped, quietly)
  )

  for (const withDigest of [true, false]) {
    it.live(`goes on after a restart from a position ${withDigest ? "with" : "without"} digest`, () =>
      Effect.gen(function* () {
        const dag = dagOf(100)
        const { api, put } = yield* publish(dag)
        const position = yield* Effect.scoped(
          Effect.gen(function* () {
            const first = yield* observe(dag.committee, [api])
            yield* take(first, 40)
            return yield* first.position
          })
        )
        assert.deepStrictEqual(position, { index: 40, digest: dag.rounds[39]!.digest })
        const from = withDigest ? position : { index: 40 }
        const second = yield* observe(dag.committee, [api], { from })
        yield* produce(dag, put)
        assertCommits(dag, yield* take(second, 120), 41)
      }).pipe(Effect.scoped, quietly)
    )
  }

  it.live("restarted at the tip, it learns its place from the next commit and derives again", () =>
    Effect.gen(function* () {
      const dag = dagOf(100)
      const { api, put } = yield* publish(dag)
      const from = { index: 95, digest: dag.rounds[94]!.digest }
      const subscriber = yield* observe(dag.committee, [api], { from })
      yield* produce(dag, put)
      const commits = yield* take(subscriber, 100)
      assertCommits(dag, commits, 96)
      assert.isTrue(commits.slice(-20).every(({ origin }) => origin === "blocks"))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("votes that come long after their commit certify it all the same", () =>
    Effect.gen(function* () {
      const dag = dagOf(70, { finalityRounds: 6 })
      const { api, put } = yield* publish(dag)
      const subscriber = yield* observe(dag.committee, [api])
      yield* produce(dag, put)
      assertCommits(dag, yield* take(subscriber, 140))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("votes that came long before their commit certify it, too: nobody sends them again", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const { api } = yield* publish(dag)
      // All blocks of the tip at once, before any commit, and never again.
      const blocks = dag.rounds.slice(60).flatMap((round) => round.blocks.map(({ bytes }) => bytes))
      const once: Api = {
        streamBlocks: () => Stream.concat(Stream.make({ blocks, highestCommitIndex: 120 }), Stream.never),
        streamCommits: (commands) =>
          Stream.map(api.streamCommits(commands), ({ certifierBlocks: _, ...response }) => response)
      }
      const subscriber = yield* observe(dag.committee, [once], { maxCommitsAhead: 20, silenceMs: 60_000 })
      // The last commit is voted for by nobody.
      assertCommits(dag, yield* Effect.timeout(take(subscriber, 119), "20 seconds"))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("F4: an application that does not take commits stops the reading", () =>
    Effect.gen(function* () {
      const dag = dagOf(300)
      const { api } = yield* publish(dag)
      const subscriber = yield* observe(dag.committee, [api], { maxCommitsAhead: 40 })
      yield* Effect.sleep("300 millis")
      const before = (yield* subscriber.stats).commits
      assert.isAtLeast(before, 40)
      assert.isAtMost(before, 40 + 20)
      const commits = yield* take(subscriber, 290)
      assertCommits(dag, commits)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("T4: an application that is slow with blocks pauses their stream, and loses no commit", () =>
    Effect.gen(function* () {
      const dag = dagOf(2)
      const { api, put } = yield* publish(dag)
      const options = { pauseBlocksQueueSize: 40, resumeBlocksQueueSize: 10, maxPauseMs: 100 }
      const subscriber = yield* observe(dag.committee, [api], options)
      const paused = yield* Ref.make(0)
      yield* Stream.runForEach(subscriber.blocks, () => Effect.sleep(10)).pipe(Effect.forkScoped)
      yield* Effect.gen(function* () {
        if ((yield* subscriber.stats).paused) yield* Ref.update(paused, (n) => n + 1)
      }).pipe(Effect.delay(5), Effect.forever, Effect.forkScoped)
      yield* produce(dag, put, 5)
      assertCommits(dag, yield* take(subscriber, 200))
      assert.isAbove(yield* Ref.get(paused), 0)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("a publisher that forges commits is left, and nothing of it is delivered", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const { api } = yield* publish(dag)
      const forge = (response: Messages.CommitStreamResponse): Messages.CommitStreamResponse => ({
        ...response,
        commits: response.commits.map((one) => ({
          ...one,
          timestampMs: one.timestampMs + (one.commitIndex > 30 ? 1 : 0)
        }))
      })
      const liar: Api = {
        ...api,
        streamCommits: (commands) => Stream.map(api.streamCommits(commands), forge)
      }
      const subscriber = yield* observe(dag.committee, [liar, api])
      assertCommits(dag, yield* take(subscriber, 115))
      assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("F6: a publisher that sends bad blocks is left", () =>
    Effect.gen(function* () {
      const dag = dagOf(20)
      const { api, put } = yield* publish(dag)
      const bad: Api = {
        ...api,
        streamBlocks: (commands) =>
          Stream.map(api.streamBlocks(commands), (one) => ({ ...one, blocks: one.blocks.map(spoil) }))
      }
      const subscriber = yield* observe(dag.committee, [bad, api])
      yield* produce(dag, put)
      assertCommits(dag, yield* take(subscriber, 60))
      const stats = yield* subscriber.stats
      assert.strictEqual(stats.peer, "peer 1")
      assert.isAbove(stats.rejected, 10)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("F7: a gap between commits ends the session", () =>
    Effect.gen(function* () {
      const dag = dagOf(100)
      const { api } = yield* publish(dag)
      const skip: Api = {
        ...api,
        streamCommits: (commands) =>
          Stream.map(api.streamCommits(commands), (response) => ({
            ...response,
            commits: response.commits.filter(({ commitIndex }) => commitIndex !== 20)
          }))
      }
      const subscriber = yield* observe(dag.committee, [skip, api])
      assertCommits(dag, yield* take(subscriber, 90))
    }).pipe(Effect.scoped, quietly)
  )

  const repairs: ReadonlyArray<readonly [how: string, fetch: (api: Api) => Partial<Api>]> = [
    ["by name", ({ fetchBlocks }) => ({ fetchBlocks: fetchBlocks! })],
    ["from its round on, where that is not offered", () => ({})],
    [
      "from its round on, where that does not work",
      () => ({
        fetchBlocks: () =>
          Effect.fail(new ObserverError({ where: "x", reason: new Unavailable({ why: "no" }) }))
      })
    ]
  ]
  it.live.each(repairs)("F8: a block that got lost is asked for again %s", ([how, fetch]) =>
    Effect.gen(function* () {
      const dag = dagOf(5)
      const { api, put } = yield* publish(dag)
      let lost = 0
      let starts = 0
      const lossy: Api = {
        streamCommits: api.streamCommits,
        streamBlocks: (commands) =>
          Stream.map(
            api.streamBlocks(
              Stream.tap(commands, ({ command }) =>
                Effect.sync(() => (starts += command?._tag === "Start" ? 1 : 0))
              )
            ),
            (response) => {
              if (lost > 0 || response.blocks.length === 0 || dag.rounds.length < 20) return response
              lost++
              return { ...response, blocks: response.blocks.slice(1) }
            }
          ),
        ...fetch(api)
      }
      const subscriber = yield* observe(dag.committee, [lossy], { stallMs: 20_000 })
      yield* produce(dag, put)
      const commits = yield* take(subscriber, 80)
      assertCommits(dag, commits)
      assert.strictEqual(lost, 1)
      if (how === "by name") assert.strictEqual(starts, 1)
      else assert.isAbove(starts, 1)
      assert.isTrue(commits.slice(30).every(({ origin }) => origin === "blocks"))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("F5: a publisher that says nothing at all is left for the next one", () =>
    Effect.gen(function* () {
      const dag = dagOf(60)
      const { api } = yield* publish(dag)
      const silent: Api = { streamBlocks: () => Stream.never, streamCommits: () => Stream.never }
      const subscriber = yield* observe(dag.committee, [silent, api], { progressMs: 300 })
      assertCommits(dag, yield* take(subscriber, 50))
    }).pipe(Effect.scoped, quietly)
  )

  /** Answers the first start, and then says so much more, one a second. */
  const quiet = (responses: ReadonlyArray<Messages.BlockStreamResponse>): Api => ({
    streamBlocks: (commands) =>
      Stream.merge(
        Stream.fromIterable(responses).pipe(
          Stream.mapEffect((response) => Effect.delay(Effect.succeed(response), 1000)),
          Stream.concat(Stream.never)
        ),
        Stream.drain(commands)
      ),
    streamCommits: (commands) => Stream.drain(commands)
  })
  const empty = (highestCommitIndex: number): Messages.BlockStreamResponse => ({
    blocks: [],
    highestCommitIndex
  })

  for (const [what, responses, sessions] of [
    ["that has shown no heartbeat may be quiet", [empty(0)], 1],
    ["that says something new now and then has shown none", [empty(0), empty(1), empty(2)], 1],
    ["that has shown a heartbeat may not", [empty(0), empty(0)], 4]
  ] as const) {
    it.effect(`F5: a publisher ${what}`, () =>
      Effect.gen(function* () {
        const subscriber = yield* observe(makeDag().committee, [quiet(responses)], {
          silenceMs: 3000,
          maxPauseMs: 600_000
        })
        yield* Stream.runDrain(subscriber.commits).pipe(Effect.forkScoped)
        yield* TestClock.adjust("18 seconds")
        assert.strictEqual((yield* subscriber.stats).sessions, sessions)
      }).pipe(Effect.scoped, quietly)
    )
  }

  it.effect("F5: a publisher is silent, too, when it leaves repairs unanswered", () =>
    Effect.gen(function* () {
      const dag = dagOf(10)
      const { api, put } = yield* publish(dag)
      // The last thing that it says has no ancestors here, and what is asked for then never comes.
      const orphan = (): Messages.BlockStreamResponse => ({
        blocks: [dag.rounds[9]!.blocks[0]!.bytes],
        highestCommitIndex: 0
      })
      const mute: Api = {
        streamBlocks: (commands) =>
          Stream.mapEffect(commands, () => Effect.succeed(orphan())).pipe(
            Stream.take(1),
            Stream.concat(Stream.merge(Stream.never, Stream.drain(commands)))
          ),
        streamCommits: () => Stream.never
      }
      const subscriber = yield* observe(dag.committee, [mute, api], { progressMs: 1000 })
      yield* Stream.runDrain(subscriber.commits).pipe(Effect.forkScoped)
      yield* produce(dag, put, 100)
      yield* TestClock.adjust("5 seconds")
      assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("a publisher that claims what it does not have is left for the next one", () =>
    Effect.gen(function* () {
      const dag = dagOf(60)
      const { api, put } = yield* publish(dag)
      const claim = <R extends { readonly highestCommitIndex: number }>(one: R): R => ({
        ...one,
        highestCommitIndex: 1_000_000
      })
      const boaster: Api = {
        streamBlocks: (commands) => Stream.map(api.streamBlocks(commands), claim),
        streamCommits: (commands) =>
          Stream.map(api.streamCommits(commands), (one) => claim({ ...one, commits: [] }))
      }
      const subscriber = yield* observe(dag.committee, [boaster, api], { progressMs: 200 })
      yield* produce(dag, put)
      assertCommits(dag, yield* take(subscriber, 100))
      assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
    }).pipe(Effect.scoped, quietly)
  )

  it.effect(
    "a publisher that claims ever more than it has is left, although it has what the others have",
    () =>
      Effect.gen(function* () {
        const dag = dagOf(60)
        const { api, put } = yield* publish(dag)
        const claim = <R extends { readonly highestCommitIndex: number }>(one: R): R => ({
          ...one,
          highestCommitIndex: one.highestCommitIndex + 1000
        })
        const boaster: Api = {
          streamBlocks: (commands) => Stream.map(api.streamBlocks(commands), claim),
          streamCommits: (commands) => Stream.map(api.streamCommits(commands), claim)
        }
        const subscriber = yield* observe(dag.committee, [boaster, api], { progressMs: 20_000 })
        yield* Stream.runDrain(subscriber.commits).pipe(Effect.forkScoped)
        // The committee makes a round in a second: nobody can send them faster.
        yield* produce(dag, put, 1000)
        yield* TestClock.adjust("15 seconds")
        assert.strictEqual((yield* subscriber.stats).peer, "peer 0")
        assert.strictEqual(yield* SubscriptionRef.get(subscriber.mode), "CommitsOnly")
        yield* TestClock.adjust("45 seconds")
        assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
        assert.strictEqual(yield* SubscriptionRef.get(subscriber.mode), "BlocksOnly")
        assert.isAtMost(yield* subscriber.lag, 1)
      }).pipe(Effect.scoped, quietly)
  )

  it.live("commits without votes are not held for ever", () =>
    Effect.gen(function* () {
      const dag = dagOf(60)
      const { api } = yield* publish(dag)
      // Well-formed, linked, and of nobody: round and author are free for the taking before anything is certified.
      const invent = (commitIndex: number) => {
        const block = {
          _tag: "V2",
          value: {
            epoch: 0,
            round: 4_294_967_295 - commitIndex,
            author: commitIndex % 4,
            timestampMs: 0,
            ancestors: [],
            transactions: [],
            transactionVotes: [],
            commitVotes: [],
            misbehaviorReports: []
          }
        } as const
        const bytes = Bcs.encode(SignedDagBlock)({ block, signature: `0x${"00".repeat(64)}` })
        return { commitIndex, leader: dagBlockRef(block, bytes), blocks: [bytes], timestampMs: commitIndex }
      }
      const inventor: Api = {
        ...api,
        streamCommits: () =>
          Stream.map(Stream.range(1, 1_000_000), (index) => ({
            commits: [invent(index)],
            highestCommitIndex: 1_000_000
          }))
      }
      const subscriber = yield* observe(dag.committee, [inventor, api], { maxUncertifiedCommits: 100 })
      assertCommits(dag, yield* take(subscriber, 50))
      assert.strictEqual((yield* subscriber.stats).peer, "peer 1")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("an author who signs two blocks for one round is reported once, with both", () =>
    Effect.gen(function* () {
      const dag = dagOf(30)
      const { api, memory, put } = yield* publish(dag)
      const blockOf = (payload: number) => dagOf(1, { payload }).rounds[0]!.blocks[2]!
      const twin = blockOf(9)
      const forged = blockOf(10)
      const bytes = spoil(forged.bytes)
      yield* memory.accept([twin, { ...forged, bytes }])
      const subscriber = yield* observe(dag.committee, [api])
      yield* produce(dag, put)
      assertCommits(dag, yield* take(subscriber, 40))
      const [reported] = yield* Stream.runCollect(Stream.take(subscriber.equivocations, 1))
      assert.deepStrictEqual([reported!.author, reported!.round], [2, 1])
      assert.sameMembers(
        reported!.blocks.map(({ ref }) => ref.digest),
        [twin.ref.digest, dag.rounds[0]!.blocks[2]!.ref.digest]
      )
      assert.strictEqual((yield* subscriber.stats).equivocations, 1)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("F9: history that nobody keeps is an error that says so", () =>
    Effect.gen(function* () {
      const dag = dagOf(100)
      const one = yield* publish(dag, { maxCommits: 20 })
      const two = yield* publish(dag, { maxCommits: 10 })
      const subscriber = yield* observe(dag.committee, [one.api, two.api])
      const error = yield* Effect.flip(take(subscriber, 1))
      assert.strictEqual(error.reason._tag, "HistoryUnavailable")
      assert.include(error.message, "no publisher keeps commit 1 (the earliest on offer is 81)")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("without a committee commits are taken on the publisher's word", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      const { api, put } = yield* publish(dag)
      const subscriber = yield* Subscriber.Subscriber.pipe(
        Effect.provide(
          yield* Layer.build(
            Subscriber.layer(quick).pipe(
              Layer.provide(Layer.succeed(ObserverApi.ObserverApi, api)),
              Layer.provide(BlockVerifier.layerTrusting())
            )
          )
        )
      )
      yield* produce(dag, put)
      assertCommits(dag, yield* take(subscriber, 60))
      assert.strictEqual(yield* SubscriptionRef.get(subscriber.mode), "Overlap")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("a configuration that cannot work is refused", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(observe(makeDag().committee, [], {}))
      assert.strictEqual(error.reason._tag, "Misconfigured")
    }).pipe(Effect.scoped, quietly)
  )
})
