import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import type { DagCommittee } from "@ephor/types"
import { Context, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import {
  BlockSource,
  BlockVerifier,
  FrameCache,
  Grpc,
  Messages,
  ObserverApi,
  Publisher,
  Relay,
  Subscriber
} from "../src/index.ts"
import * as NodeBlockVerifier from "../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../src/NodeGrpcServer.ts"
import { block } from "../src/testing/ObserverApiTest.ts"
import { dagOf } from "./dag.ts"
import { publisher } from "./support/publisher.ts"
import { quick } from "./support/quick.ts"
import { quietly } from "./support/quietly.ts"

const signature = (n: number) => new Uint8Array(48).fill(n)
const signatures = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => signature(from + i))
const said = (responses: ReadonlyArray<Messages.BlockStreamResponse>) =>
  responses.flatMap(({ auxiliaryData }) =>
    auxiliaryData === undefined ? [] : [auxiliaryData.randomnessSignatures.map((bytes) => bytes[0]!)]
  )

const open = Effect.fnUntraced(function* (api: ObserverApi.Service, wishes = {}) {
  const commands = Stream.make<[Messages.BlockStreamRequest]>({
    command: { _tag: "Start", value: { highestRoundPerAuthority: [], ...wishes } }
  })
  const responses = yield* Queue.unbounded<Messages.BlockStreamResponse>()
  yield* Stream.runForEach(api.streamBlocks(Stream.concat(commands, Stream.never)), (one) =>
    Queue.offer(responses, one)
  ).pipe(Effect.forkScoped({ startImmediately: true }))
  yield* TestClock.adjust(1)
  yield* Queue.take(responses)
  return Queue.takeAll(responses)
})

describe("auxiliary data of a publisher", () => {
  it.effect("is told to those at the tip, apart from blocks, and to nobody later", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      yield* memory.auxiliary([signature(1)])
      const [one, two] = yield* Effect.all([open(api), open(api)])
      yield* memory.accept([block(1, 1)])
      yield* memory.auxiliary([signature(2), signature(3)])
      yield* TestClock.adjust(1)
      const [first, second] = yield* Effect.all([one, two])
      assert.deepStrictEqual(said(first), [[2, 3]])
      assert.deepStrictEqual(
        first.map(({ blocks }) => blocks.length),
        [1, 0]
      )
      assert.strictEqual(first[1], second[1])
      const late = yield* open(api)
      yield* memory.auxiliary([signature(4)])
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(said(yield* late), [[4]])
    })
  )

  it.effect("comes twenty at a time, or fewer where a subscriber wishes so", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const [all, few] = yield* Effect.all([open(api), open(api, { maxBatchItems: 15 })])
      yield* memory.auxiliary(signatures(1, 45))
      yield* TestClock.adjust(1)
      assert.deepStrictEqual(
        said(yield* all).map((items) => items.length),
        [20, 20, 5]
      )
      assert.deepStrictEqual(
        said(yield* few).map((items) => items.length),
        [15, 15, 15]
      )
    })
  )

  it.effect("waits for blocks, and is missed by who is busy with them for too long", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher({ ringAuxiliary: 4 })
      const pull = yield* Stream.toPull(
        api.streamBlocks(
          Stream.make({ command: { _tag: "Start", value: { highestRoundPerAuthority: [] } } } as const)
        )
      )
      yield* pull
      yield* memory.accept([1, 2, 3].flatMap((round) => [0, 1, 2, 3].map((author) => block(round, author))))
      yield* memory.auxiliary(signatures(1, 10))
      yield* Effect.forEach(Array.from({ length: 20 }), () => Effect.yieldNow)
      const seen: Array<Messages.BlockStreamResponse> = []
      while (said(seen).length === 0) seen.push(...(yield* pull))
      assert.strictEqual(
        seen.reduce((sum, { blocks }) => sum + blocks.length, 0),
        12
      )
      assert.deepStrictEqual(said(seen), [[7, 8, 9, 10]])
    })
  )

  it("is field 3 of the response", () => {
    const response: Messages.BlockStreamResponse = {
      blocks: [Uint8Array.of(1)],
      highestCommitIndex: 5,
      auxiliaryData: { randomnessSignatures: [Uint8Array.of(7), Uint8Array.of(8, 9)] }
    }
    const bytes = Messages.encodeBlockResponse(response)
    assert.deepStrictEqual([...bytes], [0x0a, 1, 1, 0x10, 5, 0x1a, 7, 0x0a, 1, 7, 0x0a, 2, 8, 9])
    assert.deepStrictEqual([...FrameCache.blockFrame(response)], [...Grpc.frame(bytes)])
  })
})

describe("auxiliary data at a subscriber", () => {
  const { committee } = dagOf(1)
  const observe = (api: ObserverApi.Service, verifier: Layer.Layer<BlockVerifier.BlockVerifier, unknown>) =>
    Effect.provide(
      Subscriber.make([{ name: "peer", connect: Effect.succeed(api) }], quick),
      Layer.orDie(verifier)
    )
  const even = (bytes: Uint8Array) => bytes[0]! % 2 === 0
  const mysticeti = (of: DagCommittee, randomness?: (bytes: Uint8Array) => boolean) =>
    NodeBlockVerifier.layerMysticeti({ committee: of, ...(randomness === undefined ? {} : { randomness }) })

  /** What a subscriber hands over of signatures 1 to 6 and one of 2000 bytes, told over and over. */
  const handedOver = Effect.fnUntraced(function* (
    verifier: Layer.Layer<BlockVerifier.BlockVerifier, unknown>,
    count: number
  ) {
    const { memory, source } = yield* publisher()
    const server = NodeGrpcServer.layer().pipe(Layer.provide(Publisher.layer()), Layer.provide(source))
    const { url } = Context.get(yield* Layer.build(server), NodeGrpcServer.GrpcServer)
    const subscriber = yield* observe(yield* NodeGrpcClient.connect({ url }), verifier)
    yield* memory
      .auxiliary([...signatures(1, 6), new Uint8Array(2000)])
      .pipe(Effect.delay(20), Effect.forever, Effect.forkScoped)
    const taken = yield* Stream.take(subscriber.randomnessSignatures, count).pipe(
      Stream.runCollect,
      Effect.timeoutOrElse({ duration: 500, orElse: () => Effect.succeed([]) })
    )
    return { taken: taken.map((bytes) => bytes[0]!), rejected: (yield* subscriber.stats).rejected }
  })

  it.live("is handed over where the publisher is trusted", () =>
    Effect.gen(function* () {
      const { taken } = yield* handedOver(BlockVerifier.layerTrusting(), 6)
      assert.deepStrictEqual(taken, [1, 2, 3, 4, 5, 6])
    }).pipe(Effect.scoped, quietly)
  )

  it.live("is handed over as far as it verifies", () =>
    Effect.gen(function* () {
      const { rejected, taken } = yield* handedOver(mysticeti(committee, even), 3)
      assert.deepStrictEqual(taken, [2, 4, 6])
      assert.isAtLeast(rejected, 3)
    }).pipe(Effect.scoped, quietly)
  )

  it.live("stays away from the application where nobody can verify it", () =>
    Effect.gen(function* () {
      const seen = yield* handedOver(mysticeti(committee), 1)
      assert.deepStrictEqual(seen, { taken: [], rejected: 0 })
    }).pipe(Effect.scoped, quietly)
  )

  it.live("is passed on by relays", () =>
    Effect.gen(function* () {
      const { api, memory } = yield* publisher()
      const relay = yield* Effect.provide(
        Relay.make({
          identity: "relay",
          peers: [{ name: "origin", connect: Effect.succeed(api) }],
          subscriber: quick
        }),
        Layer.orDie(Layer.merge(Store.layerMemory, mysticeti(committee, even)))
      )
      const published = yield* Effect.provideService(
        Publisher.makeApi(),
        BlockSource.BlockSource,
        relay.source
      )
      const subscriber = yield* observe(published, BlockVerifier.layerTrusting())
      yield* memory
        .auxiliary([signature(2), signature(4)])
        .pipe(Effect.delay(20), Effect.forever, Effect.forkScoped)
      const taken = yield* Stream.runCollect(Stream.take(subscriber.randomnessSignatures, 2))
      assert.deepStrictEqual(
        taken.map((bytes) => bytes[0]),
        [2, 4]
      )
    }).pipe(Effect.scoped, quietly)
  )
})
