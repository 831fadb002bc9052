import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import type { CommittedSubDag } from "@ephor/types"
import { Context, Deferred, Effect, Exit, Layer, Scope, Stream, SubscriptionRef } from "effect"
import {
  BlockSource,
  BlockVerifier,
  ObserverApi,
  ObserverError,
  Publisher,
  Relay,
  Subscriber
} from "../src/index.ts"
import { Unavailable } from "../src/ObserverError.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { type Dag, dagOf, type Round } from "./dag.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"
import { spoil } from "./support/spoil.ts"

const peer = (name: string, api: ObserverApi.Service): Subscriber.Peer => ({
  name,
  connect: Effect.succeed(api)
})
const down: Subscriber.Peer = {
  name: "down",
  connect: Effect.fail(new ObserverError({ where: "down", reason: new Unavailable({ why: "down" }) }))
}

/** An origin that holds the rounds of a DAG. */
const publish = Effect.fnUntraced(function* (dag: Dag, identity = "origin") {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: 60 })
  const put = Effect.fnUntraced(function* (round: Round) {
    yield* memory.accept(round.blocks)
    yield* memory.commit([round.commit])
  })
  for (const round of dag.rounds) yield* put(round)
  const api = yield* serve(memory.source, identity)
  const produce = Effect.suspend(() => put(dag.next())).pipe(
    Effect.delay(5),
    Effect.forever,
    Effect.forkScoped
  )
  return { api, produce }
})
const serve = (source: BlockSource.Service, identity = "") =>
  Effect.provideService(Publisher.makeApi({ heartbeatMs: 50, identity }), BlockSource.BlockSource, source)

const newStore = Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), (context) =>
  Context.get(context, Store.Store)
)

/** A relay with its publisher. */
const relay = Effect.fnUntraced(function* (
  dag: Dag,
  identity: string,
  peers: ReadonlyArray<Subscriber.Peer>,
  options: Partial<Relay.Options> & { readonly store?: Store.Service } = {}
) {
  const store = options.store ?? (yield* newStore)
  const made = yield* Effect.provide(Relay.make({ identity, peers, subscriber: quick, ...options }), [
    NodeBlockVerifier.layerMysticeti({ committee: dag.committee }),
    Layer.succeed(Store.Store, store)
  ])
  return { ...made, store, api: yield* serve(made.source) }
})
const observe = (dag: Dag, peers: ReadonlyArray<Subscriber.Peer>) =>
  Effect.provide(
    Subscriber.make(peers, quick),
    NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
  )

/** Commits as they were made, byte for byte. */
const assertSame = (dag: Dag, commits: ReadonlyArray<CommittedSubDag>, from = 1) => {
  const plain = ({ blocks, ...rest }: CommittedSubDag) => ({
    ...rest,
    blocks: blocks.map((bytes) => Buffer.from(bytes).toString("hex"))
  })
  assert.deepStrictEqual(
    commits.map(plain),
    commits.map((_, i) => plain(dag.rounds[from + i - 1]!.commit))
  )
}
const collect = (stream: Stream.Stream<CommittedSubDag, ObserverError>, count: number) =>
  Stream.runCollect(Stream.take(stream, count))
const entries = (store: Store.Service, prefix: string) =>
  Effect.map(Stream.runCollect(store.iterate(new TextEncoder().encode(prefix))), (found) => found.length)

describe("Relay", () => {
  it.live("relays of relays: an observer at the end verifies the same commits, and goes on by blocks", () =>
    Effect.gen(function* () {
      const dag = dagOf(80)
      const { api, produce } = yield* publish(dag)
      const one = yield* relay(dag, "one", [peer("origin", api)])
      const two = yield* relay(dag, "two", [peer("one", one.api)])
      const three = yield* relay(dag, "three", [peer("two", two.api)])
      const subscriber = yield* observe(dag, [peer("three", three.api)])
      yield* produce
      const commits = yield* Stream.runCollect(Stream.take(subscriber.commits, 200))
      assert.deepStrictEqual(
        commits.map(({ digest, index }) => `${index} ${digest}`),
        commits.map((_, i) => `${i + 1} ${dag.rounds[i]!.digest}`)
      )
      assert.isTrue(commits.slice(-20).every(({ origin }) => origin === "blocks"))
      assertSame(dag, yield* collect(three.commitsAfter(0), 200))
      assert.deepStrictEqual(yield* SubscriptionRef.get(three.path), ["three", "two", "one", "origin"])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("after a restart it answers for the same history without any source, then goes on from there", () =>
    Effect.gen(function* () {
      const dag = dagOf(120)
      const { api, produce } = yield* publish(dag)
      const store = yield* newStore
      const limits = { store, maxCommits: 10 }
      const scope = yield* Scope.make()
      const first = yield* Scope.provide(relay(dag, "one", [peer("origin", api)], limits), scope)
      assertSame(dag, yield* collect(first.commitsAfter(0), 110))
      yield* Scope.close(scope, Exit.void)
      const second = yield* relay(dag, "one", [down, peer("origin", api)], limits)
      const { highestCommitIndex } = yield* second.source.tip
      assert.isAtLeast(highestCommitIndex, 110)
      const offline = yield* relay(dag, "offline", [down], limits)
      assertSame(dag, yield* offline.source.commitsAfter(0, 1000))
      assertSame(dag, yield* offline.source.commitsAfter(57, 3), 58)
      const blocks = yield* offline.source.blocksAfter([], { limit: 10_000 })
      const known = new Set(dag.rounds.flatMap((round) => round.blocks.map(({ ref }) => ref.digest)))
      assert.isTrue(blocks.every(({ ref }) => known.has(ref.digest)))
      assert.isAtLeast(blocks.length, 4 * 59)
      yield* produce
      assertSame(dag, yield* collect(second.commitsAfter(0), 200))
    }).pipe(Effect.scoped, quietly)
  )

  it.live("history is bounded: what fell out of it is out of range, and gone from the store", () =>
    Effect.gen(function* () {
      const dag = dagOf(100)
      const { api } = yield* publish(dag)
      const one = yield* relay(dag, "one", [peer("origin", api)], { maxHistoryCommits: 30, maxCommits: 5 })
      yield* collect(one.commitsAfter(0), 98).pipe(Effect.timeoutOption("3 seconds"))
      const { earliestCommitIndex, highestCommitIndex } = yield* one.source.tip
      assert.isAtMost(highestCommitIndex - earliestCommitIndex + 1, 30)
      assert.isAtMost(yield* entries(one.store, "c"), 30)
      assert.isAtMost(yield* entries(one.store, "b"), 400)
      assertSame(dag, yield* one.source.commitsAfter(earliestCommitIndex - 1, 10), earliestCommitIndex)
      const late = yield* Effect.flip(Stream.runDrain(one.commitsAfter(0)))
      assert.deepInclude(late.reason, { _tag: "OutOfRange", earliest: earliestCommitIndex })
      const subscriber = yield* observe(dag, [peer("one", one.api)])
      const error = yield* Effect.flip(Stream.runDrain(subscriber.commits))
      assert.strictEqual(error.reason._tag, "HistoryUnavailable")
    }).pipe(Effect.scoped, quietly)
  )

  it.live("only what is verified is published: nothing of a forger", () =>
    Effect.gen(function* () {
      const dag = dagOf(30)
      const { api, produce } = yield* publish(dag)
      const forger: ObserverApi.Service = {
        streamBlocks: (commands) =>
          Stream.map(api.streamBlocks(commands), (one) => ({ ...one, blocks: one.blocks.map(spoil) })),
        streamCommits: (commands) =>
          Stream.map(api.streamCommits(commands), (one) => ({
            ...one,
            commits: one.commits.map((commit) => ({ ...commit, timestampMs: commit.timestampMs + 1 }))
          }))
      }
      const one = yield* relay(dag, "one", [peer("forger", forger), peer("origin", api)])
      const events: Array<BlockSource.SourceEvent> = []
      yield* Stream.runForEach(yield* one.source.subscribe, (event) =>
        Effect.sync(() => events.push(event))
      ).pipe(Effect.forkScoped)
      yield* produce
      assertSame(dag, yield* collect(one.commitsAfter(0), 60))
      const known = new Set(dag.rounds.flatMap((round) => round.blocks.map(({ ref }) => ref.digest)))
      const accepted = events.flatMap((event) => (event._tag === "Accepted" ? event.blocks : []))
      assert.isTrue(accepted.every(({ ref }) => known.has(ref.digest)))
      assert.strictEqual(new Set(accepted.map(({ ref }) => ref.digest)).size, accepted.length)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("a relay refuses a source that follows it, and finds another one", () =>
    Effect.gen(function* () {
      const dag = dagOf(20)
      const { api, produce } = yield* publish(dag)
      const apis = new Map<string, ObserverApi.Service>()
      const later = (name: string): Subscriber.Peer => ({
        name,
        connect: Effect.suspend(() => {
          const found = apis.get(name)
          return found === undefined ? down.connect : Effect.succeed(found)
        })
      })
      // A ring of three, and only one of them knows the way out of it.
      const one = yield* relay(dag, "one", [later("two")])
      apis.set("one", one.api)
      const three = yield* relay(dag, "three", [later("one")])
      apis.set("three", three.api)
      const two = yield* relay(dag, "two", [later("three"), later("origin")])
      apis.set("two", two.api)
      yield* Effect.sleep("100 millis")
      for (const { path } of [one, two, three]) {
        const seen = yield* SubscriptionRef.get(path)
        assert.strictEqual(new Set(seen).size, seen.length)
      }
      apis.set("origin", api)
      yield* produce
      for (const { commitsAfter } of [one, two, three]) assertSame(dag, yield* collect(commitsAfter(0), 40))
      assert.deepStrictEqual(yield* SubscriptionRef.get(three.path), ["three", "one", "two", "origin"])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("a source that is too many hops from the origin is refused", () =>
    Effect.gen(function* () {
      const dag = dagOf(20)
      const { api, produce } = yield* publish(dag)
      const one = yield* relay(dag, "one", [peer("origin", api)])
      const two = yield* relay(dag, "two", [peer("one", one.api)])
      const far = yield* relay(dag, "far", [peer("two", two.api), peer("origin", api)], { maxHops: 2 })
      yield* produce
      assertSame(dag, yield* collect(far.commitsAfter(0), 40))
      assert.deepStrictEqual(yield* SubscriptionRef.get(far.path), ["far", "origin"])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("over gRPC, too, those that would follow one another refuse each other", () =>
    Effect.gen(function* () {
      const dag = dagOf(5)
      const { api, produce } = yield* publish(dag)
      /** The same publisher, far away. */
      const far = Effect.fnUntraced(function* (name: string, near: ObserverApi.Service) {
        const served = NodeGrpcServer.layer().pipe(
          Layer.provide(Layer.succeed(ObserverApi.ObserverApi, near))
        )
        const { url } = Context.get(yield* Layer.build(Layer.fresh(served)), NodeGrpcServer.GrpcServer)
        return { name, connect: NodeGrpcClient.connect({ url }) }
      })
      const origin = yield* far("origin", api)
      const second = yield* Deferred.make<Subscriber.Peer>()
      // Knows the other one only once that is there, and would rather follow it.
      const late: Subscriber.Peer = {
        name: "two",
        connect: Effect.flatMap(Deferred.await(second), ({ connect }) => connect)
      }
      const one = yield* relay(dag, "one", [origin])
      const two = yield* relay(dag, "two", [yield* far("one", one.api)])
      yield* Deferred.succeed(second, yield* far("two", two.api))
      yield* produce
      assertSame(dag, yield* collect(two.commitsAfter(0), 20))
      assert.deepStrictEqual(yield* SubscriptionRef.get(two.path), ["two", "one", "origin"])
      const circle = yield* relay(dag, "one", [late, origin])
      assertSame(dag, yield* collect(circle.commitsAfter(0), 20))
      assert.deepStrictEqual(yield* SubscriptionRef.get(circle.path), ["one", "origin"])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("what cannot relay is refused", () =>
    Effect.gen(function* () {
      const dag = dagOf(1)
      const reason = <A>(made: Effect.Effect<A, ObserverError, Scope.Scope>) =>
        Effect.map(Effect.flip(made), ({ reason }) => reason._tag)
      assert.strictEqual(yield* reason(relay(dag, "two words", [down])), "Misconfigured")
      assert.strictEqual(yield* reason(relay(dag, "one", [])), "Misconfigured")
      const trusting = Effect.provide(Relay.make({ identity: "one", peers: [down] }), [
        BlockVerifier.layerTrusting(),
        Layer.fresh(Store.layerMemory)
      ])
      assert.strictEqual(yield* reason(trusting), "Misconfigured")
    }).pipe(Effect.scoped, quietly)
  )
})
