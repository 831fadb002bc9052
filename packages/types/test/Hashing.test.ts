import { assert, describe, it } from "@effect/vitest"
import { blake2b256, blake2b256Bytes, keccak256, keccak256Bytes, toHex } from "@ephor/types"
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
})
