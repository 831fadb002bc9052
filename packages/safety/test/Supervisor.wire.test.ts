import { assert, describe, it } from "@effect/vitest"
import { ManagedNode, ManagedNodeServer } from "@ephor/supervisor-protocol"
import * as NodeManagedNodeClient from "@ephor/supervisor-protocol/NodeManagedNodeClient"
import * as NodeManagedNodeServer from "@ephor/supervisor-protocol/NodeManagedNodeServer"
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import { L1, Supervisor } from "../src/index.ts"
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

const dial = (url: string) =>
  Effect.map(Layer.build(NodeManagedNodeClient.layer({ url, jwtSecret })), (context) => ({
    node: Context.get(context, ManagedNode.ManagedNode)
  }))

/** Real time, as real sockets are in play; gives up long before the test's own limit. */
const until = Effect.fnUntraced(function* <E>(what: string, condition: Effect.Effect<boolean, E>) {
  for (let i = 0; i < 1000; i++) {
    if (yield* Effect.orElseSucceed(condition, () => false)) return
    yield* Effect.sleep(20)
  }
  return yield* Effect.die(new Error(`it never happened: ${what}`))
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
})
