/** Every contract suite, from outside: against the reference implementation that is published beside it. */
import { assert, describe, it } from "@effect/vitest"
import { Chain } from "@ephor/chain"
import * as ChainTest from "@ephor/chain/testing/ChainTest"
import { MemoryNetwork } from "@ephor/network"
import * as NetworkTest from "@ephor/network/testing/NetworkTest"
import { Subsystem } from "@ephor/overseer"
import * as SubsystemTest from "@ephor/overseer/testing/SubsystemTest"
import { Store } from "@ephor/store"
import * as NodeStore from "@ephor/store/NodeStore"
import * as StoreTest from "@ephor/store/testing/StoreTest"
import { Publisher } from "@ephor/streaming"
import * as ObserverApiTest from "@ephor/streaming/testing/ObserverApiTest"
import { ManagedNode } from "@ephor/supervisor-protocol"
import * as ManagedNodeTest from "@ephor/supervisor-protocol/testing/ManagedNodeTest"
import { type Deferred as DeferredType, Context, Deferred, Effect, Layer } from "effect"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"

const folder = mkdtempSync(join(tmpdir(), "ephor-packed-store-"))
afterAll(() => rmSync(folder, { recursive: true }))

StoreTest.suite("memory", () => Layer.fresh(Store.layerMemory))
StoreTest.suite("lmdb", (test) => NodeStore.layer({ path: join(folder, String(test)) }), { durable: true })
ChainTest.suite("memory", (backend, limits) => Chain.layerMemory({ ...backend, limits }))
ObserverApiTest.suite("in memory", Publisher.layer())

const authorityOfAlice = `0x${"a1".repeat(32)}` as const
NetworkTest.suite(
  "MemoryNetwork",
  Effect.gen(function* () {
    const hub = Context.get(yield* Layer.build(MemoryNetwork.layer()), MemoryNetwork.MemoryNetwork)
    const alice = yield* hub.join({ id: "alice", authority: authorityOfAlice })
    return {
      alice,
      bob: yield* hub.join({ id: "bob" }),
      carol: yield* hub.join({ id: "carol" }),
      authorityOfAlice
    }
  })
)

describe("ManagedNodeTest", () => {
  const node = ManagedNode.layerChain({ chainId: ManagedNodeTest.chainId }).pipe(
    Layer.provideMerge(ManagedNodeTest.layerChain)
  )
  for (const { name, run } of ManagedNodeTest.checks)
    it.live(name, () => Effect.scoped(run).pipe(Effect.provide(node)))
})

describe("SubsystemTest", () => {
  type Message = {
    readonly _tag: "Double"
    readonly of: number
    readonly reply: DeferredType.Deferred<number>
  }
  class Doubler extends Subsystem.Service<Doubler, Message>()("acme/Doubler") {}
  const layer = Doubler.toLayer(
    Effect.succeed({ message: Doubler.match({ Double: ({ of, reply }) => Deferred.succeed(reply, of * 2) }) })
  )
  it.effect("runs a subsystem of somebody else", () =>
    Effect.gen(function* () {
      const doubler = yield* SubsystemTest.make({ subsystem: Doubler, layer })
      assert.strictEqual(yield* doubler.ask<number>((reply) => ({ _tag: "Double", of: 21, reply })), 42)
    })
  )
})
