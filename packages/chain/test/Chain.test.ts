import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Queue, Random, Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll } from "vitest"
import { Chain, ChainError } from "@ephor/chain"
import { Store } from "@ephor/store"
import { Backend as BackendReason } from "@ephor/chain/ChainError"
import * as NodeStore from "@ephor/store/NodeStore"
import * as Script from "@ephor/chain/testing/ChainScript"
import * as ChainTest from "@ephor/chain/testing/ChainTest"
import type { BlockRef } from "@ephor/types"

const root = mkdtempSync(join(tmpdir(), "ephor-chain-"))
afterAll(() => rmSync(root, { recursive: true, force: true }))
let directories = 0

ChainTest.suite("memory", (backend, limits) => Chain.layerMemory({ ...backend, limits }))
ChainTest.suite("lmdb", (backend, limits) =>
  Chain.layer(Effect.succeed({ ...backend, replace: backend.replace ?? complementing }), limits).pipe(
    Layer.provide(NodeStore.layer({ path: join(root, String(directories++)) }))
  )
)

/** What `Chain.layerMemory` does by default. */
const complementing: NonNullable<Chain.Backend["replace"]> = ({ ref }) => {
  const built = Script.block(`${Script.name(ref.hash)}'`, "", ref.number)
  return Effect.succeed({ ...built, ref: { ...built.ref, parentHash: ref.parentHash } })
}

const base: Chain.Backend = { genesis: Script.genesis, anchorSource: Script.l1(0), replace: complementing }
const failure = new ChainError({
  method: "test",
  reason: new BackendReason({ what: "the test", cause: new Error("fails") })
})

/** A chain on a store of its own; more chains can be opened on that store. */
const onStore = Effect.fnUntraced(function* (
  backend: Partial<Chain.Backend> = {},
  limits: Partial<Chain.Limits> = {}
) {
  const store = yield* Effect.map(Layer.build(Layer.fresh(Store.layerMemory)), (context) =>
    Store.Store.of(context.mapUnsafe.get(Store.Store.key))
  )
  const open = Chain.make({ ...base, ...backend }, limits).pipe(Effect.provideService(Store.Store, store))
  return { store, open }
})

/** Everything that can be seen of a chain. */
const portrait = Effect.fnUntraced(function* (chain: Chain.Service, names: ReadonlyArray<string>) {
  const { localUnsafe } = yield* chain.heads
  const canonical = yield* Effect.forEach(
    Array.from({ length: localUnsafe.number + 2 }, (_, height) => height),
    (height) => chain.block(height)
  )
  const blocks = yield* Effect.forEach(names, (name) =>
    Effect.all([
      chain.block(Script.hash(name)),
      chain.isInvalidated(Script.hash(name)),
      Effect.exit(chain.content(Script.hash(name))).pipe(Effect.map(Exit.isSuccess)),
      Effect.option(chain.descendants(Script.hash(name))).pipe(
        Effect.map(Option.map((list) => list.map(({ hash }) => hash).sort()))
      )
    ])
  )
  return { heads: yield* chain.heads, canonical, blocks }
})

const randomStep = Effect.fnUntraced(function* (names: Array<string>, round: number) {
  const pick = Effect.map(Random.nextIntBetween(0, names.length - 1), (index) => names[index]!)
  const target = yield* Effect.map(
    Effect.all([pick, pick, pick]),
    (found) => found.sort((a, b) => names.indexOf(b) - names.indexOf(a))[0]!
  )
  const chance = yield* Random.nextIntBetween(0, 99)
  if (chance < 50) {
    names.push(`n${round}`)
    return `${target}-n${round}`
  }
  if (chance < 60) return `LocalSafe ${target}`
  if (chance < 66) return `CrossUnsafe ${target}`
  if (chance < 72) return `CrossSafe ${target}`
  if (chance < 76) return `finalize ${target}`
  if (chance < 80) return `revert ${yield* pick}`
  if (chance < 85) return `command ${yield* pick}`
  if (chance < 88) return `blacklist ${target}`
  if (chance < 92) {
    names.push(`${target}'`)
    return `invalidate ${target}`
  }
  return `provide ${Math.floor(round / 20)}`
})

describe("Chain.make", () => {
  for (let seed = 1; seed <= 6; seed++) {
    it.effect(`is what it was when it is opened again, after each of 50 random steps (seed ${seed})`, () =>
      Effect.gen(function* () {
        const { open } = yield* onStore({}, { retainedBlocks: 3 })
        const chain = yield* open
        const names = ["g"]
        for (let round = 0; round < 50; round++) {
          const step = yield* randomStep(names, round)
          const primed = /^invalidate (.*')$/.test(step) // a name has one prime at most
          if (!primed) yield* Effect.result(Script.run(chain, step))
          for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
          const again = yield* Effect.scoped(Effect.flatMap(open, (other) => portrait(other, names)))
          assert.deepStrictEqual(again, yield* portrait(chain, names), `after ${step}`)
        }
      }).pipe(Effect.scoped, Random.withSeed(`chain ${seed}`))
    )
  }

  it.effect("goes on deriving where a crash left it", () =>
    Effect.gen(function* () {
      const gate = yield* Queue.unbounded<number>()
      let asked: ReadonlyArray<string> = []
      const derive = (source: BlockRef, after: BlockRef) => {
        asked = [...asked, `${Script.name(source.hash)} after ${Script.name(after.hash)}`]
        return Stream.fromIterable([Script.ref("a", "g", 1), Script.ref("b", "a", 2)]).pipe(
          Stream.filter((block) => block.number > after.number),
          Stream.rechunk(1),
          Stream.tap(() => Queue.take(gate))
        )
      }
      const { open } = yield* onStore({ derive })
      const scope = yield* Scope.make()
      const chain = yield* Scope.provide(open, scope)
      yield* Script.run(chain, "g-a-b-c; provide 1")
      yield* Queue.offer(gate, 0)
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      assert.strictEqual(yield* Script.heads(chain), "c g a g g")
      yield* Scope.close(scope, Exit.void)
      const again = yield* open
      const seen = yield* ChainTest.watch(again)
      yield* Queue.offer(gate, 0)
      assert.deepStrictEqual(yield* seen(2), ["LocalSafe b <L1", "L1 done b"])
      assert.deepStrictEqual(asked, ["L1 after g", "L1 after a"])
    }).pipe(Effect.scoped)
  )

  it.effect("remembers over a restart which branches a revert took out", () =>
    Effect.gen(function* () {
      const { open } = yield* onStore()
      yield* Effect.scoped(Effect.flatMap(open, (chain) => Script.run(chain, "g-a-b-c, b-w; revert a")))
      const chain = yield* open
      yield* Script.run(chain, "c-d-e, w-x-y-z")
      assert.strictEqual(yield* Script.heads(chain), "a g g g g")
    }).pipe(Effect.scoped)
  )

  it.effect("follows L1 from where a promotion said that the block came from", () =>
    Effect.gen(function* () {
      const { open } = yield* onStore()
      const chain = yield* open
      yield* Script.run(chain, "g-a-b-c")
      yield* chain.promote("LocalSafe", Script.hash("a"), Script.l1(5))
      const seen = yield* ChainTest.watch(chain)
      yield* chain.promote("LocalSafe", Script.hash("a"), Script.l1(6))
      yield* chain.promote("LocalSafe", Script.hash("a"), Script.l1(6))
      yield* Script.run(chain, "provide 6; provide 7")
      assert.deepStrictEqual(yield* seen(3), ["LocalSafe a <L6", "LocalSafe a <L7", "L7 done a"])
      // Heads that are dictated lead back to the first L1 block that a head was derived from.
      yield* Script.run(chain, "LocalSafe b; command a")
      assert.deepStrictEqual(yield* seen(3), ["LocalSafe b <L7", "-c b =a commanded", "L5 done a"])
    }).pipe(Effect.scoped)
  )

  it.effect("refuses a store of another chain", () =>
    Effect.gen(function* () {
      const { open, store } = yield* onStore()
      yield* open
      const other = Chain.make({ ...base, genesis: Script.block("other", "", 0) })
      const error = yield* Effect.flip(Effect.provideService(other, Store.Store, store))
      assert.include(
        error.message,
        `the store holds the chain with genesis ${Script.hash("g")}, not ${Script.hash("other")}`
      )
    }).pipe(Effect.scoped)
  )

  it.effect("names the record that is damaged", () =>
    Effect.gen(function* () {
      const { open, store } = yield* onStore()
      yield* Effect.scoped(open)
      const key = new TextEncoder().encode("state\0")
      yield* store.batch([Store.put(key, new TextEncoder().encode("{}"))])
      const error = yield* Effect.flip(open)
      assert.match(error.message, /table state.*0x737461746500 is corrupt/)
    }).pipe(Effect.scoped)
  )

  it.effect("changes nothing and tells nothing when the store fails, and works again when it works", () =>
    Effect.gen(function* () {
      const { store } = yield* onStore()
      let broken = false
      const flaky: Store.Service = {
        ...store,
        batch: (writes) =>
          broken
            ? Effect.fail(
                new Store.StoreError({
                  operation: "batch",
                  path: "x",
                  reason: new Store.StoreIo({ cause: new Error("disk full") })
                })
              )
            : store.batch(writes)
      }
      const chain = yield* Effect.provideService(Chain.make(base), Store.Store, flaky)
      yield* Script.run(chain, "g-a-b")
      const seen = yield* ChainTest.watch(chain)
      broken = true
      for (const step of ["b-c", "LocalSafe a", "revert a", "blacklist b", "invalidate b", "provide 1"]) {
        const error = yield* Effect.flip(Script.run(chain, step))
        assert.include(error.message, "disk full")
        assert.isTrue(error.retryable)
      }
      broken = false
      assert.deepStrictEqual(yield* seen(), [])
      assert.strictEqual(yield* Script.heads(chain), "b g g g g")
      yield* Script.run(chain, "b-c; invalidate b")
      assert.deepStrictEqual(yield* seen(3), ["+c", "b>b' -c b", "L0 done b'"])
    }).pipe(Effect.scoped)
  )

  it.effect("ends the stream of a reader that lags too far, and no other", () =>
    Effect.gen(function* () {
      const { open } = yield* onStore({}, { eventBacklog: 10 })
      const chain = yield* open
      const slow = yield* Stream.runCollect(
        Stream.mapEffect(Stream.rechunk(chain.events, 1), (event) =>
          Effect.as(Effect.sleep("1 second"), event)
        )
      ).pipe(Effect.forkScoped({ startImmediately: true }))
      const quick = yield* ChainTest.watch(chain)
      const line = Array.from({ length: 30 }, (_, index) => `b${index}`)
      let told = 0
      for (const [index, name] of line.entries()) {
        yield* Script.run(chain, `${line[index - 1] ?? "g"}-${name}`)
        told += (yield* quick(1)).length
      }
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(told, 30)
      // What waited when the line was cut is still delivered, in order.
      const received = (yield* Fiber.join(slow)).map(Script.told)
      assert.deepStrictEqual(
        received,
        line.slice(0, received.length).map((name) => `+${name}`)
      )
      assert.isBelow(received.length, 30)
    }).pipe(Effect.scoped)
  )

  it.effect("ends every stream with its scope", () =>
    Effect.gen(function* () {
      const { open } = yield* onStore()
      const scope = yield* Scope.make()
      const chain = yield* Scope.provide(open, scope)
      const reader = yield* Stream.runCollect(chain.events).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      yield* Script.run(chain, "g-a")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual((yield* Fiber.join(reader)).length, 1)
      assert.deepStrictEqual(yield* Stream.runCollect(chain.events), [])
    }).pipe(Effect.scoped)
  )

  it.effect("repeats what it waits for, and stops when it came", () =>
    Effect.gen(function* () {
      const { open } = yield* onStore({ derive: () => Stream.empty })
      const chain = yield* open
      const seen = yield* ChainTest.watch(chain)
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* seen(2), ["L0 done g", "L0 done g"])
      yield* chain.provide(Script.l1(1, "x"))
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual(yield* seen(3), ["- =g", "- =g", "- =g"])
      yield* Script.run(chain, "command g; provide 1")
      assert.deepStrictEqual(yield* seen(4), ["- =g commanded", "L0 done g", "LocalSafe g <L1", "L1 done g"])
    }).pipe(Effect.scoped)
  )
})

describe("Chain.Backend", () => {
  it.effect(
    "imports and finality come from its streams; a stream that fails is run again, what is refused is passed over",
    () =>
      Effect.gen(function* () {
        let runs = 0
        const blocks = [Script.block("a", "g", 1), Script.block("z", "y", 9), Script.block("b", "a", 2)]
        const imports = Stream.suspend(() =>
          ++runs < 3
            ? Stream.concat(Stream.fromIterable(blocks.slice(0, runs)), Stream.fail(failure))
            : Stream.fromIterable(blocks)
        )
        const finality = Stream.fromEffect(Effect.as(Effect.sleep("1 minute"), Script.hash("a")))
        const chain = yield* (yield* onStore({ imports, finality })).open
        const seen = yield* ChainTest.watch(chain)
        yield* TestClock.adjust("2 minutes")
        assert.strictEqual(runs, 3)
        assert.deepStrictEqual(yield* seen(6), [
          "+a",
          "+b",
          "LocalSafe a <L0",
          "CrossUnsafe a",
          "CrossSafe a",
          "Finalized a"
        ])
      }).pipe(Effect.scoped)
  )

  it.effect("is told forced heads before they count; if it fails, nothing happened", () =>
    Effect.gen(function* () {
      let fails = false
      const forced: Array<string> = []
      const setHeads: Chain.Backend["setHeads"] = (heads) =>
        Effect.suspend(() => {
          forced.push(Script.name(heads.localUnsafe.hash))
          return fails ? Effect.fail(failure) : Effect.void
        })
      const chain = yield* (yield* onStore({ setHeads })).open
      yield* Script.run(chain, "g-a-b-c-d; revert c; blacklist c; invalidate b; b'-e")
      assert.deepStrictEqual(forced, ["c", "b", "b'"])
      fails = true
      for (const step of ["revert a", "blacklist b'", "invalidate e"]) {
        assert.strictEqual(yield* Effect.flip(Script.run(chain, step)), failure)
      }
      assert.strictEqual(yield* Script.heads(chain), "e b' b' b' g")
    }).pipe(Effect.scoped)
  )

  it.effect("a replacement that is none is refused, and so is one without a backend for it", () =>
    Effect.gen(function* () {
      const wrong = [
        Script.block("r", "a", 3),
        Script.block("r", "g", 2),
        Script.block("b", "a", 2),
        Script.block("x", "a", 2)
      ]
      let next = 0
      const { open, store } = yield* onStore({ replace: () => Effect.sync(() => wrong[next++]!) })
      const chain = yield* open
      yield* Script.run(chain, "g-a-b-c, a-x")
      for (const _ of wrong)
        assert.match((yield* Effect.flip(Script.run(chain, "invalidate b"))).message, /built a replacement/)
      const { replace: _, ...without } = base
      const plain = yield* Effect.provideService(
        Chain.make(without),
        Store.Store,
        Store.prefixed(store, "plain/")
      )
      yield* Script.run(plain, "g-a")
      const error = yield* Effect.flip(Script.run(plain, "invalidate a"))
      assert.strictEqual(error.message, "invalidate: this chain's backend cannot replace an invalid block")
    }).pipe(Effect.scoped)
  )

  it.effect("derivation is tried again while the backend fails, and stops at a block that cannot be", () =>
    Effect.gen(function* () {
      let tries = 0
      const derive = (source: BlockRef) =>
        source.number === 2
          ? Stream.succeed(Script.ref("unknown", "a", 2))
          : Stream.suspend(() =>
              ++tries < 3 ? Stream.fail(failure) : Stream.succeed(Script.ref("a", "g", 1))
            )
      const chain = yield* (yield* onStore({ derive }, { exhaustedRepeatMs: 1_000_000 })).open
      const seen = yield* ChainTest.watch(chain)
      yield* Script.run(chain, "g-a; provide 1")
      assert.deepStrictEqual(yield* seen(2), ["+a", "LocalSafe g <L1"])
      yield* TestClock.adjust("3 seconds")
      assert.deepStrictEqual(yield* seen(2), ["LocalSafe a <L1", "L1 done a"])
      yield* Script.run(chain, "provide 2")
      assert.deepStrictEqual(yield* seen(2), ["LocalSafe a <L2", "- =a"])
    }).pipe(Effect.scoped)
  )

  it.effect("an L1 block that is provided again while it is derived does not start over", () =>
    Effect.gen(function* () {
      const next = yield* Queue.unbounded<number>()
      let runs = 0
      const derive = () => {
        runs++
        return Stream.fromEffect(Effect.as(Queue.take(next), Script.ref("a", "g", 1)))
      }
      const chain = yield* (yield* onStore({ derive })).open
      const seen = yield* ChainTest.watch(chain)
      for (const step of ["g-a; provide 1", "provide 1", "g-x; blacklist x", "provide 1"]) {
        yield* Script.run(chain, step)
        for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      }
      yield* Queue.offer(next, 0)
      const told = yield* seen(6) // +a, L1 moved, +x, x gone, and:
      assert.deepStrictEqual(told.slice(-2), ["LocalSafe a <L1", "L1 done a"])
      assert.strictEqual(runs, 1)
    }).pipe(Effect.scoped)
  )

  it.effect("a revert calls off what is being derived", () =>
    Effect.gen(function* () {
      const late = yield* Queue.unbounded<number>()
      const derive = () => Stream.fromEffect(Effect.as(Queue.take(late), Script.ref("b", "a", 2)))
      const chain = yield* (yield* onStore({ derive })).open
      yield* Script.run(chain, "g-a-b; provide 1")
      for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
      const seen = yield* ChainTest.watch(chain)
      yield* Script.run(chain, "command a")
      yield* Queue.offer(late, 0)
      assert.deepStrictEqual(yield* seen(2), ["-b =a commanded", "L0 done g"])
    }).pipe(Effect.scoped)
  )
})
