import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import { ManagedNodeError } from "@ephor/supervisor-protocol"
import { Disconnected, Pruned } from "@ephor/supervisor-protocol/ManagedNodeError"
import type { BlockRef, Heads } from "@ephor/types"
import { Clock, Context, Effect, Exit, Latch, Layer, Logger, Option, Ref, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { L1, Supervisor, type SupervisorError } from "../src/index.ts"
import { configOf, is, makeWorld, start as startSupervisor } from "./support/supervisor.ts"
import { execute, makeL2, plainLog, type TestL2, until } from "./world.ts"

const start = (...args: Parameters<typeof startSupervisor>) =>
  Effect.map(startSupervisor(...args), ({ supervisor }) => supervisor)

const noHash = `0x${"0".repeat(64)}` as const
/** The first block of either chain, before it is made: messages do not name its hash. */
const next: BlockRef = { number: 1, timestamp: 1002, hash: noHash, parentHash: noHash }

const safeOn = (l2: TestL2, block: { readonly hash: string; readonly number: number }) =>
  until(
    `#${block.number} is cross-safe on the node of ${l2.chainId}`,
    Effect.map(l2.chain.head("CrossSafe"), is(block))
  )

/** Log lines of a test, so that what a person would read is tested too. */
const captured = Effect.sync(() => {
  const lines: Array<string> = []
  const layer = Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))])
  return { lines, layer }
})

describe("Supervisor and its nodes", () => {
  it.effect("leaves nodes alone that do not belong here, and says so", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* captured
      yield* Effect.gen(function* () {
        const world = yield* makeWorld
        const { a, b, l1 } = world
        const stranger = yield* makeL2("999", l1)
        const nodes = [
          { node: stranger.node },
          { node: a.node, chainId: "902" },
          { node: a.node },
          { node: b.node }
        ]
        yield* start(world, { nodes })
        const a1 = yield* a.build()
        yield* until("a1 is cross-unsafe", Effect.map(a.chain.head("CrossUnsafe"), is(a1)))
      }).pipe(Effect.provide(layer))
      assert.isTrue(
        lines.some((line) => line.includes("node #0 is of chain 999, which is not in the dependency set"))
      )
      assert.isTrue(
        lines.some((line) => line.includes("node #1 is of chain 901, but configured for chain 902"))
      )
    })
  )

  it.effect("a node that never answers an update holds nobody up", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const slow = { ...a.node, updateCrossUnsafe: () => Effect.never, updateFinalized: () => Effect.never }
      const supervisor = yield* start(world, { nodes: [{ node: slow }, { node: a.node }, { node: b.node }] })
      const blocks = [yield* a.build(), yield* a.build(), yield* a.build()]
      l1.mine(1)
      a.batch(1, ...blocks)
      l1.mine(2)
      yield* safeOn(a, blocks[2]!)
      assert.strictEqual((yield* supervisor.crossSafe("901")).derived.number, 3)
    })
  )

  it.effect("goes on when a node comes back after its stream broke, and its calls failed", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const down = yield* Ref.make(true)
      const error = new ManagedNodeError({ method: "connect", reason: new Disconnected({ why: "refused" }) })
      const whenUp = <A>(effect: Effect.Effect<A, ManagedNodeError>) =>
        Effect.flatMap(Ref.get(down), (down) => (down ? Effect.fail(error) : effect))
      const flaky = {
        ...a.node,
        chainId: whenUp(a.node.chainId),
        fetchReceipts: (hash: `0x${string}`) => whenUp(a.node.fetchReceipts(hash)),
        events: Stream.unwrap(Effect.as(whenUp(Effect.void), a.node.events)).pipe(
          Stream.interruptWhen(until("down again", Ref.get(down)))
        )
      }
      const supervisor = yield* start(world, { nodes: [{ node: flaky }, { node: b.node }] })
      const a1 = yield* a.build()
      const b1 = yield* b.build()
      yield* until("b1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b1)))
      assert.strictEqual((yield* supervisor.localUnsafe("901")).number, 0)
      yield* Ref.set(down, false)
      yield* until("a1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(a1)))
      yield* Ref.set(down, true)
      const a2 = yield* a.build()
      l1.mine(1)
      a.batch(1, a1, a2)
      l1.mine(2)
      yield* Ref.set(down, false)
      yield* safeOn(a, a2)
    })
  )

  it.effect("resets a node whose local-safe chain is another one, but not in a tight loop", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      // A second node of the first chain, which derives another block 2.
      const other = yield* makeL2("901", l1)
      const resets: Array<{ readonly atMs: number; readonly localSafe: number }> = []
      const watched = {
        ...other.node,
        reset: (heads: Heads) =>
          Effect.flatMap(Clock.currentTimeMillis, (atMs) => {
            resets.push({ atMs, localSafe: heads.localSafe.number })
            return other.node.reset(heads)
          })
      }
      const supervisor = yield* start(world, {
        nodes: [{ node: a.node }, { node: b.node }, { node: watched }]
      })
      yield* until(
        "the other node was started",
        Effect.sync(() => resets.length === 1)
      )
      const a1 = yield* a.build()
      const a2 = yield* a.build()
      const o1 = yield* other.build()
      assert.strictEqual(o1.hash, a1.hash)
      const o2 = yield* other.build([], { mark: "other" })
      l1.mine(1)
      a.batch(1, a1, a2)
      l1.mine(2)
      yield* safeOn(a, a2)
      yield* other.chain.promote("CrossUnsafe", o1.hash)
      yield* other.chain.promote("LocalSafe", o2.hash, l1.blocks[1]!)
      yield* until("the other node is taken back", Effect.map(other.chain.head("LocalSafe"), is(o1)))
      other.batch(2, o2)
      l1.mine(1)
      yield* until(
        "again and again",
        Effect.sync(() => resets.length >= 5)
      )
      for (const [i, { atMs }] of resets.entries()) {
        if (i > 0) assert.isAtLeast(atMs - resets[i - 1]!.atMs, 1000)
      }
      assert.strictEqual(resets.at(-1)!.localSafe, 1)
      assert.isTrue(is(a2)((yield* supervisor.crossSafe("901")).derived))
    })
  )

  it.effect("resets a node that keeps only the newest blocks to the last one in common", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const other = yield* makeL2("901", l1)
      const lowest = 5
      const asked: Array<number> = []
      const pruned = {
        ...other.node,
        l2BlockRefByNumber: (number: number) => {
          asked.push(number)
          if (number === 0 || number >= lowest) return other.node.l2BlockRefByNumber(number)
          const text = `pruned history unavailable: block ${number} is below block ${lowest}`
          const method = "interop_l2BlockRefByNumber"
          return Effect.fail(new ManagedNodeError({ method, reason: new Pruned({ text }) }))
        }
      }
      yield* start(world, { nodes: [{ node: a.node }, { node: b.node }, { node: pruned }] })
      const ours = [yield* a.build()]
      const theirs = [yield* other.build()]
      for (let number = 2; number <= 8; number++) {
        ours.push(yield* a.build())
        theirs.push(yield* other.build([], number > 6 ? { mark: "other" } : {}))
      }
      assert.strictEqual(theirs[5]!.hash, ours[5]!.hash)
      l1.mine(1)
      a.batch(1, ...ours)
      l1.mine(2)
      yield* safeOn(a, ours[7]!)
      yield* other.chain.promote("CrossUnsafe", theirs[5]!.hash)
      yield* other.chain.promote("LocalSafe", theirs[7]!.hash, l1.blocks[1]!)
      yield* until(
        "the other node is taken back to what is common",
        Effect.map(other.chain.head("LocalSafe"), is(theirs[5]!))
      )
      assert.isTrue(asked.some((number) => number > 0 && number < lowest))
    })
  )

  it.effect("a node that is merely behind takes nothing back, and catches up", () =>
    Effect.gen(function* () {
      const { layer, lines } = yield* captured
      yield* Effect.gen(function* () {
        const world = yield* makeWorld
        const { a, b, l1 } = world
        const late = yield* makeL2("901", l1)
        const lateNode = { ...late.node, chainId: Effect.delay(late.node.chainId, "5 seconds") }
        const supervisor = yield* start(world, {
          nodes: [{ node: a.node }, { node: b.node }, { node: lateNode }]
        })
        const blocks = [yield* a.build(), yield* a.build(), yield* a.build()]
        l1.mine(1)
        a.batch(1, blocks[0]!)
        l1.mine(2)
        yield* safeOn(a, blocks[0]!)
        yield* until(
          "the late node is attached",
          Effect.sync(() => lines.some((line) => line.includes("#2 is attached")))
        )
        yield* until("a3 is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(blocks[2]!)))
        for (const _ of blocks) yield* late.build()
        late.batch(2, blocks[0]!)
        l1.mine(1)
        yield* safeOn(late, blocks[0]!)
        assert.isTrue(is(blocks[2]!)(yield* supervisor.localUnsafe("901")))
      }).pipe(Effect.provide(layer))
      assert.isFalse(lines.some((line) => line.includes("the unsafe chain was reorganised")))
    })
  )

  it.effect("a chain that waits for another one is woken by it", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b } = world
      // Nothing repeats, so that only the other chain's progress can move the one that waits.
      const quiet = ({ node }: TestL2) => ({
        node: { ...node, events: Stream.filter(node.events, ({ exhaustL1 }) => exhaustL1 === undefined) }
      })
      const supervisor = yield* start(
        world,
        { nodes: [quiet(a), quiet(b)] },
        {
          l1: {
            pollIntervalMs: 3_600_000
          }
        }
      )
      const log = plainLog("hello")
      yield* until(
        "attached",
        Effect.map(a.build(), ({ number }) => number > 0)
      )
      const b1 = yield* b.build()
      const b2 = yield* b.build([execute("901", { ...next, number: 2, timestamp: 1004 }, 0, log)])
      yield* until("b1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b1)))
      yield* a.build([log])
      yield* until("b2 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b2)))
    })
  )
})

describe("Supervisor and a node that was reset", () => {
  it.effect("the node learns its cross-unsafe head again", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a } = world
      const supervisor = yield* start(world)
      const a1 = yield* a.build()
      const a2 = yield* a.build()
      // Nothing moves cross-unsafe after this block, which executes what was never said.
      const a3 = yield* a.build([execute("902", { ...a1, number: 1 }, 4, plainLog("never said"))])
      yield* until("a3 is indexed", Effect.map(supervisor.localUnsafe("901"), is(a3)))
      yield* until("a2 is cross-unsafe on the node", Effect.map(a.chain.head("CrossUnsafe"), is(a2)))
      const genesis = { hash: a.genesis.hash, number: 0 }
      const heads = {
        localUnsafe: a3,
        crossUnsafe: genesis,
        localSafe: genesis,
        crossSafe: genesis,
        finalized: genesis
      }
      yield* a.chain.revert(heads, "a hiccup")
      assert.strictEqual((yield* a.chain.head("CrossUnsafe")).number, 0)
      yield* until("a2 is cross-unsafe again", Effect.map(a.chain.head("CrossUnsafe"), is(a2)))
      assert.isTrue(is(a3)(yield* a.chain.head("LocalUnsafe")))
    })
  )
})

describe("Supervisor and the L1", () => {
  it.effect("follows a reorganisation of L1, and the nodes with it", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const supervisor = yield* start(world)
      const a1 = yield* a.build()
      const b1 = yield* b.build()
      const a2 = yield* a.build()
      l1.mine(2)
      a.batch(1, a1)
      b.batch(1, b1)
      a.batch(2, a2)
      l1.mine(2)
      yield* safeOn(a, a2)
      yield* safeOn(b, b1)
      // Block 2 and what follows it are gone; on the new chain a2 comes with block 3.
      l1.fork(1, 5, "fork")
      a.batch(3, a2)
      yield* until(
        "a2 is safe as of block 3 of the new L1",
        Effect.map(supervisor.crossDerivedToSource("901", a2), ({ hash }) => hash === l1.blocks[3]!.hash)
      )
      assert.strictEqual((yield* supervisor.crossDerivedToSource("902", b1)).number, 1)
      l1.finalize(4)
      yield* until("a2 is final on the node", Effect.map(a.chain.head("Finalized"), is(a2)))
    })
  )
})

describe("Supervisor and what it did not hear", () => {
  it.effect(
    "a node that derives a replaced block anew is told to replace it, also by the next supervisor",
    () =>
      Effect.gen(function* () {
        const world = yield* makeWorld
        const { a, b, l1 } = world
        const scope = yield* Scope.make()
        const first = yield* start(world).pipe(Scope.provide(scope))
        const log = plainLog("hello")
        const lie = (block: BlockRef) => execute("901", block, 9, log)
        const a1 = yield* a.build([log])
        const b1 = yield* b.build([lie(a1)])
        l1.mine(1)
        a.batch(1, a1)
        b.batch(1, b1)
        l1.mine(2)
        yield* until(
          "the replacement is cross-safe",
          Effect.map(
            first.crossSafe("902"),
            ({ derived }) => derived.number === 1 && derived.hash !== b1.hash
          )
        )
        yield* Scope.close(scope, Exit.void)
        const replacement = yield* b.chain.head("CrossSafe")
        const fresh = yield* makeL2("902", l1)
        assert.strictEqual((yield* fresh.build([lie(a1)])).hash, b1.hash)
        fresh.batch(1, b1)
        yield* start(world, { nodes: [{ node: a.node }, { node: b.node }, { node: fresh.node }] })
        yield* safeOn(fresh, replacement)
      })
  )

  it.effect("a replacement whose event was lost is found", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const mute = {
        ...b.node,
        events: Stream.filter(b.node.events, ({ replaceBlock }) => replaceBlock === undefined)
      }
      const supervisor = yield* start(world, { nodes: [{ node: a.node }, { node: mute }] })
      const log = plainLog("hello")
      const a1 = yield* a.build([log])
      const b1 = yield* b.build([execute("901", a1, 9, log)])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      yield* until(
        "the replacement is cross-safe",
        Effect.map(
          supervisor.crossSafe("902"),
          ({ derived }) => derived.number === 1 && derived.hash !== b1.hash
        )
      )
      const replacement = yield* b.chain.head("LocalUnsafe")
      assert.isTrue(is(replacement)((yield* supervisor.crossSafe("902")).derived))
    })
  )

  it.effect("an L1 reorganisation that could not be looked into at once is looked into later", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, l1 } = world
      const down = yield* Ref.make(false)
      const blockByNumber = (number: number) =>
        Effect.flatMap(Ref.get(down), (down) =>
          down
            ? Effect.fail(new L1.L1Error({ method: "blockByNumber", why: "down" }))
            : l1.source.blockByNumber(number)
        )
      const supervisor = yield* start({ ...world, l1: { ...l1, source: { ...l1.source, blockByNumber } } })
      const a1 = yield* a.build()
      l1.mine(2)
      a.batch(2, a1)
      l1.mine(2)
      yield* safeOn(a, a1)
      yield* Ref.set(down, true)
      l1.fork(1, 5, "fork")
      a.batch(3, a1)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* supervisor.crossDerivedToSource("901", a1)).number, 2)
      yield* Ref.set(down, false)
      l1.mine(1, "fork")
      yield* until(
        "a1 is safe as of the new L1",
        Effect.map(supervisor.crossDerivedToSource("901", a1), ({ hash }) => hash === l1.blocks[3]!.hash)
      )
    })
  )
})

describe("Supervisor and messages within one timestamp", () => {
  const logA = plainLog("from a")
  const logB = plainLog("from b")

  it.effect("blocks that need each other become safe together", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const supervisor = yield* start(world)
      // The first log of each is said, the second executes what the other said at the same time.
      const a1 = yield* a.build([logA, execute("902", next, 0, logB)])
      const b1 = yield* b.build([logB, execute("901", next, 0, logA)])
      yield* until("a1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(a1)))
      yield* until("b1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("902"), is(b1)))
      l1.mine(2)
      a.batch(1, a1)
      b.batch(2, b1)
      l1.mine(2)
      yield* safeOn(a, a1)
      yield* safeOn(b, b1)
      assert.strictEqual((yield* supervisor.crossDerivedToSource("901", a1)).number, 2)
    })
  )

  it.effect("blocks that execute each other in a circle are replaced", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const supervisor = yield* start(world)
      // Log 0 of each executes log 1 of the other: each would have to come first.
      const a1 = yield* a.build([execute("902", next, 1, logB), logA])
      const b1 = yield* b.build([execute("901", next, 1, logA), logB])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      const replaced = (l2: TestL2, block: { readonly hash: string }) =>
        until(
          "replaced",
          Effect.map(l2.chain.head("CrossSafe"), ({ hash, number }) => number === 1 && hash !== block.hash)
        )
      yield* replaced(a, a1)
      yield* replaced(b, b1)
      assert.strictEqual((yield* supervisor.counters).invalidatedBlocks, 2)
    })
  )
})

describe("Supervisor and its ground", () => {
  it.effect("ends when the store fails", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const store = Context.get(yield* Layer.build(world.store), Store.Store)
      const broken = yield* Ref.make(false)
      const failing = Layer.succeed(Store.Store, {
        ...store,
        batch: (writes) =>
          Effect.flatMap(Ref.get(broken), (broken) =>
            broken
              ? Effect.fail(
                  new Store.StoreError({
                    operation: "batch",
                    path: "(test)",
                    reason: new Store.StoreIo({ cause: new Error("disk full") })
                  })
                )
              : store.batch(writes)
          )
      })
      const supervisor = yield* start(world, {}, { store: failing })
      yield* Ref.set(broken, true)
      yield* world.a.build()
      let failure: SupervisorError | undefined
      yield* Effect.forkScoped(Effect.catch(supervisor.join, (error) => Effect.sync(() => (failure = error))))
      yield* until(
        "it ends",
        Effect.sync(() => failure !== undefined)
      )
      assert.strictEqual(failure?.reason._tag, "StoreFailed")
      assert.include(failure?.message, "disk full")
    })
  )

  it.effect("tells nodes only what is on disk", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, l1 } = world
      const store = Context.get(yield* Layer.build(world.store), Store.Store)
      const disk = yield* Latch.make(true)
      const promotes = (key: Uint8Array) => new TextDecoder().decode(key).startsWith("supervisor/cross")
      const slow = Layer.succeed(Store.Store, {
        ...store,
        batch: (writes) =>
          writes.some(({ key }) => promotes(key)) ? disk.whenOpen(store.batch(writes)) : store.batch(writes)
      })
      const supervisor = yield* start(world, {}, { store: slow })
      const a1 = yield* a.build()
      yield* until("a1 is cross-unsafe on the node", Effect.map(a.chain.head("CrossUnsafe"), is(a1)))
      yield* disk.close
      const a2 = yield* a.build()
      yield* until("a2 is cross-unsafe in memory", Effect.map(supervisor.crossUnsafe("901"), is(a2)))
      yield* TestClock.adjust("20 seconds")
      assert.isTrue(is(a1)(yield* a.chain.head("CrossUnsafe")))
      yield* disk.open
      yield* until("a2 is cross-unsafe on the node", Effect.map(a.chain.head("CrossUnsafe"), is(a2)))
      yield* disk.close
      l1.mine(1)
      a.batch(1, a1, a2)
      l1.mine(2)
      yield* until(
        "cross-safe moves in memory",
        Effect.map(supervisor.crossSafe("901"), ({ source }) => source.number === 1)
      )
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual((yield* a.chain.head("CrossSafe")).number, 0)
      yield* disk.open
      yield* safeOn(a, a2)
    })
  )

  it.effect("refuses a data directory of another genesis, and sets that do not fit", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      yield* start(world)
      const config = configOf(l1, [a, b])
      const whyNot = Effect.fnUntraced(function* (changed: Partial<Supervisor.Config>) {
        const error = yield* Effect.flip(start(world, changed))
        return error.reason._tag === "BadConfiguration" ? error.reason.why : error.message
      })
      const moved = { ...config.rollupConfigs["901"]!, genesis: { ...config.rollupConfigs["901"]!.genesis } }
      moved.genesis = { ...moved.genesis, l2: { ...moved.genesis.l2, hash: `0x${"5".repeat(64)}` } }
      const elsewhere = yield* whyNot({ rollupConfigs: { ...config.rollupConfigs, "901": moved } })
      assert.include(elsewhere, "another genesis")
      const missing = yield* whyNot({ rollupConfigs: { "901": config.rollupConfigs["901"]! } })
      assert.strictEqual(missing, "no rollup config for chains 902 of the dependency set")
      const extra = yield* whyNot({ dependencySet: { dependencies: { "901": {} } } })
      assert.strictEqual(extra, "rollup configs for chains 902, which are not in the dependency set")
      assert.include(yield* whyNot({ dependencySet: { dependencies: {} } }), "empty")
    })
  )

  it.effect("interop that begins later: blocks before it are passed over", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const config = configOf(l1, [a, b])
      const later = Object.fromEntries(
        Object.entries(config.rollupConfigs).map(([id, rollup]) => [id, { ...rollup, interop_time: 1004 }])
      )
      const supervisor = yield* start(world, { rollupConfigs: later })
      assert.isTrue(Option.isNone(yield* Effect.option(supervisor.localUnsafe("901"))))
      const log = plainLog("hello")
      yield* until("the node was reset", Effect.as(a.node.l2BlockRefByNumber(0), true))
      const a1 = yield* a.build()
      const a2 = yield* a.build([log])
      const a3 = yield* a.build([log])
      const b1 = yield* b.build()
      const b2 = yield* b.build()
      const b3 = yield* b.build([execute("901", a3, 0, log)])
      l1.mine(1)
      a.batch(1, a1, a2, a3)
      b.batch(1, b1, b2, b3)
      l1.mine(2)
      yield* safeOn(a, a3)
      yield* safeOn(b, b3)
      assert.strictEqual((yield* supervisor.counters).invalidatedBlocks, 0)
      assert.isTrue(Option.isNone(yield* Effect.option(supervisor.crossDerivedToSource("901", a1))))
    })
  )
})
