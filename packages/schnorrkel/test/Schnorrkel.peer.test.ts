/** Our module against that of `@polkadot/wasm-crypto`: the same verdict for every signature, one by one and in batches. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Checks, Schnorrkel } from "@ephor/schnorrkel"
import * as peer from "@polkadot/wasm-crypto"
import { edges, mutated, order, responseOf, signed, withResponse } from "./support/signatures.ts"

const verdictOf = ({ key, message, signature }: Checks.Check): boolean => {
  try {
    return peer.sr25519Verify(signature, message, key)
  } catch {
    return false
  }
}
const ours = ({ key, message, signature }: Checks.Check) => Schnorrkel.verify(signature, message, key)

/** Numbers that follow from a seed. */
const numbers = (seed: number) => () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0)

describe("Schnorrkel and @polkadot/wasm-crypto", () => {
  beforeAll(async () => {
    await peer.waitReady()
  })

  it("say the same about every edge, alone and among good signatures", () => {
    const others = [1, 2, 3].map((n) => signed(n))
    for (const message of [new Uint8Array(), Uint8Array.of(1, 2, 3), new Uint8Array(100_000).fill(7)])
      for (const [name, check] of edges(signed(9, message))) {
        const expected = verdictOf(check)
        assert.strictEqual(ours(check), expected, name)
        assert.deepStrictEqual(
          Schnorrkel.verifyBatch([...others, check, ...others]),
          [true, true, true, expected, true, true, true],
          name
        )
        assert.deepStrictEqual(Schnorrkel.verifyBatch([check]), [expected], name)
        assert.deepStrictEqual(Schnorrkel.verifyBatch([check, check]), [expected, expected], name)
      }
    const known = new Map(edges(signed(9)).map(([name, check]) => [name, verdictOf(check)]))
    assert.isTrue(known.get("good"))
    assert.isTrue(known.get("nothing signed by nobody"), "the one edge that everybody takes")
    assert.strictEqual([...known.values()].filter(Boolean).length, 2)
  })

  it("say the same about three thousand signatures, good ones and some with a turned bit", () => {
    const next = numbers(7)
    const good = Array.from({ length: 60 }, (_, n) => signed(n))
    for (let round = 0; round < 60; round++) {
      const rate = [0, 1, 4, 50, 100][round % 5]!
      const checks = Array.from({ length: 50 }, () => {
        const check = good[next() % good.length]!
        return next() % 100 < rate ? mutated(check, next() >>> 4) : check
      })
      const expected = checks.map(verdictOf)
      assert.deepStrictEqual(checks.map(ours), expected)
      assert.deepStrictEqual(Schnorrkel.verifyBatch(checks), expected)
    }
  })

  it("a batch refuses errors that cancel each other out", () => {
    const good = [1, 2, 3, 4].map((n) => signed(n))
    for (const by of [1n, 2n ** 128n, order - 1n]) {
      const shifted = good.map((check, i) => ({
        ...check,
        signature: withResponse(
          check.signature,
          (responseOf(check.signature) + (i % 2 === 0 ? by : order - by)) % order
        )
      }))
      assert.deepStrictEqual(shifted.map(verdictOf), [false, false, false, false])
      assert.deepStrictEqual(Schnorrkel.verifyBatch(shifted), [false, false, false, false])
      const same = [shifted[0]!, { ...good[0]!, signature: shifted[0]!.signature }, good[1]!]
      assert.deepStrictEqual(Schnorrkel.verifyBatch(same), [false, false, true])
    }
  })
})
