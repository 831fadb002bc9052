/** Our glue around the module of `@polkadot/wasm-crypto` against that package's own. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import * as peer from "@polkadot/wasm-crypto"
import { Schnorrkel } from "@ephor/schnorrkel"
import * as ours from "../src/schnorrkel/Schnorrkel.ts"

const bytes = (length: number, seed: number) => Uint8Array.from({ length }, (_, i) => i * seed + 1)

describe("Schnorrkel", () => {
  beforeAll(async () => {
    await peer.waitReady()
  })

  it("derives the same keys", () => {
    const pair = ours.sr25519KeypairFromSeed(bytes(32, 3))
    assert.deepStrictEqual(pair, peer.sr25519KeypairFromSeed(bytes(32, 3)))
    const code = bytes(32, 5)
    assert.deepStrictEqual(
      ours.sr25519DeriveKeypairHard(pair, code),
      peer.sr25519DeriveKeypairHard(pair, code)
    )
    assert.deepStrictEqual(
      ours.sr25519DeriveKeypairSoft(pair, code).slice(64),
      peer.sr25519DeriveKeypairSoft(pair, code).slice(64)
    )
    assert.deepStrictEqual(
      ours.ed25519KeypairFromSeed(bytes(32, 7)),
      peer.ed25519KeypairFromSeed(bytes(32, 7))
    )
  })

  it("verifies what the other signed, empty and long messages, too", () => {
    const pair = ours.sr25519KeypairFromSeed(bytes(32, 3))
    const [secret, key] = [pair.slice(0, 64), pair.slice(64)]
    const author = ours.ed25519KeypairFromSeed(bytes(32, 7))
    for (const message of [new Uint8Array(0), bytes(1, 9), bytes(3_000_000, 11)]) {
      assert.isTrue(Schnorrkel.verify(peer.sr25519Sign(key, secret, message), message, key))
      const signature = ours.sr25519Sign(key, secret, message)
      assert.isTrue(peer.sr25519Verify(signature, message, key))
      assert.isFalse(Schnorrkel.verify(signature, bytes(2, 1), key))
      const vote = ours.ed25519Sign(author.slice(32), author.slice(0, 32), message)
      assert.deepStrictEqual(vote, peer.ed25519Sign(author.slice(32), author.slice(0, 32), message))
      assert.isTrue(ours.ed25519Verify(vote, message, author.slice(32)))
    }
  })

  it("makes phrases that the other takes, a new one each time", () => {
    for (const words of [12, 24] as const) {
      const phrase = ours.bip39Generate(words)
      assert.lengthOf(phrase.split(" "), words)
      assert.isTrue(peer.bip39Validate(phrase))
      assert.isTrue(ours.bip39Validate(phrase))
      assert.deepStrictEqual(ours.bip39ToMiniSecret(phrase, "pass"), peer.bip39ToMiniSecret(phrase, "pass"))
      assert.notStrictEqual(phrase, ours.bip39Generate(words))
    }
    assert.isFalse(ours.bip39Validate("bottom drive obey"))
  })
})
