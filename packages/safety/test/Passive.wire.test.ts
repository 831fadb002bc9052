/** A supervisor above op-nodes that nobody can manage, each with its execution client, over real sockets. */
import { assert, describe, it } from "@effect/vitest"
import type { ManagedEvent } from "@ephor/supervisor-protocol"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import type { BlockId, ChainId, Heads } from "@ephor/types"
import { Context, Effect, Exit, Layer, Logger, Scope, Stream } from "effect"
import { L1, Supervisor } from "../src/index.ts"
import { makeStack, type Stack } from "./support/stack.ts"
import {
  execute,
  makeL1,
  makeL2,
  persistentStore,
  plainLog,
  rollupConfig,
  type TestL1,
  type TestL2
} from "./world.ts"

// Each test waits for many answers over sockets, on a machine that has other things to do.
const limitMs = 400_000

/** Real time, as real sockets are in play; gives up long before the test's own limit. */
const until = Effect.fnUntraced(function* <E>(what: string, condition: Effect.Effect<boolean, E>) {
  for (let i = 0; i < 2500; i++) {
    if (yield* Effect.orElseSucceed(condition, () => false)) return
    yield* Effect.sleep(100)
  }
  return yield* Effect.die(new Error(`it never happened: ${what}`))
})

const options = { resetIntervalMs: 50, invalidationRetryMs: 100, reconnectMs: 20, maxReconnectMs: 100 }

interface Ground {
  readonly l1: TestL1
  readonly store: Effect.Success<typeof persistentStore>
}

/** Starts a supervisor that follows stacks, beside nodes that it manages. */
const start = Effect.fnUntraced(function* (
  { l1, store }: Ground,
  stacks: ReadonlyArray<Stack>,
  managed: ReadonlyArray<TestL2> = []
) {
  const scope = yield* Scope.make()
  const stop = Scope.close(scope, Exit.void)
  yield* Effect.addFinalizer(() => stop)
  const followed = yield* Effect.forEach(stacks, (stack) => stack.follow()).pipe(Scope.provide(scope))
  const nodes = [
    ...stacks.map(({ chainId }, index) => ({ node: followed[index]!, name: `stack ${chainId}` })),
    ...managed.map(({ chainId, node }) => ({ node, name: `managed ${chainId}` }))
  ]
  const rollupConfigs = Object.fromEntries([
    ...stacks.map(({ chainId, rollup }) => [chainId, rollup] as const),
    ...managed.map((l2) => [l2.chainId, rollupConfig(l1, l2)] as const)
  ])
  const context = yield* Layer.buildWithScope(
    Supervisor.layer({
      dependencySet: {
        dependencies: Object.fromEntries(Object.keys(rollupConfigs).map((id) => [id, {}]))
      },
      rollupConfigs,
      nodes,
      options
    }).pipe(Layer.provide(Layer.fresh(L1.layer(l1.source, { pollIntervalMs: 100 }))), Layer.provide(store)),
    scope
  )
  return { supervisor: Context.get(context, Supervisor.Supervisor), stop }
})

/** Waits until an op-node was asked how far it is, then lets it go on to an L1 block. */
const seenThen = Effect.fnUntraced(function* (to: number, ...stacks: ReadonlyArray<Stack>) {
  const looks = ({ opNode }: Stack) =>
    opNode.asked.filter((method) => method === "optimism_syncStatus").length
  const before = stacks.map(looks)
  yield* until(
    "op-node is asked how far it is",
    Effect.sync(() => stacks.every((stack, index) => looks(stack) >= before[index]! + 2))
  )
  for (const stack of stacks) stack.proceed(to)
})

const crossSafeIs = (supervisor: Supervisor.Service, id: ChainId, block: { readonly hash: string }) =>
  Effect.map(supervisor.crossSafe(id), ({ derived }) => derived.hash === block.hash)

const makeGround = Effect.gen(function* () {
  return { l1: makeL1(), store: yield* persistentStore }
})

describe("a supervisor above nodes that it follows", () => {
  it.live(
    "fills the history by search, promotes, and answers super roots",
    () =>
      Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1)
        const b = yield* makeStack("902", l1, { genesisNumber: 105 })
        const log = plainLog("hello")
        l1.mine(16)
        // A history from before anybody supervised: each L1 block gives three blocks.
        const sent = a.build([log])
        for (let i = 0; i < 8; i++) {
          const of901 = [a.build(), a.build(), a.build()].at(-1)!
          const of902 = [b.build(i === 3 ? [execute("901", sent, 0, log)] : []), b.build(), b.build()].at(-1)!
          a.derive(i + 2, of901)
          b.derive(i + 3, of902)
        }
        a.proceed(14)
        b.proceed(14)
        const { supervisor } = yield* start(ground, [a, b])
        const [last901, last902] = [a.blocks.at(-1)!.ref, b.blocks.at(-1)!.ref]
        yield* until("901 is cross-safe", crossSafeIs(supervisor, "901", last901))
        yield* until("902 is cross-safe", crossSafeIs(supervisor, "902", last902))
        // Each block with the L1 block that gave it, to the block.
        for (const [index, { ref }] of a.blocks.entries()) {
          if (index === 0) continue
          const source = yield* supervisor.crossDerivedToSource("901", ref)
          assert.strictEqual(source.number, 2 + Math.floor(Math.max(0, index - 2) / 3), `block ${index}`)
        }
        const { timestamp } = a.blocks[10]!.ref
        const answer = yield* supervisor.superRootAt(timestamp)
        assert.isDefined(answer.verified)
        assert.strictEqual(answer.verified?.requiredL1.number, 6)
        assert.strictEqual(answer.optimistic["901"]?.block.hash, a.blocks[10]!.ref.hash)
        assert.deepStrictEqual(answer.optimistic["902"]?.block.l1origin, b.blocks[10]!.ref.l1origin)
        assert.deepStrictEqual(yield* supervisor.nodes, {
          "stack 901": "Connected",
          "stack 902": "Connected"
        })
        const status = yield* supervisor.superNodeStatus
        assert.strictEqual(status.chains["902"]?.crossSafe.sequenceNumber, last902.sequenceNumber)
      }),
    limitMs
  )

  it.live(
    "goes by sync status as it goes where there is no database of safe heads",
    () =>
      Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1, { safeDb: false })
        const b = yield* makeStack("902", l1)
        l1.mine(10)
        for (let i = 1; i <= 5; i++) {
          a.derive(i, a.build())
          b.derive(i, b.build())
        }
        a.proceed(6)
        b.proceed(6)
        const { supervisor } = yield* start(ground, [a, b])
        // What came before anybody looked came with the L1 block of the first look, or earlier.
        yield* seenThen(7, a, b)
        yield* until("901 is cross-safe", crossSafeIs(supervisor, "901", a.blocks[5]!.ref))
        const { number } = yield* supervisor.crossDerivedToSource("901", a.blocks[1]!.ref)
        assert.isAtLeast(number, 6)
        for (let i = 8; i <= 12; i++) {
          l1.mine(1)
          const [of901, of902] = [a.build(), b.build()]
          a.derive(i, of901)
          b.derive(i, of902)
          yield* seenThen(i, a, b)
        }
        l1.mine(3)
        a.proceed(14)
        b.proceed(14)
        const last = a.blocks.at(-1)!.ref
        yield* until("901 goes on", crossSafeIs(supervisor, "901", last))
        yield* until("902 goes on", crossSafeIs(supervisor, "902", b.blocks.at(-1)!.ref))
        for (const [index, { ref }] of a.blocks.entries()) {
          if (index < 6) continue
          const source = yield* supervisor.crossDerivedToSource("901", ref)
          assert.isAtLeast(
            source.number,
            index + 2,
            `block ${index} was not safe earlier than it was derived`
          )
        }
      }),
    limitMs
  )

  it.live(
    "goes on after a restart, with nodes that are slow, fail and come back",
    () =>
      Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1)
        const b = yield* makeStack("902", l1, { safeDb: false })
        const grow = (from: number, to: number) => {
          for (let i = from; i <= to; i++) {
            a.derive(i, [a.build(), a.build()].at(-1)!)
            b.derive(i, [b.build(), b.build()].at(-1)!)
          }
          a.proceed(to + 2)
          b.proceed(to + 2)
        }
        const safe = (supervisor: Supervisor.Service, what: string) =>
          Effect.andThen(
            until(`901 ${what}`, crossSafeIs(supervisor, "901", a.blocks.at(-1)!.ref)),
            until(`902 ${what}`, crossSafeIs(supervisor, "902", b.blocks.at(-1)!.ref))
          )
        l1.mine(12)
        grow(1, 4)
        const first = yield* start(ground, [a, b])
        yield* seenThen(7, a, b)
        yield* safe(first.supervisor, "before")
        yield* first.stop
        l1.mine(10)
        grow(8, 12)
        a.executionFaults.delayMs = 40
        b.opNodeFaults.status = 503
        const second = yield* start(ground, [a, b])
        yield* until("901 although it is slow", crossSafeIs(second.supervisor, "901", a.blocks.at(-1)!.ref))
        assert.strictEqual((yield* second.supervisor.nodes)["stack 902"], "Disconnected")
        b.opNodeFaults.status = 200
        yield* seenThen(15, a, b)
        yield* safe(second.supervisor, "after")
        assert.strictEqual((yield* second.supervisor.nodes)["stack 902"], "Connected")
        a.executionFaults.status = 500
        yield* until(
          "it is told",
          Effect.map(second.supervisor.nodes, (nodes) => nodes["stack 901"] === "Disconnected")
        )
        l1.mine(5)
        grow(16, 18)
        a.executionFaults.status = 200
        // A client without block receipts, too.
        a.executionFaults.without.add("eth_getTransactionByBlockHashAndIndex")
        yield* seenThen(22, a, b)
        yield* safe(second.supervisor, "in the end")
      }),
    limitMs
  )

  it.live(
    "follows reorganisations of the unsafe chain, and of the L1",
    () =>
      Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1)
        const b = yield* makeStack("902", l1)
        l1.mine(8)
        a.derive(2, a.build())
        b.derive(2, b.build())
        a.proceed(4)
        b.proceed(4)
        const { supervisor } = yield* start(ground, [a, b])
        yield* until("901 is cross-safe", crossSafeIs(supervisor, "901", a.blocks.at(-1)!.ref))
        a.build([], "old")
        const old = a.build([], "old")
        const isUnsafe = (block: { readonly hash: string }) =>
          Effect.map(supervisor.localUnsafe("901"), ({ hash }) => hash === block.hash)
        yield* until("the old branch is indexed", isUnsafe(old))
        a.drop(1)
        a.build([], "new")
        a.build([], "new")
        const kept = a.build([], "new")
        yield* until("the new branch is indexed", isUnsafe(kept))
        // It becomes safe, then its L1 block goes.
        a.derive(5, kept)
        b.derive(5, b.build())
        a.proceed(7)
        b.proceed(7)
        yield* until("the branch is safe", crossSafeIs(supervisor, "901", kept))
        l1.fork(4, 8, "fork")
        a.goBack(4)
        b.goBack(4)
        a.drop(1)
        b.drop(1)
        const other = [a.build([], "fork"), a.build([], "fork")].at(-1)!
        const other902 = b.build([], "fork")
        a.derive(6, other)
        b.derive(6, other902)
        a.proceed(9)
        b.proceed(9)
        yield* until("901 follows the other L1", crossSafeIs(supervisor, "901", other))
        yield* until("902 follows the other L1", crossSafeIs(supervisor, "902", other902))
        assert.isFalse(yield* supervisor.failsafe)
      }),
    limitMs
  )

  it.live(
    "raises the fail-safe for an invalid block, tells it, and replaces nothing",
    () => {
      const lines: Array<string> = []
      const logger = Logger.make(({ message }) => void lines.push(String(message)))
      return Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1)
        const b = yield* makeStack("902", l1)
        const log = plainLog("real")
        l1.mine(20)
        const sent = a.build([log])
        a.derive(2, sent)
        b.build()
        const good = b.build()
        const forged = b.build([execute("901", sent, 0, plainLog("forged"))])
        b.build()
        b.derive(3, b.blocks.at(-1)!.ref)
        a.proceed(10)
        b.proceed(10)
        const first = yield* start(ground, [a, b])
        yield* until("the fail-safe is on", first.supervisor.failsafe)
        yield* until("the parent is cross-safe", crossSafeIs(first.supervisor, "902", good))
        const { invalidations } = yield* first.supervisor.overview
        assert.strictEqual(invalidations[0]?.block.hash, forged.hash)
        yield* until(
          "it is told once",
          Effect.sync(() => lines.some((line) => line.includes("goes on with the invalid block")))
        )
        // The other chain goes on.
        const next = a.build()
        a.derive(11, next)
        a.proceed(13)
        yield* until("901 goes on", crossSafeIs(first.supervisor, "901", next))
        yield* Effect.sleep(500)
        assert.strictEqual(lines.filter((line) => line.includes("goes on with the invalid block")).length, 1)
        assert.isFalse(lines.some((line) => line.includes("did not take")))
        yield* first.stop
        // It survives a restart.
        const second = yield* start(ground, [a, b])
        assert.isTrue(yield* second.supervisor.failsafe)
        yield* until("the parent is cross-safe", crossSafeIs(second.supervisor, "902", good))
        // The chain is given another block by its operators; then the supervisor is told.
        b.goBack(2)
        b.drop(good.number)
        const mended = [b.build([], "mended"), b.build([], "mended")].at(-1)!
        b.derive(3, mended)
        b.proceed(12)
        yield* second.supervisor.rewind("902", good)
        yield* second.supervisor.setFailsafe(false)
        yield* until("902 goes on", crossSafeIs(second.supervisor, "902", mended))
        assert.isFalse(yield* second.supervisor.failsafe)
      }).pipe(Effect.provide(Logger.layer([logger])))
    },
    limitMs
  )

  it.live(
    "obeys nothing, and begins to tell anew from blocks that it has",
    () =>
      Effect.gen(function* () {
        const l1 = makeL1()
        const stack = yield* makeStack("901", l1)
        l1.mine(8)
        const blocks = [stack.build(), stack.build(), stack.build()]
        stack.derive(1, stack.genesis)
        stack.derive(2, blocks[0]!)
        stack.derive(4, blocks[2]!)
        stack.proceed(7)
        const node = yield* stack.follow()
        const { genesis } = stack
        const reason = (effect: Effect.Effect<void, ManagedNodeError>) =>
          Effect.map(Effect.flip(effect), (error) => error.reason)
        const seal = { ...blocks[2]! }
        assert.strictEqual((yield* reason(node.invalidateBlock(seal)))._tag, "Passive")
        const heads = (localUnsafe: BlockId): Heads => ({
          localUnsafe,
          crossUnsafe: genesis,
          localSafe: blocks[0]!,
          crossSafe: genesis,
          finalized: { hash: `0x${"0".repeat(64)}`, number: 0 }
        })
        const other = yield* reason(node.reset(heads({ hash: genesis.hash, number: 2 })))
        assert.strictEqual(other._tag === "Conflict" ? other.block.hash : undefined, blocks[1]!.hash)
        const unknown = yield* reason(node.reset(heads({ hash: genesis.hash, number: 9 })))
        assert.strictEqual(unknown._tag === "TargetNotFound" ? unknown.head : undefined, "unsafe")
        assert.strictEqual((yield* node.l2BlockRefByNumber(2)).sequenceNumber, 2)
        assert.notInclude(stack.opNode.asked, "optimism_outputAtBlock")
        // What follows block 1 is told with the L1 block that gave it, one L1 block after the other.
        const told: Array<ManagedEvent.ManagedEvent> = []
        yield* Stream.runForEach(node.events, (event) => {
          told.push(event)
          const wanted = event.exhaustL1 && l1.blocks[event.exhaustL1.source.number + 1]
          return event.reset !== undefined
            ? node.reset(heads(blocks[2]!))
            : wanted !== undefined && wanted.number < 7
              ? node.provideL1(wanted)
              : Effect.void
        }).pipe(Effect.forkScoped)
        const pairs = () =>
          told.flatMap(({ derivationUpdate }) =>
            derivationUpdate === undefined
              ? []
              : [[derivationUpdate.source.number, derivationUpdate.derived.number]]
          )
        yield* until(
          "all is told",
          Effect.sync(() => pairs().some(([source]) => source === 6))
        )
        assert.deepStrictEqual(pairs(), [
          [2, 1],
          [3, 1],
          [4, 1],
          [4, 2],
          [4, 3],
          [5, 3],
          [6, 3]
        ])
      }),
    limitMs
  )

  it.live(
    "works beside nodes that are managed",
    () =>
      Effect.gen(function* () {
        const ground = yield* makeGround
        const { l1 } = ground
        const a = yield* makeStack("901", l1)
        const b = yield* makeL2("902", l1)
        const log = plainLog("mixed")
        const sent = a.build([log])
        l1.mine(10)
        a.derive(2, sent)
        a.proceed(9)
        const executing = yield* b.build([execute("901", sent, 0, log)])
        b.batch(3, executing)
        const { supervisor } = yield* start(ground, [a], [b])
        yield* until("901 is cross-safe", crossSafeIs(supervisor, "901", sent))
        yield* until("902 is cross-safe", crossSafeIs(supervisor, "902", executing))
      }),
    limitMs
  )
})
