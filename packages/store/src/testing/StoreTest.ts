/**
 * What every `Store` must do, as a suite: `StoreTest.suite("mine", layer)` inside a vitest file proves a custom store.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, type Layer, Option, Stream } from "effect"
import * as Store from "../Store.ts"

const bytes = (...values: ReadonlyArray<number>) => Uint8Array.from(values)
/** The keys of an iteration. Every stream is run twice: it is a description, and gives the same each time. */
const all = Effect.fnUntraced(function* (
  store: Store.Service,
  prefix: Uint8Array,
  options?: Store.IterateOptions
) {
  const stream = store.iterate(prefix, options)
  const first = yield* Stream.runCollect(stream)
  assert.deepStrictEqual(yield* Stream.runCollect(stream), first, "a second run of the same stream")
  return first.map(({ key }) => [...key])
})

/** What a run of the suite needs to know besides the layer. */
export interface Options {
  /** Set when the layer, built again, finds what was written before: the suite then also reopens it. */
  readonly durable?: boolean
}

/**
 * Declares the tests. `layer` is called for each test and must give an empty store, unless the call carries the number
 * of an earlier one (`durable` stores only): then it must open that one again.
 */
export const suite = (
  name: string,
  layer: (test: number) => Layer.Layer<Store.Store, Store.StoreError>,
  options: Options = {}
): void => {
  let tests = 0
  const check = (title: string, body: (store: Store.Service) => Effect.Effect<unknown, Store.StoreError>) =>
    it.effect(title, () => {
      const test = ++tests
      return Effect.flatMap(Store.Store, body).pipe(Effect.provide(layer(test)))
    })

  describe(`Store: ${name}`, () => {
    check("gives back what was put, and nothing for what was not", (store) =>
      Effect.gen(function* () {
        yield* store.batch([Store.put(bytes(1), bytes(9, 9)), Store.put(bytes(2), bytes())])
        assert.deepStrictEqual(yield* store.get(bytes(1)), Option.some(bytes(9, 9)))
        assert.deepStrictEqual(yield* store.get(bytes(2)), Option.some(bytes()))
        assert.deepStrictEqual(yield* store.get(bytes(3)), Option.none())
        assert.deepStrictEqual(yield* store.get(bytes(1, 0)), Option.none())
      })
    )

    check("applies a batch in its order, and accepts an empty one", (store) =>
      Effect.gen(function* () {
        yield* store.batch([])
        yield* store.batch([
          Store.put(bytes(1), bytes(1)),
          Store.put(bytes(2), bytes(1)),
          Store.remove(bytes(1)),
          Store.put(bytes(2), bytes(2)),
          Store.remove(bytes(7))
        ])
        assert.deepStrictEqual(yield* store.get(bytes(1)), Option.none())
        assert.deepStrictEqual(yield* store.get(bytes(2)), Option.some(bytes(2)))
      })
    )

    check("keeps its bytes apart from the caller's", (store) =>
      Effect.gen(function* () {
        const key = bytes(1)
        const value = bytes(5)
        yield* store.batch([Store.put(key, value)])
        key[0] = 2
        value[0] = 6
        const first = Option.getOrThrow(yield* store.get(bytes(1)))
        first[0] = 7
        assert.deepStrictEqual(yield* store.get(bytes(1)), Option.some(bytes(5)))
        const entries = yield* Stream.runCollect(store.iterate(bytes()))
        assert.deepStrictEqual(entries, [{ key: bytes(1), value: bytes(5) }])
        // Plain ones: what a library adds to its own class (Buffer's `slice`) would change what code does with them.
        assert.isTrue(
          entries.every(({ key, value }) => [key, value].every((each) => each.constructor === Uint8Array))
        )
      })
    )

    check("takes keys of up to 1024 bytes and large values", (store) =>
      Effect.gen(function* () {
        const key = new Uint8Array(Store.maximumKeyBytes).fill(255)
        const value = new Uint8Array(3_000_000).fill(3)
        yield* store.batch([Store.put(key, value)])
        assert.strictEqual(Option.getOrThrow(yield* store.get(key)).length, value.length)
        assert.deepStrictEqual((yield* all(store, bytes(255))).length, 1)
      })
    )

    check("iterates a prefix in the order of unsigned bytes, both ways", (store) =>
      Effect.gen(function* () {
        const keys = [
          [1],
          [2],
          [2, 0],
          [2, 0, 0],
          [2, 1],
          [2, 127],
          [2, 128],
          [2, 255],
          [2, 255, 255],
          [3],
          [255],
          [255, 255]
        ]
        yield* store.batch(keys.toReversed().map((key) => Store.put(bytes(...key), bytes(0))))
        const twos = keys.slice(1, 9)
        assert.deepStrictEqual(yield* all(store, bytes(2)), twos)
        assert.deepStrictEqual(yield* all(store, bytes(2), { reverse: true }), twos.toReversed())
        assert.deepStrictEqual(yield* all(store, bytes()), keys)
        assert.deepStrictEqual(yield* all(store, bytes(), { reverse: true }), keys.toReversed())
        assert.deepStrictEqual(yield* all(store, bytes(255)), [[255], [255, 255]])
        assert.deepStrictEqual(yield* all(store, bytes(255), { reverse: true }), [[255, 255], [255]])
        assert.deepStrictEqual(yield* all(store, bytes(4)), [])
        assert.deepStrictEqual(yield* all(store, bytes(4), { reverse: true }), [])
      })
    )

    check("begins to iterate where it is told", (store) =>
      Effect.gen(function* () {
        const keys = [[1, 9], [2], [2, 3], [2, 5], [2, 7], [3, 0]]
        yield* store.batch(keys.map((key) => Store.put(bytes(...key), bytes(0))))
        const forward = (from: Uint8Array) => all(store, bytes(2), { from })
        const backward = (from: Uint8Array) => all(store, bytes(2), { from, reverse: true })
        assert.deepStrictEqual(yield* forward(bytes(2, 5)), [
          [2, 5],
          [2, 7]
        ])
        assert.deepStrictEqual(yield* forward(bytes(2, 4)), [
          [2, 5],
          [2, 7]
        ])
        assert.deepStrictEqual(yield* forward(bytes(1)), [[2], [2, 3], [2, 5], [2, 7]])
        assert.deepStrictEqual(yield* forward(bytes(3)), [])
        assert.deepStrictEqual(yield* backward(bytes(2, 5)), [[2, 5], [2, 3], [2]])
        assert.deepStrictEqual(yield* backward(bytes(2, 4)), [[2, 3], [2]])
        assert.deepStrictEqual(yield* backward(bytes(9)), [[2, 7], [2, 5], [2, 3], [2]])
        assert.deepStrictEqual(yield* backward(bytes(1, 9)), [])
        assert.deepStrictEqual(yield* all(store, bytes(2), { limit: 2 }), [[2], [2, 3]])
        assert.deepStrictEqual(yield* all(store, bytes(2), { reverse: true, limit: 2 }), [
          [2, 7],
          [2, 5]
        ])
        assert.deepStrictEqual(yield* all(store, bytes(2), { limit: 0 }), [])
        assert.strictEqual((yield* all(store, bytes(2), { limit: 9 })).length, 4)
      })
    )

    check("shows an iteration one consistent view", (store) =>
      Effect.gen(function* () {
        const keys = Array.from({ length: 3000 }, (_, index) => bytes(1, index >> 8, index & 255))
        yield* store.batch(keys.map((key) => Store.put(key, bytes(0))))
        let seen = 0
        let changed = 0
        yield* Stream.runForEachArray(store.iterate(bytes(1)), (entries) =>
          Effect.gen(function* () {
            if (seen === 0) {
              yield* store.batch([
                ...keys.slice(2000).map((key) => Store.remove(key)),
                ...keys.slice(1000, 2000).map((key) => Store.put(key, bytes(1))),
                Store.put(bytes(1, 255), bytes(1))
              ])
            }
            seen += entries.length
            changed += entries.filter(({ value }) => value[0] === 1).length
          })
        )
        assert.strictEqual(seen, 3000)
        assert.strictEqual(changed, 0)
        assert.strictEqual((yield* all(store, bytes(1))).length, 2001)
      })
    )

    check("may be left in the middle of an iteration", (store) =>
      Effect.gen(function* () {
        yield* store.batch(
          Array.from({ length: 1000 }, (_, index) => Store.put(bytes(1, index >> 8, index & 255), bytes(0)))
        )
        for (let round = 0; round < 200; round++) {
          assert.strictEqual((yield* Stream.runCollect(Stream.take(store.iterate(bytes(1)), 3))).length, 3)
        }
        yield* store.batch([Store.put(bytes(2), bytes(0))])
      })
    )

    check("applies batches of many writers, each as a whole", (store) =>
      Effect.gen(function* () {
        const writer = (id: number) =>
          Effect.forEach(
            Array.from({ length: 20 }, (_, round) => round),
            (round) => store.batch([0, 1, 2, 3].map((key) => Store.put(bytes(1, key), bytes(id, round)))),
            { discard: true }
          )
        yield* Effect.all(
          Array.from({ length: 8 }, (_, id) => writer(id)),
          { concurrency: "unbounded", discard: true }
        )
        const values = yield* Stream.runCollect(store.iterate(bytes(1)))
        assert.strictEqual(new Set(values.map(({ value }) => value.join())).size, 1)
      })
    )

    if (options.durable === true) reopening(layer, () => ++tests)
  })
}

const reopening = (
  layer: (test: number) => Layer.Layer<Store.Store, Store.StoreError>,
  next: () => number
): void => {
  it.effect("has everything when it is opened again", () => {
    const test = next()
    const once = <A, E>(body: (store: Store.Service) => Effect.Effect<A, E>) =>
      Effect.scoped(Effect.flatMap(Store.Store, body).pipe(Effect.provide(layer(test), { local: true })))
    return Effect.gen(function* () {
      const stale = yield* once((store) =>
        Effect.as(store.batch([Store.put(bytes(1), bytes(1)), Store.put(bytes(2), bytes(2))]), store)
      )
      const error = yield* Effect.flip(stale.get(bytes(1)))
      assert.strictEqual(error.reason._tag, "Closed")
      yield* once((store) => store.batch([Store.remove(bytes(1)), Store.put(bytes(3), bytes(3))]))
      assert.deepStrictEqual(yield* once((store) => all(store, bytes())), [[2], [3]])
    })
  })
}
