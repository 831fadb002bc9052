/**
 * A publisher under attack: a committee that goes on producing, a server on 127.0.0.1, an honest subscriber that verifies
 * everything, and a look at what the attack has left behind.
 */
import { assert } from "@effect/vitest"
import { Effect, Fiber, Layer, Metric, Ref, References, type Scope, Stream } from "effect"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { BlockSource, Metrics, Publisher, Subscriber, type SubscriberConfig } from "../../src/index.ts"
import * as NodeBlockVerifier from "../../src/NodeBlockVerifier.ts"
import * as NodeGrpcClient from "../../src/NodeGrpcClient.ts"
import * as NodeGrpcServer from "../../src/NodeGrpcServer.ts"
import { type Dag, dagOf, type Round } from "../dag.ts"

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Bytes that this process holds, after a look at what it need not hold. */
export const heldBytes = Effect.gen(function* () {
  for (let i = 0; i < 3; i++) {
    collect()
    yield* Effect.sleep(20)
  }
  const { arrayBuffers, external, heapUsed } = process.memoryUsage()
  return heapUsed + external + arrayBuffers
})

/** What a gauge or counter says now. */
export const sessionsOpen = Effect.map(Metric.value(Metrics.sessions), ({ value }) => Number(value))
export const refusals = (cause: Metrics.Refusal) =>
  Effect.map(Metric.value(Metrics.refusedByServer(cause)), ({ count }) => Number(count))

/** Times for tests: everything that waits, waits less. */
export const quick: SubscriberConfig.Options = {
  evaluateIntervalMs: 10,
  giveUpMs: 20,
  backoffMs: 5,
  maxBackoffMs: 20,
  silenceMs: 1500,
  repairMs: 50,
  stallMs: 500,
  handOverMs: 300
}

/** Puts a DAG into a source, and goes on making a round every few milliseconds. */
export const producing = Effect.fnUntraced(function* (dag: Dag, everyMs = 15) {
  const memory = yield* BlockSource.makeMemory({ committeeSize: 4, gcDepth: 60 })
  const put = Effect.fnUntraced(function* (round: Round) {
    yield* memory.accept(round.blocks)
    yield* memory.commit([round.commit])
  })
  for (const round of dag.rounds) yield* put(round)
  yield* Effect.suspend(() => put(dag.next())).pipe(Effect.delay(everyMs), Effect.forever, Effect.forkScoped)
  return Layer.succeed(BlockSource.BlockSource, memory.source)
})

/** What an attack has to work with. */
export interface World {
  readonly port: number
  readonly url: string
}

/** How an attack is run, and what it may leave behind. */
export interface Attack<E> {
  readonly options?: Partial<NodeGrpcServer.ServerOptions>
  readonly publisher?: Partial<Publisher.PublisherOptions>
  readonly client?: Partial<NodeGrpcClient.ClientOptions>
  /** Causes of which at least one is counted. */
  readonly causes: ReadonlyArray<Metrics.Refusal>
  readonly run: (world: World) => Effect.Effect<void, E, Scope.Scope>
  /** Bytes of transactions in every block. */
  readonly payload?: number
}

/** Most that an attack may leave behind in this process. */
const leftBytes = 24 * 1024 * 1024

/**
 * Runs an attack beside an honest subscriber. It must get every commit once, in order, in one session; the attackers'
 * connections must be gone afterwards, and their memory with them.
 */
export const withstand = <E>(attack: Attack<E>) =>
  Effect.gen(function* () {
    const dag = dagOf(80, { payload: attack.payload ?? 64 })
    const source = yield* producing(dag)
    const server = NodeGrpcServer.layer(attack.options).pipe(
      Layer.provide(Publisher.layer({ heartbeatMs: 200, ...attack.publisher })),
      Layer.provide(source)
    )
    yield* Effect.gen(function* () {
      const { port, url } = yield* NodeGrpcServer.GrpcServer
      const subscriber = yield* Effect.provide(
        Subscriber.make([{ name: url, connect: NodeGrpcClient.connect({ url, ...attack.client }) }], quick),
        NodeBlockVerifier.layerMysticeti({ committee: dag.committee })
      )
      const delivered = yield* Ref.make<ReadonlyArray<string>>([])
      const honest = yield* Stream.runForEach(subscriber.commits, ({ digest, index }) =>
        Ref.update(delivered, (all) => [...all, `${index} ${digest}`])
      ).pipe(Effect.forkScoped)
      const reached = Effect.fnUntraced(function* (count: number) {
        while ((yield* Ref.get(delivered)).length < count) yield* Effect.sleep(10)
      }, Effect.timeout("20 seconds"))
      yield* reached(90)
      const open = yield* sessionsOpen
      const counted = (yield* Effect.forEach(attack.causes, refusals)).reduce((sum, one) => sum + one, 0)
      const before = yield* heldBytes
      yield* Effect.scoped(attack.run({ port, url }))
      const during = (yield* Ref.get(delivered)).length
      yield* reached(during + 20)
      const after = (yield* Effect.forEach(attack.causes, refusals)).reduce((sum, one) => sum + one, 0)
      if (attack.causes.length > 0)
        assert.isAbove(after, counted, `nothing was counted as ${attack.causes.join(" or ")}`)
      yield* Effect.gen(function* () {
        while ((yield* sessionsOpen) > open) yield* Effect.sleep(10)
      }).pipe(Effect.timeout("10 seconds"))
      assert.isBelow((yield* heldBytes) - before, leftBytes)
      assert.isUndefined(honest.pollUnsafe())
      const { rejected, sessions } = yield* subscriber.stats
      assert.deepStrictEqual({ rejected, sessions }, { rejected: 0, sessions: 1 })
      yield* Fiber.interrupt(honest)
      assert.deepStrictEqual(
        yield* Ref.get(delivered),
        (yield* Ref.get(delivered)).map((_, i) => `${i + 1} ${dag.rounds[i]!.digest}`)
      )
    }).pipe(Effect.scoped, Effect.provide(server))
  }).pipe(Effect.scoped, Effect.provideService(References.MinimumLogLevel, "None"))
