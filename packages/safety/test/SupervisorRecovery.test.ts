import { assert, describe, it } from "@effect/vitest"
import type { ManagedEvent } from "@ephor/supervisor-protocol/ManagedEvent"
import { Disconnected, ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import type { BlockSeal, Heads, L2BlockRef, OutputV0 } from "@ephor/types"
import { Clock, Effect, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { configOf, is, makeWorld, start } from "./support/supervisor.ts"
import { execute, hashOf, plainLog, rollupConfig, until } from "./world.ts"

const zeroHash = `0x${"0".repeat(64)}` as const
const zero = { hash: zeroHash, number: 0 }

/** Says nothing that repeats, so that nobody is reminded of anything by what a node says again. */
const neverPolls = { l1: { pollIntervalMs: 3_600_000 } }

describe("Supervisor after faults", () => {
  it.effect("makes up for a correction that came too soon after a reset, also when it fails once", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      l1.mine(3)
      const blocks = [yield* a.build(), yield* a.build(), yield* a.build()]
      const said = yield* Queue.unbounded<ManagedEvent>()
      const resets: Array<number> = []
      const down = new ManagedNodeError({
        method: "interop_reset",
        reason: new Disconnected({ why: "gone" })
      })
      const { hash, number, parentHash, timestamp } = blocks[2]!
      const hasty = {
        ...a.node,
        provideL1: () => Effect.void,
        events: Stream.merge(
          Stream.filter(
            a.node.events,
            (event) => event.exhaustL1 === undefined && event.derivationUpdate === undefined
          ),
          Stream.fromQueue(said)
        ),
        reset: Effect.fnUntraced(function* (heads: Heads) {
          resets.push(yield* Clock.currentTimeMillis)
          if (resets.length === 2) return yield* down
          yield* a.node.reset(heads)
          const derived = { hash, number, parentHash, timestamp }
          if (resets.length === 1) {
            yield* Queue.offer(said, { derivationUpdate: { source: l1.blocks[1]!, derived } })
          }
        })
      }
      yield* start(world, { nodes: [{ node: hasty }, { node: b.node }] }, neverPolls)
      yield* until(
        "it is reset again, and once more",
        Effect.sync(() => resets.length === 3)
      )
      for (const [i, at] of resets.entries()) if (i > 0) assert.isAtLeast(at - resets[i - 1]!, 1000)
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(resets.length, 3)
    })
  )

  it.effect("takes no other block at the height for the replacement of an invalid one", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      let isObedient = false
      let told = 0
      // What the node answers about the height of the invalid block while it does not obey.
      const wrong: {
        at?: L2BlockRef
        pending: (own: OutputV0) => OutputV0
      } = { pending: (own) => own }
      const node = {
        ...b.node,
        invalidateBlock: (seal: BlockSeal) =>
          Effect.suspend(() => {
            told++
            return isObedient ? b.node.invalidateBlock(seal) : Effect.void
          }),
        l2BlockRefByNumber: (number: number) =>
          told > 0 && !isObedient && wrong.at?.number === number
            ? Effect.succeed(wrong.at)
            : b.node.l2BlockRefByNumber(number),
        pendingOutputV0AtTimestamp: (timestamp: number) =>
          Effect.map(b.node.pendingOutputV0AtTimestamp(timestamp), (own) =>
            told > 0 && !isObedient ? wrong.pending(own) : own
          )
      }
      const { supervisor } = yield* start(world, { nodes: [{ node: a.node }, { node }] })
      const a1 = yield* a.build([plainLog("hello")])
      const b1 = yield* b.build([execute("901", a1, 7, plainLog("hello"))])
      const other = { ...b1, hash: hashOf("another block") }
      const wrongs = [
        // An ordinary block: what is pending there is its own output.
        { at: other, pending: (own: OutputV0) => ({ ...own, blockHash: other.hash }) },
        // The replacement of another block.
        { at: other, pending: (own: OutputV0) => ({ ...own, blockHash: hashOf("a third one") }) },
        // A block of another time, whatever is pending at that of the invalid one.
        { at: { ...other, timestamp: other.timestamp + 1 }, pending: (own: OutputV0) => own }
      ]
      Object.assign(wrong, wrongs[0])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      for (const [index, answers] of wrongs.entries()) {
        Object.assign(wrong, answers)
        const before = told
        yield* until(
          `it is told again, whatever it answers (${index})`,
          Effect.sync(() => told >= before + 3)
        )
        assert.strictEqual((yield* supervisor.crossSafe("902")).derived.number, 0)
      }
      isObedient = true
      yield* until(
        "b1 is replaced",
        Effect.map(b.chain.head("CrossSafe"), ({ hash, number }) => number === 1 && hash !== b1.hash)
      )
      const replacement = yield* b.chain.head("CrossSafe")
      assert.strictEqual((yield* supervisor.crossSafe("902")).derived.hash, replacement.hash)
    })
  )

  it.effect("has one invalid block after the other replaced without a pause, whoever does not answer", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const a1 = yield* a.build([plainLog("hello")])
      const lie = execute("901", a1, 0, plainLog("never said"))
      const told: Array<number> = []
      const obedient = {
        ...b.node,
        invalidateBlock: Effect.fnUntraced(function* (seal: BlockSeal) {
          told.push(yield* Clock.currentTimeMillis)
          yield* b.node.invalidateBlock(seal)
          if (told.length >= 5) return
          const next = yield* b.build([lie])
          yield* Effect.orDie(b.chain.promote("LocalSafe", next.hash, l1.blocks[1]!))
        }, Effect.orDie)
      }
      // A second node of the chain, which says nothing and takes its time with every answer.
      const silent = { ...b.node, events: Stream.never, l2BlockRefByNumber: () => Effect.never }
      const nodes = [{ node: a.node }, { node: silent }, { node: obedient }]
      const { supervisor } = yield* start(world, { nodes })
      const b1 = yield* b.build([lie])
      l1.mine(1)
      a.batch(1, a1)
      b.batch(1, b1)
      l1.mine(2)
      yield* until(
        "five blocks are replaced",
        Effect.map(b.chain.head("CrossSafe"), ({ number }) => number === 5)
      )
      assert.strictEqual((yield* supervisor.counters).invalidatedBlocks, 5)
      assert.isBelow(told[4]! - told[0]!, 5000)
    })
  )

  it.effect("tells the heads that are known, and zeros for the others", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const config = configOf(l1, [a, b])
      const later = { ...rollupConfig(l1, b), interop_time: 100_000 }
      const { supervisor } = yield* start(world, {
        rollupConfigs: { ...config.rollupConfigs, [b.chainId]: later }
      })
      const a1 = yield* a.build()
      yield* until("a1 is cross-unsafe", Effect.map(supervisor.crossUnsafe("901"), is(a1)))
      const { chains, ...least } = yield* supervisor.syncStatus
      assert.strictEqual(chains["901"]!.localUnsafe.hash, a1.hash)
      assert.strictEqual(chains["901"]!.safe.hash, a.genesis.hash)
      const zeroRef = { ...zero, parentHash: zeroHash, timestamp: 0 }
      assert.deepStrictEqual(chains["902"], {
        localUnsafe: zeroRef,
        localSafe: zero,
        crossUnsafe: zero,
        safe: zero,
        finalized: zero
      })
      assert.deepStrictEqual(least, { minSyncedL1: zeroRef, safeTimestamp: 0, finalizedTimestamp: 0 })
    })
  )

  it.effect("is not ready while nothing is known of any chain", () =>
    Effect.gen(function* () {
      const world = yield* makeWorld
      const { a, b, l1 } = world
      const later = { interop_time: 100_000 }
      const { supervisor } = yield* start(world, {
        rollupConfigs: {
          "901": { ...rollupConfig(l1, a), ...later },
          "902": { ...rollupConfig(l1, b), ...later }
        }
      })
      const error = yield* Effect.flip(supervisor.syncStatus)
      assert.strictEqual(error.reason._tag, "NotReady")
      assert.include(error.message, "supervisor status tracker not ready")
    })
  )
})
