import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Keystore } from "@ephor/keystore"
import collators from "./vectors/polkadot-collators.json" with { type: "json" }
import keys from "./vectors/polkadot-keys.json" with { type: "json" }
import negative from "./vectors/polkadot-signatures-negative.json" with { type: "json" }
import positive from "./vectors/polkadot-signatures.json" with { type: "json" }

type Text = `0x${string}`
const bytes = (text: string) => new Uint8Array(Buffer.from(text.slice(2), "hex"))
const keystore = (...secrets: ReadonlyArray<string>) =>
  Keystore.layerSr25519({ secrets: secrets.map((secret) => Redacted.make(secret)) })
const publicOf = (secret: string) =>
  Effect.map(Keystore.Keystore, (store) => store.publicKeys[0]).pipe(Effect.provide(keystore(secret)))

describe("Keystore.layerSr25519", () => {
  for (const { public: expected, suri } of keys.keys) {
    it.effect(`derives the key of ${suri}`, () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* publicOf(suri), expected)
        assert.strictEqual(yield* publicOf(`${keys.phrase}${suri}`), expected)
        assert.strictEqual(yield* publicOf(`${keys.root_mini_secret}${suri}`), expected)
      })
    )
  }

  it.effect("signs what anybody can verify, and only with keys it holds", () =>
    Effect.gen(function* () {
      const store = yield* Keystore.Keystore
      const [alice, bob] = store.publicKeys
      const payload = new TextEncoder().encode("a vote")
      const signature = yield* store.sign(alice!, payload)
      assert.isTrue(yield* store.verify(alice!, payload, signature))
      assert.isTrue(Keystore.sr25519Verify(alice!, payload, signature))
      assert.isFalse(yield* store.verify(bob!, payload, signature))
      assert.isFalse(yield* store.verify(alice!, new TextEncoder().encode("a vota"), signature))
      const stranger = keys.keys[5]!.public as Text
      assert.deepStrictEqual(yield* store.owned([stranger, bob!, stranger, alice!]), [1, 3])
      const error = yield* Effect.flip(store.sign(stranger, payload))
      assert.strictEqual(error.reason._tag, "UnknownKey")
      assert.include(error.message, stranger)
    }).pipe(Effect.provide(keystore("//Alice", "//Bob")))
  )

  it.effect("derives soft junctions, numbers, long names and passwords to other keys", () =>
    Effect.gen(function* () {
      const secrets = [
        "//Alice",
        "//Alice/soft",
        "//Alice//0",
        "//Alice///password",
        `//${"long".repeat(20)}`,
        "//Alice//00a"
      ]
      const found = yield* Effect.forEach(secrets, publicOf)
      assert.strictEqual(new Set(found).size, secrets.length)
      // Known to every tool of the ecosystem: the stash of Alice.
      assert.strictEqual(
        yield* publicOf("//Alice//stash"),
        "0xbe5ddb1579b72e84524fc29e78609e3caf42e85aa118ebfe0b0ad404b5bdd25f"
      )
    })
  )

  for (const secret of [
    "",
    "0x",
    "0x1234",
    "0xzz",
    "one two three",
    "///",
    "//",
    keys.phrase.replace("fit", "fat"),
    `${keys.phrase}//`
  ]) {
    it.effect(`refuses the secret ${JSON.stringify(secret)} without repeating it`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(publicOf(secret))
        assert.instanceOf(error, Keystore.KeystoreError)
        assert.strictEqual(error.reason._tag, "BadSecret")
        if (secret.length > 4) assert.notInclude(error.message, secret)
      })
    )
  }
})

describe("Keystore.sr25519Verify", () => {
  for (const { name, payload, public: key, signature } of positive.vectors) {
    it.effect(`accepts: ${name}`, () =>
      Effect.gen(function* () {
        yield* Keystore.sr25519Ready
        assert.isTrue(Keystore.sr25519Verify(key as Text, bytes(payload), signature as Text))
      })
    )
  }

  for (const { name, payload, public: key, signature } of negative.vectors) {
    it.effect(`refuses: ${name}`, () =>
      Effect.gen(function* () {
        yield* Keystore.sr25519Ready
        assert.isFalse(Keystore.sr25519Verify(key as Text, bytes(payload), signature as Text))
      })
    )
  }

  it.effect(`accepts the collators of ${collators.vectors.length} real candidates`, () =>
    Effect.gen(function* () {
      yield* Keystore.sr25519Ready
      for (const { block, descriptor, para_id } of collators.vectors) {
        const raw = bytes(descriptor)
        const part = (from: number, size: number) => raw.slice(from, from + size)
        const hex = (from: number, size: number): Text => `0x${Buffer.from(part(from, size)).toString("hex")}`
        const payload = Buffer.concat([part(4, 32), part(0, 4), part(68, 32), part(100, 32), part(260, 32)])
        const accepted = Keystore.sr25519Verify(hex(36, 32), payload, hex(164, 64))
        assert.isTrue(accepted, `collator of para ${para_id} in block ${block}`)
        assert.isFalse(Keystore.sr25519Verify(hex(36, 32), payload.subarray(1), hex(164, 64)))
      }
    })
  )

  it.effect("is false for garbage of any shape", () =>
    Effect.gen(function* () {
      yield* Keystore.sr25519Ready
      const key = keys.keys[0]!.public as Text
      const shapes: ReadonlyArray<Text> = [
        "0x",
        "0x00",
        "0xzz",
        `0x${"00".repeat(63)}`,
        `0x${"ff".repeat(64)}`,
        `0x${"00".repeat(64)}`
      ]
      for (const shape of shapes) {
        assert.isFalse(Keystore.sr25519Verify(key, new Uint8Array(0), shape))
        assert.isFalse(Keystore.sr25519Verify(shape, new Uint8Array(1), `0x${"80".repeat(64)}`))
        assert.isFalse(Keystore.sr25519Verify(`0x${"ff".repeat(32)}`, new Uint8Array(1), shape))
      }
    })
  )
})
