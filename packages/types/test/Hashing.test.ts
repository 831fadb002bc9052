import { assert, describe, it } from "@effect/vitest"
import { blake2b256, blake2b256Bytes, keccak256, keccak256Bytes, toHex } from "@ephor/types"
import { blake2b } from "@noble/hashes/blake2.js"
import { keccak_256 } from "@noble/hashes/sha3.js"
import { readFileSync } from "node:fs"
import { render } from "../scripts/take-hash-modules.ts"
import { vectors } from "./support/vectors.ts"

const text = (value: string) => new TextEncoder().encode(value)

describe("Hashing", () => {
  it("BLAKE2b has an output length of 32 bytes and is not a cut BLAKE2b-512", () => {
    const expected = vectors("streaming/observer")
    assert.strictEqual(blake2b256(new Uint8Array(0)), `0x${expected.blake2b256_empty}`)
    assert.strictEqual(blake2b256(text("abc")), `0x${expected.blake2b256_abc}`)
    assert.notStrictEqual(blake2b256(new Uint8Array(0)), `0x${expected.wrong_truncated_blake2b512_empty}`)
  })

  it("Keccak has the padding of Ethereum", () => {
    const empty = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
    assert.strictEqual(keccak256(new Uint8Array(0)), empty)
    assert.strictEqual(toHex(keccak256Bytes(new Uint8Array(0))), empty)
  })

  it("digests do not depend on what was hashed before, and results stay as they are", () => {
    const first = blake2b256Bytes(text("abc"))
    const copy = first.slice()
    blake2b256Bytes(new Uint8Array(100_000).fill(7))
    assert.deepStrictEqual(first, copy)
    assert.deepStrictEqual(blake2b256Bytes(text("abc")), copy)
  })

  it("both agree with @noble/hashes on every length around their blocks and their buffer", () => {
    for (const length of [0, 1, 127, 128, 129, 135, 136, 137, 256, 16_383, 16_384, 16_385, 32_768, 40_000]) {
      const bytes = Uint8Array.from({ length }, (_, i) => i * 7)
      assert.strictEqual(blake2b256(bytes), toHex(blake2b(bytes, { dkLen: 32 })), `BLAKE2b, ${length} bytes`)
      assert.strictEqual(keccak256(bytes), toHex(keccak_256(bytes)), `Keccak, ${length} bytes`)
    }
  })

  it("runs the modules of hash-wasm", async () => {
    assert.strictEqual(
      await render(),
      readFileSync(new URL("../src/hashing/modules.gen.ts", import.meta.url), "utf8")
    )
  })
})
