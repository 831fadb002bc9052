/**
 * Everything that goes wrong around a supervisor, one fault at a time. Before and after each, all heads are where the
 * chains are and both databases agree with them, and nobody does anything by hand.
 */
import { assert, describe, it } from "@effect/vitest"
import { ManagedNode } from "@ephor/supervisor-protocol"
import type { Service } from "@ephor/supervisor-protocol/ManagedNode"
import { Disconnected, ManagedNodeError, Refused } from "@ephor/supervisor-protocol/ManagedNodeError"
import { Chain } from "@ephor/chain"
import type { BlockRef, Hash } from "@ephor/types"
import { Context, Effect, Exit, Layer, Option, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { makeTown, type Setup, type Side, type Town } from "./town.ts"
import { blockTime, hashOf, makeL2 } from "./world.ts"

const seeds = [1, 2, 3]

/** A fault: how the town is set up for it, and what happens between the two looks at everything. */
interface Fault {
  readonly what: string
  /** Runs anew for every town; what it keeps belongs to that town alone. */
  readonly prepare: () => {
    readonly setup?: Setup
    readonly strike: (town: Town) => Effect.Effect<void, unknown, Scope.Scope>
  }
}

const live = (town: Town, steps = 8) => Effect.repeat(town.step(), { times: steps - 1 })

const down = new ManagedNodeError({ method: "connect", reason: new Disconnected({ why: "cut" }) })

/** A node whose every call and event goes through `through`; `cut` ends the stream of events. */
const through = (
  inner: () => Service,
  call: <A>(effect: Effect.Effect<A, ManagedNodeError>) => Effect.Effect<A, ManagedNodeError>,
  events: (stream: Service["events"]) => Service["events"] = (stream) => stream
): Service => {
  const pass =
    <Args extends ReadonlyArray<any>, A>(
      method: (node: Service) => (...args: Args) => Effect.Effect<A, ManagedNodeError>
    ) =>
    (...args: Args) =>
      call(Effect.suspend(() => method(inner())(...args)))
  const asked = <A>(read: (node: Service) => Effect.Effect<A, ManagedNodeError>) =>
    call(Effect.suspend(() => read(inner())))
  return {
    connection: Stream.never,
    events: events(Stream.suspend(() => inner().events)),
    chainId: asked(({ chainId }) => chainId),
    anchorPoint: asked(({ anchorPoint }) => anchorPoint),
    resetPreInterop: asked(({ resetPreInterop }) => resetPreInterop),
    invalidateBlock: pass((node) => node.invalidateBlock),
    provideL1: pass((node) => node.provideL1),
    reset: pass((node) => node.reset),
    updateCrossUnsafe: pass((node) => node.updateCrossUnsafe),
    updateCrossSafe: pass((node) => node.updateCrossSafe),
    updateFinalized: pass((node) => node.updateFinalized),
    fetchReceipts: pass((node) => node.fetchReceipts),
    l2BlockRefByTimestamp: pass((node) => node.l2BlockRefByTimestamp),
    l2BlockRefByNumber: pass((node) => node.l2BlockRefByNumber),
    blockRefByNumber: pass((node) => node.blockRefByNumber),
    outputV0AtTimestamp: pass((node) => node.outputV0AtTimestamp),
    pendingOutputV0AtTimestamp: pass((node) => node.pendingOutputV0AtTimestamp)
  }
}

/** Another managed node over the same chain, as after a restart of its process: it waits for a reset. */
const restarted = Effect.fnUntraced(function* ({ l2 }: Side) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const context = yield* Layer.buildWithScope(
    Layer.fresh(ManagedNode.layerChain({ chainId: l2.chainId, blockTimeSeconds: blockTime })).pipe(
      Layer.provide(Layer.succeed(Chain.Chain, l2.chain))
    ),
    scope
  )
  return { node: Context.get(context, ManagedNode.ManagedNode), stop: Scope.close(scope, Exit.void) }
})

const nodeRestart: Fault = {
  what: "a node that is restarted, and is away for a while",
  prepare: () => {
    let current: Service | undefined
    let away = false
    return {
      setup: {
        nodes: (a, b) => [
          through(
            () => current ?? a.l2.node,
            (effect) => Effect.suspend(() => (away ? Effect.fail(down) : effect)),
            (stream) =>
              Stream.suspend(() => (away ? Stream.fail(down) : stream)).pipe(
                Stream.interruptWhen(Effect.repeat(Effect.sleep("100 millis"), { until: () => away }))
              )
          ),
          b.l2.node
        ]
      },
      strike: Effect.fnUntraced(function* (town) {
        away = true
        yield* live(town)
        current = (yield* restarted(town.a)).node
        away = false
        yield* live(town)
      })
    }
  }
}

const l1Reorg = (depth: number): Fault => ({
  what: `a reorganisation of L1 that is ${depth} blocks deep`,
  prepare: () => ({
    strike: Effect.fnUntraced(function* (town) {
      for (let i = 0; i <= depth; i++) {
        if (i % 3 === 0) yield* town.build(town.sides[i % 2]!, { lies: false })
        yield* town.mine()
        yield* TestClock.adjust("4 seconds")
      }
      const tip = town.l1.blocks.length - 1
      town.l1.fork(tip - depth, depth + 2, "fork")
      yield* TestClock.adjust("4 seconds")
      yield* live(town)
    })
  })
})

const l2Reorg: Fault = {
  what: "a reorganisation of unsafe blocks that others executed messages of",
  prepare: () => ({
    strike: Effect.fnUntraced(function* (town) {
      const parent = yield* town.a.l2.chain.head("LocalUnsafe")
      for (let i = 0; i < 3; i++) {
        yield* town.build(town.a, { lies: false })
        yield* town.build(town.b, { lies: false })
        yield* TestClock.adjust("500 millis")
      }
      let head: BlockRef = parent
      for (let i = 0; i < 5; i++) head = yield* town.a.l2.build([], { parent: head, mark: "fork" })
      yield* live(town)
    })
  })
}

const nodeAhead: Fault = {
  what: "a node that derived a lot while the supervisor was away",
  prepare: () => ({
    strike: Effect.fnUntraced(function* (town) {
      yield* town.kill()
      // Somebody else has supervised the nodes meanwhile.
      for (let i = 0; i < 3; i++) {
        for (const side of town.sides) yield* town.build(side, { lies: false })
        yield* town.mine()
        for (const { l2 } of town.sides) {
          const head = yield* l2.chain.head("LocalUnsafe")
          for (const level of ["LocalSafe", "CrossUnsafe", "CrossSafe"] as const)
            yield* l2.chain.promote(
              level,
              head.hash,
              level === "LocalSafe" ? town.l1.blocks.at(-1)! : undefined
            )
        }
      }
      yield* town.start()
      yield* live(town)
    })
  })
}

const supervisorAhead: Fault = {
  what: "a node that lost everything",
  prepare: () => {
    let current: Service | undefined
    return {
      setup: {
        nodes: (a, b) => [
          a.l2.node,
          through(
            () => current ?? b.l2.node,
            (effect) => effect
          )
        ]
      },
      strike: Effect.fnUntraced(function* (town) {
        const fresh = yield* makeL2("902", town.l1)
        yield* town.replaceChain(town.b, fresh)
        current = fresh.node
        yield* town.kill()
        yield* town.start()
        yield* live(town)
      })
    }
  }
}

const disagreeing: Fault = {
  what: "two nodes of a chain with different unsafe blocks",
  prepare: () => {
    let second: Service | undefined
    return {
      setup: { nodes: (a, b) => [a.l2.node, ...(second === undefined ? [] : [second]), b.l2.node] },
      strike: Effect.fnUntraced(function* (town) {
        const twin = yield* makeL2("901", town.l1)
        yield* town.copyChain(town.a, twin)
        second = twin.node
        yield* town.kill()
        yield* town.start()
        yield* TestClock.adjust("5 seconds")
        for (let i = 0; i < 4; i++) {
          yield* town.build(town.a, { lies: false })
          yield* twin.build([], { mark: "twin" })
          yield* TestClock.adjust("1 second")
        }
        // What the batcher saw is what counts: the twin gives up its own blocks, or it is not asked any more.
        yield* town.mine()
        yield* town.copyChain(town.a, twin)
        yield* live(town)
      })
    }
  }
}

const slow: Fault = {
  what: "a node that takes seconds for everything",
  prepare: () => {
    let delayMs = 0
    return {
      setup: {
        nodes: (a, b) => [
          through(
            () => a.l2.node,
            (effect) => Effect.suspend(() => (delayMs === 0 ? effect : Effect.delay(effect, delayMs)))
          ),
          b.l2.node
        ]
      },
      strike: Effect.fnUntraced(function* (town) {
        delayMs = 3000
        yield* live(town, 20)
        delayMs = 0
      })
    }
  }
}

const nonsense: Fault = {
  what: "a node that answers nonsense",
  prepare: () => {
    let mad = false
    let count = 0
    const hash = () => hashOf("nonsense", ++count)
    const block = (number: number): BlockRef => ({
      hash: hash(),
      number,
      parentHash: hash(),
      timestamp: number
    })
    return {
      setup: {
        nodes: (a, b) => [
          {
            ...a.l2.node,
            events: Stream.flatMap(a.l2.node.events, (event) =>
              mad
                ? Stream.make(
                    { unsafeBlock: block(count % 30) },
                    { derivationUpdate: { source: block(3), derived: block(count % 30) } },
                    { replaceBlock: { replacement: block(4), invalidated: hash() } },
                    { exhaustL1: { source: block(2), derived: block(2) } },
                    { derivationOriginUpdate: block(1) },
                    {},
                    event
                  )
                : Stream.make(event)
            ),
            l2BlockRefByNumber: (number) =>
              Effect.suspend(() =>
                mad && count++ % 2 === 0
                  ? Effect.succeed({
                      ...block(number),
                      l1origin: { hash: hash(), number: 1 },
                      sequenceNumber: 0
                    })
                  : a.l2.node.l2BlockRefByNumber(number)
              ),
            fetchReceipts: (of: Hash) =>
              Effect.suspend(() =>
                mad && count++ % 2 === 0
                  ? Effect.fail(
                      new ManagedNodeError({
                        method: "interop_fetchReceipts",
                        reason: new Refused({ text: "?" })
                      })
                    )
                  : a.l2.node.fetchReceipts(of)
              )
          },
          b.l2.node
        ]
      },
      strike: Effect.fnUntraced(function* (town) {
        mad = true
        yield* live(town, 12)
        mad = false
      })
    }
  }
}

const faults: ReadonlyArray<Fault> = [
  nodeRestart,
  l2Reorg,
  nodeAhead,
  supervisorAhead,
  disagreeing,
  slow,
  nonsense,
  ...Array.from({ length: 20 }, (_, at) => l1Reorg(at + 1))
]

describe("Supervisor, through", () => {
  for (const { prepare, what } of faults) {
    it.effect.each(seeds)(`${what} (seed %i)`, (seed) =>
      Effect.gen(function* () {
        const { setup, strike } = prepare()
        const town = yield* makeTown(seed, setup)
        for (let i = 0; i < 10; i++) yield* town.step()
        yield* town.settle()
        yield* town.verify()
        const before = yield* Effect.forEach(town.sides, ({ l2 }) => l2.chain.head("Finalized"))
        yield* strike(town)
        yield* town.settle()
        yield* town.verify()
        for (const [index, { l2 }] of town.sides.entries()) {
          const after = yield* l2.chain.head("Finalized")
          assert.isAbove(after.number, before[index]!.number)
          const then = Option.getOrThrow(yield* l2.chain.block(before[index]!.number))
          assert.strictEqual(then.hash, before[index]!.hash, "what was final stays")
        }
      })
    )
  }
})
