import { assert, describe, it } from "@effect/vitest"
import { Keystore } from "@ephor/keystore"
import { Effect, Layer, Redacted } from "effect"
import { Signatures } from "../src/index.ts"

const options = { secrets: [Redacted.make("//Alice"), Redacted.make("//Bob")] }
const message = Uint8Array.of(1, 2, 3)
const keystore = (layer: Layer.Layer<Keystore.Keystore, Keystore.KeystoreError>) =>
  Effect.provide(Keystore.Keystore, layer)

describe("Signatures", () => {
  it.effect("after the same seed it signs alike, so that others verify it", () =>
    Effect.gen(function* () {
      const mine = yield* keystore(Signatures.layerSr25519(options))
      const usual = yield* keystore(Keystore.layerSr25519(options))
      assert.deepStrictEqual(mine.publicKeys, usual.publicKeys)
      const [alice, bob] = [mine.publicKeys[0]!, mine.publicKeys[1]!]
      const signatures = Effect.fnUntraced(function* (seed: number) {
        yield* Signatures.reseed(seed)
        // More than one seed of the generator lasts for.
        const count = Signatures.noncesPerSeed + 2
        return yield* Effect.forEach(Array.from({ length: count }), () => mine.sign(alice, message))
      })
      const [first, again] = [yield* signatures(1), yield* signatures(1)]
      assert.deepStrictEqual(again, first)
      yield* Signatures.reseed(2)
      const other = yield* mine.sign(alice, message)
      assert.notStrictEqual(other, first[0])
      assert.isTrue(yield* usual.verify(alice, message, other))
      assert.isFalse(yield* usual.verify(bob, message, other))
    })
  )

  it.effect("leaves the platform's entropy as it was", () =>
    Effect.gen(function* () {
      const mine = yield* keystore(Signatures.layerSr25519(options))
      yield* mine.sign(mine.publicKeys[0]!, message)
      yield* Effect.flip(mine.sign(`0x${"00".repeat(32)}`, message))
      const draw = () => globalThis.crypto.getRandomValues(new Uint8Array(16)).join()
      assert.notStrictEqual(draw(), draw())
      const usual = yield* keystore(Keystore.layerSr25519(options))
      const alice = usual.publicKeys[0]!
      assert.notStrictEqual(yield* usual.sign(alice, message), yield* usual.sign(alice, message))
    })
  )
})
