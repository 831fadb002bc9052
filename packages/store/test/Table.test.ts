import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Schema, Stream } from "effect"
import { Store, Table } from "@ephor/store"
import { BlockRef } from "@ephor/types"

const votes = Table.make({
  name: "votes",
  key: [Table.u32, Table.text, Table.u64],
  value: Schema.Struct({ n: Schema.Int })
})
const others = Table.make({ name: "votes2", key: [Table.hash], value: Schema.BigInt })
const ones = Table.make({ name: "one", key: [], value: Schema.Uint8Array })
const hash = `0x${"ab".repeat(32)}` as const

const withStore = <A, E>(body: (store: Store.Service) => Effect.Effect<A, E>) =>
  Effect.flatMap(Store.Store, body).pipe(Effect.provide(Store.layerMemory))
const keys = <Key>(stream: Stream.Stream<readonly [Key, unknown], Store.StoreError>) =>
  Effect.map(Stream.runCollect(stream), (records) => records.map(([key]) => key))

describe("Table", () => {
  it.effect("keeps typed records of several tables in one batch", () =>
    withStore(
      Effect.fnUntraced(function* (store) {
        yield* store.batch([
          votes.put([1, "a", 2], { n: 7 }),
          others.put([hash], 10n ** 30n),
          ones.put([], Uint8Array.of(1, 2))
        ])
        assert.deepStrictEqual(yield* votes.get(store, [1, "a", 2]), Option.some({ n: 7 }))
        assert.deepStrictEqual(yield* others.get(store, [hash]), Option.some(10n ** 30n))
        assert.deepStrictEqual(yield* ones.get(store, []), Option.some(Uint8Array.of(1, 2)))
        yield* store.batch([votes.delete([1, "a", 2])])
        assert.deepStrictEqual(yield* votes.get(store, [1, "a", 2]), Option.none())
        assert.deepStrictEqual(yield* Stream.runCollect(others.iterate(store, [])), [[[hash], 10n ** 30n]])
      })
    )
  )

  it.effect("iterates in the order of the parts: numbers by value, texts by letter", () =>
    withStore(
      Effect.fnUntraced(function* (store) {
        const sorted = [
          [1, "a", 9],
          [1, "a", 300],
          [1, "a", Number.MAX_SAFE_INTEGER],
          [1, "ab", 0],
          [2, "", 0],
          [300, "a", 0],
          [0xffff_ffff, "z", 1]
        ] as const
        yield* store.batch(sorted.toReversed().map((key) => votes.put(key, { n: 1 })))
        assert.deepStrictEqual(yield* keys(votes.iterate(store, [])), [...sorted])
        assert.deepStrictEqual(yield* keys(votes.iterate(store, [], { reverse: true })), sorted.toReversed())
        assert.deepStrictEqual(yield* keys(votes.iterate(store, [1, "a"])), sorted.slice(0, 3))
        assert.deepStrictEqual(yield* keys(votes.iterate(store, [1])), sorted.slice(0, 4))
        assert.deepStrictEqual(yield* keys(votes.iterate(store, [], { from: [1, "a", 10] })), sorted.slice(1))
        // The nearest record at or below a key: reverse, from it, take one.
        assert.deepStrictEqual(
          yield* keys(Stream.take(votes.iterate(store, [1, "a"], { from: [1, "a", 299], reverse: true }), 1)),
          [sorted[0]]
        )
      })
    )
  )

  it.effect.prop(
    "keys come back as they went",
    [Schema.Tuple([Schema.Natural, Schema.String])],
    ([[number, text]]) =>
      withStore(
        Effect.fnUntraced(function* (store) {
          if (
            number > 0xffff_ffff ||
            text.includes("\0") ||
            /[\ud800-\udfff]/.test(text) ||
            text.length > 200
          )
            return
          yield* store.batch([votes.put([number, text, number], { n: 1 })])
          assert.deepStrictEqual(yield* keys(votes.iterate(store, [])), [[number, text, number]])
        })
      )
  )

  it.effect("names the key of a record that does not decode", () =>
    withStore(
      Effect.fnUntraced(function* (store) {
        yield* store.batch([{ _tag: "Put", key: votes.key([1, "a", 2]), value: Uint8Array.of(0x7b) }])
        const read = yield* Effect.flip(votes.get(store, [1, "a", 2]))
        assert.strictEqual(read.reason._tag, "Corrupt")
        assert.include(
          read.message,
          "store table votes: get failed: the record at 0x766f74657300000000016100"
        )
        const iterated = yield* Effect.flip(Stream.runCollect(votes.iterate(store, [])))
        assert.strictEqual(iterated.operation, "iterate")
        const key = [...votes.key([1, "a", 2]), 9]
        yield* store.batch([
          votes.delete([1, "a", 2]),
          { _tag: "Put", key: Uint8Array.from(key), value: Uint8Array.of(0x7b) }
        ])
        assert.include(
          (yield* Effect.flip(Stream.runCollect(votes.iterate(store, [])))).message,
          "1 bytes too many"
        )
      })
    )
  )

  it("takes another codec for its values", () => {
    const table = Table.make({
      name: "raw",
      key: [Table.u32],
      value: BlockRef,
      codec: {
        encode: () => Uint8Array.of(5),
        decode: () => ({ hash, number: 1, parentHash: hash, timestamp: 1 })
      }
    })
    const write = table.put([1], { hash, number: 1, parentHash: hash, timestamp: 1 })
    assert.deepStrictEqual(write._tag === "Put" ? write.value : undefined, Uint8Array.of(5))
  })

  it("refuses key parts that have no place in a key", () => {
    assert.throws(() => others.key(["0x12"]), RangeError)
    assert.throws(() => votes.key([1, "a\0b", 2]), RangeError)
    assert.throws(() => votes.key([-1, "a", 2]), RangeError)
    assert.throws(() => votes.key([2 ** 32, "a", 2]), RangeError)
    assert.throws(() => votes.key([1, "a", 1.5]), RangeError)
    assert.throws(() => votes.key([1, "a", 2 ** 53]), RangeError)
  })
})
