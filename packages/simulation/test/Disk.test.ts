import { assert, describe, it } from "@effect/vitest"
import { Store } from "@ephor/store"
import * as StoreTest from "@ephor/store/testing/StoreTest"
import { Effect, Layer, Option } from "effect"
import { Disk } from "../src/index.ts"

const key = Uint8Array.of(1)
const value = (byte: number) => Uint8Array.of(byte)

StoreTest.suite("simulated disk", () =>
  Layer.effect(
    Store.Store,
    Effect.gen(function* () {
      const disk = yield* Disk.make
      const session = disk.open("here/")
      yield* Effect.addFinalizer(() => session.kill)
      return session.store
    })
  )
)

describe("Disk", () => {
  it.effect("keeps what was written when the program is killed, and takes no more from it", () =>
    Effect.gen(function* () {
      const disk = yield* Disk.make
      const killed = disk.open("a/")
      yield* killed.store.batch([Store.put(key, value(1))])
      yield* killed.kill
      const error = yield* Effect.flip(killed.store.batch([Store.put(key, value(2))]))
      assert.strictEqual(error.reason._tag, "Closed")
      assert.deepStrictEqual(yield* disk.open("a/").store.get(key), Option.some(value(1)))
      assert.deepStrictEqual(yield* disk.open("b/").store.get(key), Option.none())
    })
  )

  it.effect("forgets whole batches, the newest first, of one prefix only", () =>
    Effect.gen(function* () {
      const disk = yield* Disk.make
      const [mine, other] = [disk.open("a/").store, disk.open("b/").store]
      for (const byte of [1, 2, 3]) yield* mine.batch([Store.put(key, value(byte))])
      yield* other.batch([Store.put(key, value(9))])
      yield* disk.forget("a/", 0)
      assert.deepStrictEqual(yield* mine.get(key), Option.some(value(3)))
      yield* disk.forget("a/", 2)
      assert.deepStrictEqual(yield* mine.get(key), Option.some(value(1)))
      yield* disk.forget("a/", 7)
      assert.deepStrictEqual(yield* mine.get(key), Option.none())
      assert.deepStrictEqual(yield* other.get(key), Option.some(value(9)))
    })
  )
})
