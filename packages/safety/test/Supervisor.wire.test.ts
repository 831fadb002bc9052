import { assert, describe, it } from "@effect/vitest"
import { ManagedNode, ManagedNodeServer } from "@ephor/supervisor-protocol"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import * as NodeManagedNodeServer from "@ephor/supervisor-protocol/NodeManagedNodeServer"
import { Context, Effect, Exit, Layer, Option, Redacted, Scope } from "effect"
import { connect, createServer, type Socket } from "node:net"
import { L1, Supervisor } from "../src/index.ts"
import { randomOf, type Random } from "./town.ts"
import { execute, makeL1, makeL2, persistentStore, plainLog, rollupConfig, type TestL2 } from "./world.ts"

const jwtSecret = Redacted.make(new Uint8Array(32).fill(9))
const host = "127.0.0.1"

const serve = Effect.fnUntraced(function* ({ node }: TestL2, port: number) {
  const scope = yield* Scope.make()
  const layer = NodeManagedNodeServer.layer({ host, port, jwtSecret })
  const context = yield* Layer.buildWithScope(
    Layer.fresh(layer).pipe(Layer.provide(Layer.succeed(ManagedNode.ManagedNode, node))),
    scope
  )
  const address = Context.get(context, ManagedNodeServer.ManagedNodeServer)
  return { ...address, stop: Scope.close(scope, Exit.void) }
})

/** Without long pauses between two tries. */
const limits = { backoffFirstMs: 20, backoffMaxMs: 100, backoffJitterMs: 5, callTimeoutMs: 1000 }

const dial = (url: string) =>
  Effect.map(Layer.build(NodeManagedNodeClient.layer({ url, jwtSecret, limits })), (context) => ({
    node: Context.get(context, ManagedNode.ManagedNode)
  }))

/** Stands between a supervisor and a node, and cuts the first `cuts` connections after some bytes of the node. */
const cuttingProxy = (port: number, cuts: number, random: Random) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly url: string; readonly done: () => number; readonly close: () => void }>(
      (resume) => {
        let cut = 0
        const sockets = new Set<Socket>()
        const server = createServer((near) => {
          const far = connect(port, host)
          let left = cut < cuts ? 200 + random.below(4000) : Number.POSITIVE_INFINITY
          for (const socket of [near, far]) {
            sockets.add(socket)
            socket.on("error", () => undefined).on("close", () => [near, far].forEach((one) => one.destroy()))
          }
          near.on("data", (bytes) => far.write(bytes))
          far.on("data", (bytes) => {
            near.write(bytes.subarray(0, left))
            left -= bytes.length
            if (left > 0) return
            cut += 1
            near.destroySoon()
            far.destroy()
          })
        }).listen(0, host, () => {
          const address = server.address()
          const bound = typeof address === "object" && address !== null ? address.port : 0
          const close = () => {
            for (const socket of sockets) socket.destroy()
            server.close()
          }
          resume(Effect.succeed({ url: `ws://${host}:${bound}`, done: () => cut, close }))
        })
      }
    ),
    ({ close }) => Effect.sync(close)
  )

/** Real time, as real sockets are in play; gives up long before the test's own limit. */
const until = Effect.fnUntraced(function* <E>(what: string, condition: Effect.Effect<boolean, E>) {
  for (let i = 0; i < 1000; i++) {
    if (yield* Effect.orElseSucceed(condition, () => false)) return
    yield* Effect.sleep(20)
  }
  return yield* Effect.die(new Error(`it never happened: ${what}`))
})

/** All blocks of a chain, for a batcher that has put none of them on L1 before. */
const canonical = ({ chain }: TestL2) =>
  Effect.gen(function* () {
    const { hash, number } = yield* chain.head("LocalUnsafe")
    const below = yield* chain.ancestors(hash, number - 1)
    return yield* Effect.forEach([...below.toReversed().map((block) => block.hash), hash], (id) =>
      Effect.map(chain.block(id), Option.getOrThrow)
    )
  })

describe("Supervisor over sockets", () => {
  it.live("supervises two nodes, has a block replaced, and goes on when a node's server was restarted", () =>
    Effect.gen(function* () {
      const l1 = makeL1()
      const a = yield* makeL2("901", l1)
      const b = yield* makeL2("902", l1)
      const serverA = yield* serve(a, 0)
      const serverB = yield* serve(b, 0)
      const context = yield* Layer.build(
        Supervisor.layer({
          dependencySet: { dependencies: { "901": {}, "902": {} } },
          rollupConfigs: { "901": rollupConfig(l1, a), "902": rollupConfig(l1, b) },
          nodes: [yield* dial(serverA.url), yield* dial(serverB.url)]
        }).pipe(
          Layer.provide(Layer.fresh(L1.layer(l1.source, { pollIntervalMs: 50 }))),
          Layer.provide(yield* persistentStore)
        )
      )
      const supervisor = Context.get(context, Supervisor.Supervisor)
      const log = plainLog("hello")
      const a1 = yield* a.build([log])
      const b1 = yield* b.build([execute("901", a1, 3, log)])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      yield* until(
        "b1 is replaced",
        Effect.map(b.chain.head("CrossSafe"), ({ hash, number }) => number === 1 && hash !== b1.hash)
      )
      yield* serverB.stop
      const again = yield* serve(b, serverB.port)
      const b2 = yield* b.build([execute("901", a1, 0, log)])
      l1.mine(1)
      b.batch(3, b2)
      l1.mine(2)
      l1.finalize(4)
      yield* until(
        "b2 is final on the node",
        Effect.map(b.chain.head("Finalized"), ({ hash }) => hash === b2.hash)
      )
      assert.deepStrictEqual(yield* supervisor.counters, { executingMessages: 2, invalidatedBlocks: 1 })
      yield* again.stop
      yield* serverA.stop
    })
  )

  it.live("goes on through connections that are cut in the middle of a frame", () =>
    Effect.gen(function* () {
      const cuts = 25
      const random = randomOf(7)
      const l1 = makeL1()
      const a = yield* makeL2("901", l1)
      const b = yield* makeL2("902", l1)
      const servers = [yield* serve(a, 0), yield* serve(b, 0)] as const
      const proxy = yield* cuttingProxy(servers[0].port, cuts, random)
      const context = yield* Layer.build(
        Supervisor.layer({
          dependencySet: { dependencies: { "901": {}, "902": {} } },
          rollupConfigs: { "901": rollupConfig(l1, a), "902": rollupConfig(l1, b) },
          nodes: [yield* dial(proxy.url), yield* dial(servers[1].url)],
          options: { reconnectMs: 20, maxReconnectMs: 100, callTimeoutMs: 1000, resetIntervalMs: 50 }
        }).pipe(
          Layer.provide(Layer.fresh(L1.layer(l1.source, { pollIntervalMs: 50 }))),
          Layer.provide(yield* persistentStore)
        )
      )
      const supervisor = Context.get(context, Supervisor.Supervisor)
      const log = plainLog("hello")
      let tip = yield* a.build([log])
      yield* until(
        "every cut",
        Effect.gen(function* () {
          const other = yield* b.build([execute("901", tip, 0, log)])
          tip = yield* a.build([log])
          l1.mine(1)
          a.batch(l1.blocks.length - 1, ...(yield* canonical(a)))
          b.batch(l1.blocks.length - 1, other)
          return proxy.done() >= cuts
        })
      )
      a.batch(l1.blocks.length - 1, ...(yield* canonical(a)))
      l1.mine(3)
      l1.finalize(l1.blocks.length - 1)
      for (const l2 of [a, b]) {
        const head = yield* l2.chain.head("LocalUnsafe")
        yield* until(
          `everything of ${l2.chainId} is final, on both sides`,
          Effect.gen(function* () {
            const heads = yield* l2.chain.heads
            const ours = yield* supervisor.finalized(l2.chainId)
            return [ours, ...Object.values(heads)].every(({ hash }) => hash === head.hash)
          })
        )
      }
      for (const { stop } of servers) yield* stop
    })
  )
})
