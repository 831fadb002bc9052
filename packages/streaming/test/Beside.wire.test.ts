/** Several publishers at once, over sockets: the first to bring a block counts, and what one of them does harms nobody. */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Exit, Layer, Metric, Ref, Scope, Stream } from "effect"
import {
  BlockSource,
  Metrics,
  ObserverApi,
  Publisher,
  Subscriber,
  type SubscriberConfig
} from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { type Dag, makeDag } from "./dag.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

type Api = ObserverApi.Service
/** How a publisher deviates from what it should do. */
type Deviation = (api: Api) => Api

/** A publisher of a DAG on a socket. */
const serve = Effect.fnUntraced(function* (deviate: Deviation = (api) => api) {
  const scope = yield* Effect.acquireRelease(Scope.make(), (one) => Scope.close(one, Exit.void))
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4 })
  const api = Layer.effect(
    ObserverApi.ObserverApi,
    Effect.map(Publisher.makeApi({ heartbeatMs: 100 }), (made) => deviate(made))
  ).pipe(Layer.provide(Layer.succeed(BlockSource.BlockSource, memory.source)))
  const built = yield* Layer.buildWithScope(
    Layer.fresh(NodeGrpcServer.layer({ drainMs: 50 }).pipe(Layer.provide(api))),
    scope
  )
  const { url } = Context.get(built, NodeGrpcServer.GrpcServer)
  return {
    memory,
    peer: { name: url, connect: NodeGrpcClient.connect({ url }) },
    die: Scope.close(scope, Exit.void)
  }
})
type Server = Effect.Success<ReturnType<typeof serve>>

const tell = Effect.fnUntraced(function* (dag: Dag, servers: ReadonlyArray<Server>) {
  const round = dag.next()
  for (const { memory } of servers) {
    yield* memory.accept(round.blocks)
    yield* memory.commit([round.commit])
  }
})

/** An observer of all of them at once, what it delivers, and each loose block by its digest. */
const observe = Effect.fnUntraced(function* (
  dag: Dag,
  servers: ReadonlyArray<Server>,
  options: SubscriberConfig.Options = {}
) {
  const subscriber = yield* Effect.provide(
    Subscriber.make(
      servers.map(({ peer }) => peer),
      { ...quick, ...patient, blockPublishers: 2, ...options }
    ),
    NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
  )
  const commits = yield* Ref.make<ReadonlyArray<string>>([])
  const blocks = yield* Ref.make<ReadonlyArray<string>>([])
  yield* Stream.runForEach(subscriber.commits, ({ digest }) =>
    Ref.update(commits, (all) => [...all, String(digest)])
  ).pipe(Effect.forkScoped)
  yield* Stream.runForEach(subscriber.blocks, ({ ref }) =>
    Ref.update(blocks, (all) => [...all, ref.digest])
  ).pipe(Effect.forkScoped)
  /** Makes rounds until so many commits are delivered: each once, in order, and no block twice. */
  const until = Effect.fnUntraced(function* (count: number) {
    while ((yield* Ref.get(commits)).length < count) {
      yield* tell(dag, servers)
      yield* Effect.sleep(10)
    }
    const all = yield* Ref.get(commits)
    assert.deepStrictEqual(
      all,
      dag.rounds.slice(0, all.length).map(({ digest }) => digest)
    )
    const loose = yield* Ref.get(blocks)
    assert.strictEqual(new Set(loose).size, loose.length)
  }, Effect.timeout("60 seconds"))
  return { subscriber, until }
})

/** A slow machine is no reason to leave a publisher, or to ask for commits. */
const patient: SubscriberConfig.Options = { silenceMs: 30_000, stallMs: 30_000 }

const besides = Effect.map(Metric.value(Metrics.blocksBeside), ({ count }) => Number(count))

/** Blocks with a signature that does not hold. */
const forging: Deviation = (api) => ({
  ...api,
  streamBlocks: (commands) =>
    Stream.map(api.streamBlocks(commands), (response) => ({
      ...response,
      blocks: response.blocks.map((bytes) => {
        const copy = Uint8Array.from(bytes)
        copy[copy.length - 1]! ^= 1
        return copy
      })
    }))
})
/** Heartbeats without a block. */
const withholding: Deviation = (api) => ({
  ...api,
  streamBlocks: (commands) =>
    Stream.map(api.streamBlocks(commands), (response) => ({ ...response, blocks: [] }))
})
/** Not a word. */
const silent: Deviation = (api) => ({ ...api, streamBlocks: () => Stream.never })
/** Another highest commit than there is. */
const boasting: Deviation = (api) => ({
  ...api,
  streamBlocks: (commands) =>
    Stream.map(api.streamBlocks(commands), (response) => ({ ...response, highestCommitIndex: 4_000_000 }))
})

describe("publishers beside the one that is followed", () => {
  it.live("bring blocks first, or second: each is kept once", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      const servers = [yield* serve(), yield* serve()]
      const { subscriber, until } = yield* observe(dag, servers)
      yield* until(40)
      const { duplicates, rejected, sessions } = yield* subscriber.stats
      // All of them come twice, but for what was under way.
      assert.isAbove(duplicates, 40)
      assert.deepStrictEqual([rejected, sessions], [0, 1])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("are one by default", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      const servers = [yield* serve(), yield* serve()]
      const { subscriber, until } = yield* observe(dag, servers, { blockPublishers: 1 })
      const before = yield* besides
      yield* until(20)
      assert.strictEqual((yield* subscriber.stats).duplicates, 0)
      assert.strictEqual(yield* besides, before)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("bring what the one that is followed withholds, without another session", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      const servers = [yield* serve(withholding), yield* serve()]
      const before = yield* besides
      const { subscriber, until } = yield* observe(dag, servers)
      yield* until(40)
      assert.isAbove(yield* besides, before + 40)
      assert.strictEqual((yield* subscriber.stats).sessions, 1)
    }).pipe(Effect.scoped, quietly)
  )

  for (const [what, deviation] of Object.entries({ forging, withholding, silent, boasting })) {
    it.live(`are left when they are ${what}, and the one that is followed is not blamed`, () =>
      Effect.gen(function* () {
        const dag = makeDag()
        const servers = [yield* serve(), yield* serve(deviation)]
        const { subscriber, until } = yield* observe(dag, servers)
        yield* until(60)
        const { rejected, sessions } = yield* subscriber.stats
        assert.strictEqual(sessions, 1)
        assert.strictEqual(rejected > 0, what === "forging")
      }).pipe(Effect.scoped, quietly)
    )
  }

  it.live("stand in for a followed one that forges, and for one that dies", () =>
    Effect.gen(function* () {
      const dag = makeDag()
      const servers = [yield* serve(forging), yield* serve(), yield* serve()]
      const { subscriber, until } = yield* observe(dag, servers)
      yield* until(30)
      assert.isAbove((yield* subscriber.stats).rejected, 0)
      yield* servers[1]!.die
      yield* until(60)
    }).pipe(Effect.scoped, quietly)
  )
})
