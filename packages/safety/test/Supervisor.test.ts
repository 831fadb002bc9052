import { assert, describe, it } from "@effect/vitest"
import type { BlockRef, ChainId, L2BlockRef } from "@ephor/types"
import { Effect } from "effect"
import type { Supervisor } from "../src/index.ts"
import { is, makeWorld, start } from "./support/supervisor.ts"
import { execute, plainLog, until } from "./world.ts"

const crossSafe = (supervisor: Supervisor.Service, chain: ChainId, block: BlockRef) =>
  until(
    `${chain} #${block.number} is cross-safe`,
    Effect.map(supervisor.crossSafe(chain), ({ derived }) => is(block)(derived))
  )

describe("Supervisor", () => {
  it.effect("raises all five heads of two chains", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const { supervisor } = yield* start(world)
      const log = plainLog("hello")
      const a1 = yield* a.build([log])
      const b1 = yield* b.build()
      const b2 = yield* b.build([execute("901", a1, 0, log)])
      yield* until("b2 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b2)))
      yield* until("the node knows", Effect.map(b.chain.head("CrossUnsafe"), is(b2)))
      l1.mine(2)
      b.batch(1, b1, b2)
      a.batch(2, a1)
      l1.mine(2)
      yield* crossSafe(supervisor, "901", a1)
      yield* crossSafe(supervisor, "902", b2)
      // b2 came with L1 block 1, but executes a message of a1, which came with block 2: the scope was bumped.
      const source = yield* supervisor.crossDerivedToSource("902", b2)
      assert.strictEqual(source.number, 2)
      assert.strictEqual((yield* supervisor.crossDerivedToSource("902", b1)).number, 1)
      yield* until("the nodes know", Effect.map(b.chain.head("CrossSafe"), is(b2)))
      l1.finalize(2)
      yield* until("b2 is final on the node", Effect.map(b.chain.head("Finalized"), is(b2)))
      yield* until("a1 is final on the node", Effect.map(a.chain.head("Finalized"), is(a1)))
      const status = yield* supervisor.syncStatus
      assert.strictEqual(status.chains["901"]!.finalized.hash, a1.hash)
      assert.strictEqual(status.chains["902"]!.localUnsafe.hash, b2.hash)
      assert.strictEqual(status.safeTimestamp, a1.timestamp)
      assert.deepStrictEqual(yield* supervisor.counters, { executingMessages: 1, invalidatedBlocks: 0 })
    })
  )

  it.effect("has an invalid block replaced, and goes on", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const { supervisor } = yield* start(world)
      const log = plainLog("hello")
      const a1 = yield* a.build([log])
      const b1 = yield* b.build()
      const b2 = yield* b.build([execute("901", a1, 0, plainLog("never said"))])
      const b3 = yield* b.build()
      yield* until("b1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b1)))
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1, b2, b3)
      l1.mine(2)
      yield* until(
        "the replacement is safe on the node",
        Effect.map(b.chain.head("CrossSafe"), ({ hash, number }) => number === 2 && hash !== b2.hash)
      )
      const replacement = yield* b.chain.head("CrossSafe")
      assert.strictEqual(replacement.parentHash, b1.hash)
      assert.strictEqual((yield* supervisor.counters).invalidatedBlocks, 1)
      assert.isTrue(yield* b.chain.isInvalidated(b2.hash))
      assert.isTrue(yield* supervisor.failsafe)
      const next = yield* b.build([execute("901", a1, 0, log)])
      assert.strictEqual(next.number, 3)
      l1.mine(1)
      b.batch(3, next)
      l1.mine(2)
      yield* crossSafe(supervisor, "902", next)
      yield* until("the node knows", Effect.map(b.chain.head("CrossSafe"), is(next)))
      assert.strictEqual((yield* supervisor.counters).invalidatedBlocks, 1)
    })
  )

  it.effect("goes on after a restart, also in the middle of an invalidation", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      // A node that does not obey yet: the first supervisor dies before the replacement.
      const deaf = { ...b.node, invalidateBlock: () => Effect.void }
      const first = yield* start(world, { nodes: [{ node: a.node }, { node: deaf }] })
      const a1 = yield* a.build([plainLog("hello")])
      const b1 = yield* b.build([execute("901", a1, 7, plainLog("hello"))])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      l1.finalize(1)
      yield* until(
        "b1 is invalid",
        Effect.map(first.supervisor.counters, ({ invalidatedBlocks }) => invalidatedBlocks === 1)
      )
      yield* crossSafe(first.supervisor, "901", a1)
      yield* until("a1 is final", Effect.map(first.supervisor.finalized("901"), is(a1)))
      yield* first.stop
      const { supervisor } = yield* start(world)
      assert.strictEqual((yield* supervisor.crossSafe("901")).derived.hash, a1.hash)
      assert.strictEqual((yield* supervisor.finalized("901")).hash, a1.hash)
      yield* until(
        "b1 is replaced",
        Effect.map(b.chain.head("CrossSafe"), ({ hash, number }) => number === 1 && hash !== b1.hash)
      )
      const a2 = yield* a.build()
      l1.mine(1)
      a.batch(4, a2)
      l1.mine(2)
      yield* crossSafe(supervisor, "901", a2)
    })
  )

  it.effect("follows a reorganisation of unsafe blocks, and takes back what rested on them", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const { supervisor } = yield* start(world)
      const log = plainLog("hello")
      const a1 = yield* a.build()
      const a2 = yield* a.build([log])
      yield* b.build()
      const b2 = yield* b.build([execute("901", a2, 0, log)])
      yield* until("b2 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b2)))
      let head: L2BlockRef = yield* a.build([], { parent: a1, mark: "fork" })
      head = yield* a.build([], { parent: head, mark: "fork" })
      assert.isTrue(is(head)(yield* a.chain.head("LocalUnsafe")))
      yield* until("the fork is indexed", Effect.map(supervisor.localUnsafe("901"), is(head)))
      yield* until("the fork is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(head)))
      const { number } = yield* supervisor.crossUnsafe("902")
      assert.isBelow(number, 2)
      // Once it is safe, the block that executes a message which was never said is replaced.
      l1.mine(1)
      a.batch(1, a1, yield* a.node.l2BlockRefByNumber(2), head)
      b.batch(1, yield* b.node.l2BlockRefByNumber(1), b2)
      l1.mine(2)
      yield* until(
        "b2 is replaced",
        Effect.map(b.chain.head("CrossSafe"), ({ hash, number }) => number === 2 && hash !== b2.hash)
      )
    })
  )
})
