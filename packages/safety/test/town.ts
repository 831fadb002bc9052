/**
 * A world under load: two chains that send each other messages, some of them lies, an L1 that takes their batches, and a
 * supervisor that may be killed at any of its writes and calls. Everything follows from a seed.
 */
import { assert } from "@effect/vitest"
import { Store } from "@ephor/store"
import type { Service as ManagedNode } from "@ephor/supervisor-protocol/ManagedNode"
import {
  type BlockRef,
  encodeAccess,
  type Hash,
  type L2BlockRef,
  logHash,
  type LogContent,
  messageChecksum,
  positionOf
} from "@ephor/types"
import { Context, Effect, Exit, Layer, Option, Scope } from "effect"
import { TestClock } from "effect/testing"
import { L1, Supervisor } from "../src/index.ts"
import { execute, makeL1, makeL2, persistentStore, plainLog, rollupConfig, type TestL2 } from "./world.ts"

/** Numbers from 0 to below 1 (mulberry32). */
export const randomOf = (seed: number) => {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return { next, below: (n: number) => Math.floor(next() * n), chance: (p: number) => next() < p }
}
export type Random = ReturnType<typeof randomOf>

/** One chain of the town, with what its blocks said. */
export interface Side {
  l2: TestL2
  readonly said: Map<Hash, ReadonlyArray<LogContent>>
}

/** Ends a supervisor at its n-th write or call, before or after it is done; nothing of it has any effect after that. */
class Death {
  dead = false
  #left = Number.POSITIVE_INFINITY
  #after = false
  plan(operations: number, after: boolean) {
    this.#left = operations
    this.#after = after
  }
  around<A, E>(operation: Effect.Effect<A, E>): Effect.Effect<A, E> {
    return Effect.suspend(() => {
      if (this.dead) return Effect.never
      this.#left -= 1
      if (this.#left > 0) return operation
      this.dead = true
      return this.#after ? Effect.andThen(Effect.ignore(operation), Effect.never) : Effect.never
    })
  }
}

const mortal = (node: ManagedNode, death: Death): ManagedNode => ({
  ...node,
  invalidateBlock: (block) => death.around(node.invalidateBlock(block)),
  provideL1: (block) => death.around(node.provideL1(block)),
  reset: (heads) => death.around(node.reset(heads)),
  resetPreInterop: death.around(node.resetPreInterop),
  updateCrossUnsafe: (block) => death.around(node.updateCrossUnsafe(block)),
  updateCrossSafe: (derived, source) => death.around(node.updateCrossSafe(derived, source)),
  updateFinalized: (block) => death.around(node.updateFinalized(block))
})

/** How a run differs from the ordinary. */
export interface Setup {
  /** The nodes that a supervisor is given, instead of one for each chain. */
  readonly nodes?: (a: Side, b: Side) => ReadonlyArray<ManagedNode>
}

export const makeTown = Effect.fnUntraced(function* (seed: number, setup: Setup = {}) {
  const random = randomOf(seed)
  const l1 = makeL1()
  const a: Side = { l2: yield* makeL2("901", l1), said: new Map() }
  const b: Side = { l2: yield* makeL2("902", l1), said: new Map() }
  const sides = [a, b] as const
  const store = Context.get(yield* Layer.build(yield* persistentStore), Store.Store)
  let highest = 0
  const batched = new Map<Hash, Set<Hash>>()
  let running: {
    readonly death: Death
    readonly scope: Scope.Closeable
    readonly supervisor: Supervisor.Service
  }

  const start = Effect.fnUntraced(function* () {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
    const death = new Death()
    const nodes = setup.nodes?.(a, b) ?? sides.map(({ l2 }) => l2.node)
    const context = yield* Layer.buildWithScope(
      Supervisor.layer({
        dependencySet: { dependencies: { "901": {}, "902": {} } },
        rollupConfigs: { "901": rollupConfig(l1, a.l2), "902": rollupConfig(l1, b.l2) },
        nodes: nodes.map((node) => ({ node: mortal(node, death) }))
      }).pipe(
        Layer.provide(Layer.fresh(L1.layer(l1.source))),
        Layer.provide(
          Layer.succeed(Store.Store, { ...store, batch: (writes) => death.around(store.batch(writes)) })
        )
      ),
      scope
    )
    running = { death, scope, supervisor: Context.get(context, Supervisor.Supervisor) }
  })
  const kill = Effect.fnUntraced(function* () {
    running.death.dead = true
    yield* Scope.close(running.scope, Exit.void)
  })
  yield* start()

  /** A block with up to two logs, some of which execute what the other chain said before, or never said. */
  const build = Effect.fnUntraced(function* (side: Side, options: { readonly lies?: boolean } = {}) {
    const other = side === a ? b : a
    const parent = yield* side.l2.chain.head("LocalUnsafe")
    const logs: Array<LogContent> = []
    for (let i = random.below(3); i > 0; i--) {
      const from = yield* other.l2.chain.block(random.below(parent.number + 1))
      const said = Option.isSome(from) ? (other.said.get(from.value.hash) ?? []) : []
      const index = random.below(Math.max(1, said.length))
      const log = said[index]
      if (Option.isSome(from) && log !== undefined && random.chance(0.6)) {
        const lie = options.lies !== false && random.chance(0.1)
        logs.push(execute(other.l2.chainId, from.value, index, lie ? plainLog("never said") : log))
      } else logs.push(plainLog(`${side.l2.chainId}/${parent.number}/${i}/${random.below(1000)}`))
    }
    const block = yield* side.l2.build(logs, { mark: String(random.below(1_000_000)) })
    side.said.set(block.hash, logs)
    if (options.lies !== false) highest = Math.max(highest, block.number)
    return block
  })

  /** A new L1 block with every canonical L2 block that no L1 block holds yet. */
  const mine = Effect.fnUntraced(function* () {
    l1.mine(1, String(random.below(1_000_000)))
    const newest = l1.blocks.at(-1)!
    for (const { l2 } of sides) {
      const held = new Set(l1.blocks.flatMap(({ hash }) => [...(batched.get(hash) ?? [])]))
      const head = yield* l2.chain.head("LocalUnsafe")
      const missing: Array<L2BlockRef> = []
      for (let number = 1; number <= head.number; number++) {
        const block = Option.getOrThrow(yield* l2.chain.block(number))
        if (!held.has(block.hash)) missing.push(block)
      }
      l2.batch(newest.number, ...missing)
      const here = batched.get(newest.hash) ?? new Set()
      batched.set(newest.hash, here)
      for (const { hash } of missing) here.add(hash)
    }
  })

  const step = Effect.fnUntraced(function* () {
    const dice = random.below(10)
    if (dice < 6) yield* build(sides[random.below(2)]!)
    else if (dice < 8) yield* mine()
    else if (dice < 9) l1.finalize(Math.max(0, l1.blocks.length - 4 - random.below(3)))
    yield* TestClock.adjust(250 * (1 + random.below(4)))
  })

  /** Whether all five heads of both chains are where the chain is, for the nodes and for the supervisor. */
  const isSettled = Effect.gen(function* () {
    const { supervisor } = running
    for (const { l2 } of sides) {
      const { crossSafe, crossUnsafe, finalized, localSafe, localUnsafe } = yield* l2.chain.heads
      const ours = [
        yield* supervisor.localUnsafe(l2.chainId),
        yield* supervisor.crossUnsafe(l2.chainId),
        (yield* supervisor.localSafe(l2.chainId)).derived,
        (yield* supervisor.crossSafe(l2.chainId)).derived,
        yield* supervisor.finalized(l2.chainId)
      ]
      for (const { hash } of [crossSafe, crossUnsafe, finalized, localSafe, ...ours])
        if (hash !== localUnsafe.hash) return false
    }
    return true
  }).pipe(Effect.orElseSucceed(() => false))

  /** Both chains get past every block that was ever named: a message from the future of a chain is waited for. */
  const catchUp = Effect.fnUntraced(function* () {
    for (const side of sides) {
      while ((yield* side.l2.chain.head("LocalUnsafe")).number < highest + 1)
        yield* build(side, { lies: false })
    }
  })

  /** Ordinary life without lies until everything built is final; fails with what stands where if it never is. */
  const settle = Effect.fnUntraced(function* () {
    for (let i = 0; i < 60; i++) {
      yield* catchUp()
      yield* mine()
      l1.finalize(Math.max(0, l1.blocks.length - 3))
      for (let j = 0; j < 16; j++) {
        yield* TestClock.adjust("250 millis")
        if (yield* isSettled) return
      }
    }
    const report = yield* Effect.forEach(sides, ({ l2 }) =>
      Effect.map(l2.chain.heads, (heads) =>
        Object.entries(heads)
          .map(([level, { number }]) => `${l2.chainId} ${level} ${number}`)
          .join(", ")
      )
    )
    const status = yield* Effect.orElseSucceed(running.supervisor.syncStatus, () => undefined)
    return yield* Effect.die(
      new Error(`seed ${seed} is stuck: ${report.join("; ")}; ${JSON.stringify(status)}`)
    )
  })

  /** Compares what the databases say about every block and every log with the chains themselves. */
  const verify = Effect.fnUntraced(function* () {
    const { supervisor } = running
    yield* supervisor.setFailsafe(false) // a lie turned it on
    const canonicalL1 = (source: BlockRef) => assert.strictEqual(l1.blocks[source.number]?.hash, source.hash)
    for (const { l2, said } of sides) {
      const head = yield* l2.chain.head("LocalUnsafe")
      for (let number = 1; number <= head.number; number++) {
        const block = Option.getOrThrow(yield* l2.chain.block(number))
        canonicalL1(yield* supervisor.crossDerivedToSource(l2.chainId, block))
        for (const [index, log] of (said.get(block.hash) ?? []).entries()) {
          const position = positionOf(l2.chainId, block, index)
          const entries = encodeAccess({ ...position, checksum: messageChecksum(position, logHash(log)) })
          yield* supervisor.checkAccessList(entries, "Finalized", { timestamp: head.timestamp + 100 })
        }
      }
    }
    const { source } = yield* supervisor.localSafe("901")
    for (let number = 1; number <= source.number; number++) {
      const derived = yield* supervisor.allSafeDerivedAt(l1.blocks[number]!)
      for (const { l2 } of sides) {
        const { hash, number: height } = derived[l2.chainId]!
        assert.strictEqual(Option.getOrThrow(yield* l2.chain.block(height)).hash, hash)
      }
    }
  })

  /** Gives another chain all canonical blocks of a side, as they are, and what the batcher put on L1. */
  const copyChain = Effect.fnUntraced(function* ({ l2 }: Side, to: TestL2) {
    const head = yield* l2.chain.head("LocalUnsafe")
    for (let number = 1; number <= head.number; number++) {
      const block = Option.getOrThrow(yield* l2.chain.block(number))
      yield* to.chain.import(yield* l2.chain.content(block.hash))
    }
    to.share(l2)
  })
  /** Puts a chain that knows nothing but what L1 holds in the place of a side's. */
  const replaceChain = Effect.fnUntraced(function* (side: Side, fresh: TestL2) {
    yield* copyChain(side, fresh)
    side.l2 = fresh
  })

  return {
    random,
    copyChain,
    replaceChain,
    l1,
    a,
    b,
    sides,
    build,
    mine,
    step,
    settle,
    verify,
    start,
    kill,
    supervisor: () => running.supervisor,
    /** Plans the end of the running supervisor. */
    plan: (operations: number, after: boolean) => running.death.plan(operations, after),
    /** Whether the planned end has come. */
    isDead: () => running.death.dead
  }
})
export type Town = Effect.Success<ReturnType<typeof makeTown>>
