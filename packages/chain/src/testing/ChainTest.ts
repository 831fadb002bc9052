/**
 * What every `Chain` must do, as a suite. `ChainTest.suite("mine", (backend) => layer)` inside a vitest file proves a
 * layer that is given its genesis, its L1 and its replacement blocks by the test.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer, Option, Queue, Result, Stream } from "effect"
import type { BlockRef, L2BlockRef } from "@ephor/types"
import { type Backend, Chain, type Limits, type Service } from "../Chain.ts"
import type { ChainError } from "../ChainError.ts"
import type { StoreError } from "@ephor/store/Store"
import { pruning } from "./rows/Pruning.ts"
import { refusals, rows } from "./rows/Rows.ts"
import * as Script from "./ChainScript.ts"

/** What a backend needs that is to prove itself here and has no replacements of its own. */
export { complementing } from "../Chain.ts"

/** The part of a backend that a test dictates. */
export type TestBackend = Pick<Backend, "genesis" | "anchorSource"> & Partial<Backend>

/** Makes the layer under test, fresh for each test. */
export type MakeLayer = (
  backend: TestBackend,
  limits: Partial<Limits>
) => Layer.Layer<Chain, ChainError | StoreError>

/**
 * The events of a chain from now on, in the words of `ChainScript.told`. The effect that comes back waits for `count`
 * events, gives later ones a chance to show, and gives all that came since it was last run.
 */
export const watch = Effect.fnUntraced(function* (chain: Service) {
  const queue = yield* Queue.unbounded<string>()
  yield* Stream.runForEach(chain.events, (event) => Queue.offer(queue, Script.told(event))).pipe(
    Effect.forkScoped({ startImmediately: true })
  )
  return Effect.fnUntraced(function* (count = 0) {
    const first = yield* Effect.forEach(Array.from({ length: count }), () => Queue.take(queue))
    for (let turn = 0; turn < 20; turn++) yield* Effect.yieldNow
    return [...first, ...(yield* Queue.clear(queue))]
  })
})

/** Runs steps one by one, each time waiting until what an accepted L1 block brings is derived. */
const runSettled = Effect.fnUntraced(function* (chain: Service, script: string) {
  for (const step of script.split(";")) {
    const exhausted = yield* Stream.runHead(
      Stream.filter(chain.events, ({ _tag }) => _tag === "Exhausted")
    ).pipe(Effect.forkScoped({ startImmediately: true }))
    yield* Script.run(chain, step)
    if (step.includes("provide")) yield* Fiber.join(exhausted)
  }
}, Effect.scoped)

/** Declares the tests. */
export const suite = (name: string, make: MakeLayer): void => {
  const base: TestBackend = { genesis: Script.genesis, anchorSource: Script.l1(0) }
  const check = (
    title: string,
    body: (chain: Service) => Effect.Effect<unknown, unknown, any>,
    backend: Partial<Backend> = {},
    limits: Partial<Limits> = {}
  ) =>
    it.effect(
      title,
      () =>
        Effect.flatMap(Chain, body).pipe(
          Effect.provide(make({ ...base, ...backend }, { retainedBlocks: 8, ...limits })),
          Effect.scoped
        ) as Effect.Effect<void>
    )

  describe(`Chain: ${name}`, () => {
    for (const row of rows) {
      check(
        row.title,
        Effect.fnUntraced(function* (chain: Service) {
          yield* runSettled(chain, row.before ?? "")
          const seen = yield* watch(chain)
          yield* Script.run(chain, row.steps)
          assert.deepStrictEqual(yield* seen(row.told.length), row.told)
          assert.strictEqual(yield* Script.heads(chain), row.heads)
        })
      )
    }
    for (const [title, before, step, reason] of refusals) {
      check(
        title,
        Effect.fnUntraced(function* (chain: Service) {
          yield* Script.run(chain, before)
          const seen = yield* watch(chain)
          const heads = yield* Script.heads(chain)
          const result = yield* Effect.result(Script.run(chain, step))
          assert.strictEqual(Result.isFailure(result) ? result.failure.reason._tag : "accepted", reason)
          assert.strictEqual(yield* Script.heads(chain), heads)
          assert.deepStrictEqual(yield* seen(), [])
        })
      )
    }
    reading(check)
    following(check)
    telling(check)
    pruning(check)
  })
}

type Check = (
  title: string,
  body: (chain: Service) => Effect.Effect<unknown, unknown, any>,
  backend?: Partial<Backend>
) => void

const names = (blocks: ReadonlyArray<BlockRef>) => blocks.map(({ hash }) => Script.name(hash)).join(" ")

const reading = (check: Check): void => {
  check(
    "blocks are found by hash, height and time, with their content",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, "g-a-b-c, a-x-y")
      const found = (id: Parameters<Service["block"]>[0]) =>
        Effect.map(chain.block(id), (ref) =>
          Option.match(ref, { onNone: () => "-", onSome: ({ hash }) => Script.name(hash) })
        )
      assert.deepStrictEqual(
        yield* Effect.all([found(0), found(2), found(4), found(Script.hash("y")), found(Script.hash("z"))]),
        ["g", "b", "-", "y", "-"]
      )
      const at = (time: number) =>
        Effect.map(
          chain.blockAt(time),
          Option.map(({ hash }) => Script.name(hash))
        )
      assert.deepStrictEqual(
        yield* Effect.all([at(0), at(1), at(2), at(5), at(600)]),
        ["g", "g", "a", "b", "c"].map(Option.some)
      )
      assert.deepStrictEqual(yield* chain.content(Script.hash("x")), Script.block("x", "a", 2))
      const error = yield* Effect.flip(chain.content(Script.hash("z")))
      assert.include(error.message, "unknown block")
      assert.strictEqual(names(yield* chain.ancestors(Script.hash("y"), 2)), "x a")
      assert.strictEqual(names(yield* chain.ancestors(Script.hash("y"), 99)), "x a g")
      assert.strictEqual(names(yield* chain.descendants(Script.hash("a"))), "b x c y")
      assert.strictEqual(yield* chain.isInvalidated(Script.hash("y")), false)
      yield* Script.run(chain, "blacklist x")
      assert.strictEqual(yield* chain.isInvalidated(Script.hash("y")), true)
    })
  )

  check(
    "a block follows its parent by one in height, and is no older than it",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, "g-a")
      const wrong = [
        { timestamp: 1, number: 2, name: "older" },
        { timestamp: 4, number: 3, name: "higher" },
        { timestamp: 4, number: 1, name: "lower" }
      ]
      for (const { name, number, timestamp } of wrong) {
        const block = Script.block(name, "a", number)
        const { reason } = yield* Effect.flip(chain.import({ ...block, ref: { ...block.ref, timestamp } }))
        assert.strictEqual(reason._tag, "NotDescendant", name)
        assert.isTrue(Option.isNone(yield* chain.block(Script.hash(name))), name)
      }
      const block = Script.block("b", "a", 2)
      yield* chain.import({ ...block, ref: { ...block.ref, timestamp: 2 } })
      assert.strictEqual(Script.name((yield* chain.head("LocalUnsafe")).hash), "b", "of the same time")
    })
  )

  check(
    "what lies far below finality is read from disk, and dead forks are forgotten",
    Effect.fnUntraced(function* (chain: Service) {
      const line = Array.from({ length: 40 }, (_, index) => `b${index + 1}`)
      yield* Script.run(chain, `g-${line.join("-")}; b2-x-y; b30-w; finalize b35`)
      assert.strictEqual(
        names(yield* chain.ancestors(Script.hash("b30"), 100)),
        [...line.slice(0, 29).toReversed(), "g"].join(" ")
      )
      assert.strictEqual(
        names(yield* chain.descendants(Script.hash("b1"))),
        [...line.slice(1, 31), "w", ...line.slice(31)].join(" ")
      )
      assert.strictEqual(Script.name(Option.getOrThrow(yield* chain.block(3)).hash), "b3")
      assert.strictEqual(Script.name(Option.getOrThrow(yield* chain.blockAt(9)).hash), "b4")
      assert.deepStrictEqual(yield* chain.content(Script.hash("b3")), Script.block("b3", "b2", 3))
      assert.deepStrictEqual(yield* chain.block(Script.hash("y")), Option.none())
      assert.isTrue(Option.isSome(yield* chain.block(Script.hash("w"))))
      yield* Script.run(chain, "b2-b3; Finalized b5") // long known: silent
      const error = yield* Effect.flip(chain.blacklist(Script.hash("b3"), "late"))
      assert.strictEqual(error.reason._tag, "Finalized")
    })
  )
}

const following = (check: Check): void => {
  const derive = (plan: Record<number, ReadonlyArray<L2BlockRef>>) => (source: BlockRef) =>
    Stream.fromIterable(plan[source.number] ?? [])
  const plan = { 1: [Script.ref("a", "g", 1), Script.ref("b", "a", 2)], 3: [Script.ref("x", "b", 3)] }

  check(
    "provided L1 is derived block by block, and asked for again",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, "g-a-b-c-d, b-x")
      const seen = yield* watch(chain)
      yield* Script.run(chain, "provide 1")
      assert.deepStrictEqual(yield* seen(4), [
        "LocalSafe g <L1",
        "LocalSafe a <L1",
        "LocalSafe b <L1",
        "L1 done b"
      ])
      yield* Script.run(chain, "provide 1; provide 3; provide 7")
      assert.deepStrictEqual(yield* seen(), [])
      yield* Script.run(chain, "provide 2")
      assert.deepStrictEqual(yield* seen(2), ["LocalSafe b <L2", "L2 done b"])
      yield* Script.run(chain, "provide 3")
      // What L1 says wins over the unsafe chain.
      assert.deepStrictEqual(yield* seen(5), [
        "LocalSafe b <L3",
        "-d c =b",
        "+x",
        "LocalSafe x <L3",
        "L3 done x"
      ])
      assert.strictEqual(yield* Script.heads(chain), "x g x g g")
    }),
    { derive: derive(plan) }
  )

  check(
    "L1 that does not build on the last block stops derivation until heads are dictated",
    Effect.fnUntraced(function* (chain: Service) {
      yield* runSettled(chain, "g-a-b; provide 1")
      const seen = yield* watch(chain)
      yield* chain.provide(Script.l1(2, "x"))
      assert.deepStrictEqual(yield* seen(1), ["- =b"])
      yield* Script.run(chain, "provide 2")
      assert.deepStrictEqual(yield* seen(), [])
      yield* Script.run(chain, "command a")
      assert.deepStrictEqual(yield* seen(2), ["-b =a commanded", "L1 done a"])
      yield* Script.run(chain, "provide 2")
      assert.deepStrictEqual(yield* seen(2), ["LocalSafe a <L2", "L2 done a"])
    }),
    { derive: derive(plan) }
  )
}

const telling = (check: Check): void => {
  check(
    "every subscriber sees every event in the same order",
    Effect.fnUntraced(function* (chain: Service) {
      const line = Array.from({ length: 60 }, (_, index) => `b${index + 1}`)
      const reader = Stream.runCollect(Stream.take(Stream.map(chain.events, Script.told), 60)).pipe(
        Effect.forkScoped({ startImmediately: true })
      )
      const readers = yield* Effect.all([reader, reader, reader])
      yield* Script.run(chain, `g-${line.join("-")}`)
      for (const fiber of readers)
        assert.deepStrictEqual(
          yield* Fiber.join(fiber),
          line.map((name) => `+${name}`)
        )
    })
  )

  check(
    "blocks that are imported at the same time are all there",
    Effect.fnUntraced(function* (chain: Service) {
      const siblings = Array.from({ length: 20 }, (_, index) => `b${index}`)
      yield* Effect.forEach(siblings, (name) => Script.run(chain, `g-${name}`), { concurrency: "unbounded" })
      assert.strictEqual((yield* chain.descendants(Script.hash("g"))).length, 20)
    })
  )

  check(
    "verbs that race are applied one after the other",
    Effect.fnUntraced(function* (chain: Service) {
      yield* Script.run(chain, "g-a-b-c-d")
      const steps = ["invalidate b", "invalidate b", "blacklist c", "finalize d", "revert a", "d-e"]
      yield* Effect.forEach(steps, (step) => Effect.result(Script.run(chain, step)), {
        concurrency: "unbounded"
      })
      const { crossSafe, crossUnsafe, finalized, localSafe, localUnsafe } = yield* chain.heads
      const ladder = [finalized, crossSafe, localSafe, localUnsafe].map(({ number }) => number)
      assert.deepStrictEqual(
        ladder,
        [...ladder].sort((left, right) => left - right)
      )
      assert.isTrue(crossSafe.number <= crossUnsafe.number && crossUnsafe.number <= localUnsafe.number)
      const canonical = yield* chain.ancestors(localUnsafe.hash, 99)
      for (const head of [crossUnsafe, localSafe, crossSafe, finalized]) {
        assert.isTrue([localUnsafe, ...canonical].some(({ hash }) => hash === head.hash))
      }
    })
  )
}
