import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Keystore } from "@ephor/keystore"
import * as NodeKeystore from "@ephor/keystore/NodeKeystore"

const keystore = (...secrets: ReadonlyArray<string>) =>
  NodeKeystore.layerEd25519({ secrets: secrets.map((secret) => Redacted.make(secret)) })

describe("NodeKeystore.layerEd25519", () => {
  // RFC 8032, section 7.1, tests 1 and 2; the development keys are those of every tool of the ecosystem.
  const rfc = [
    {
      seed: "0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      key: "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
      payload: new Uint8Array(0),
      signature:
        "0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    },
    {
      seed: "0x4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      key: "0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
      payload: Uint8Array.of(0x72),
      signature:
        "0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    }
  ] as const

  for (const { key, payload, seed, signature } of rfc) {
    it.effect(`signs as RFC 8032 with ${key.slice(0, 10)}`, () =>
      Effect.gen(function* () {
        const store = yield* Keystore.Keystore
        assert.deepStrictEqual(store.publicKeys, [key])
        assert.strictEqual(yield* store.sign(key, payload), signature)
        assert.isTrue(yield* store.verify(key, payload, signature))
        assert.isFalse(yield* store.verify(key, Uint8Array.of(1), signature))
        assert.isFalse(yield* store.verify(key, payload, `0x${"ff".repeat(64)}`))
        assert.isFalse(yield* store.verify("0x", payload, "0x"))
        const check = { key, payload, signature }
        const list = [check, { ...check, payload: Uint8Array.of(1) }, check]
        assert.deepStrictEqual(yield* store.verifyAll(list), [true, false, true])
      }).pipe(Effect.provide(keystore(seed)))
    )
  }

  it.effect("derives the development keys", () =>
    Effect.gen(function* () {
      const { publicKeys } = yield* Keystore.Keystore
      assert.deepStrictEqual(publicKeys, [
        "0x88dc3417d5058ec4b4503e0c12ea1a0a89be200fe98922423d4334014fa6b0ee",
        "0xd17c2d7823ebf260fd138f2d7e27d114c0145d968b5ff5006125f2414fadae69"
      ])
    }).pipe(Effect.provide(keystore("//Alice", "//Bob")))
  )

  it.effect("refuses soft junctions", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Effect.provide(Keystore.Keystore, keystore("//Alice/soft")))
      assert.include(error.message, "soft junctions")
    })
  )
})
