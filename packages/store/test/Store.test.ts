import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Stream } from "effect"
import { Store } from "@ephor/store"
import * as StoreTest from "@ephor/store/testing/StoreTest"

StoreTest.suite("memory", () => Layer.fresh(Store.layerMemory))
StoreTest.suite("prefixed memory", () =>
  Store.layerPrefixed("chain/").pipe(Layer.provide(Layer.fresh(Store.layerMemory)))
)
StoreTest.suite("memory under a prefix of ff", () =>
  Store.layerPrefixed(Uint8Array.of(255, 255)).pipe(Layer.provide(Layer.fresh(Store.layerMemory)))
)

describe("Store.prefixed", () => {
  it.effect("keeps two views of one store apart", () =>
    Effect.gen(function* () {
      const store = yield* Store.Store
      const left = Store.prefixed(store, "901/")
      const right = Store.prefixed(store, "902/")
      const key = Uint8Array.of(1)
      yield* left.batch([Store.put(key, Uint8Array.of(1))])
      yield* right.batch([Store.put(key, Uint8Array.of(2)), Store.remove(Uint8Array.of(2))])
      assert.deepStrictEqual(yield* left.get(key), Option.some(Uint8Array.of(1)))
      assert.strictEqual((yield* Stream.runCollect(left.iterate(new Uint8Array(0)))).length, 1)
      assert.strictEqual((yield* Stream.runCollect(store.iterate(new Uint8Array(0)))).length, 2)
    }).pipe(Effect.provide(Store.layerMemory))
  )
})

describe("Store.layerMemory", () => {
  it.effect("is closed with its scope", () =>
    Effect.gen(function* () {
      const store = yield* Effect.provide(Store.Store, Layer.fresh(Store.layerMemory))
      const error = yield* Effect.flip(store.batch([]))
      assert.strictEqual(error.message, "store (memory): batch failed: the store is closed")
    })
  )
})
