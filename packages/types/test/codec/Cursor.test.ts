import { assert, describe, it } from "@effect/vitest"
import { CodecError, concatBytes, fromHex, isHex, Reader, toHex, Writer, writeHex } from "@ephor/types"
import { digitsByTable } from "../../src/codec/Hex.ts"

describe("hex", () => {
  it("is the inverse of itself for every byte and any length", () => {
    const all = Uint8Array.from({ length: 257 }, (_, i) => i & 0xff)
    for (const length of [0, 1, 2, 3, 256, 257]) {
      const bytes = all.subarray(0, length)
      assert.strictEqual(toHex(bytes), `0x${Buffer.from(bytes).toString("hex")}`)
      assert.strictEqual(digitsByTable(all, 0, length), toHex(bytes).slice(2))
      assert.deepStrictEqual(fromHex(toHex(bytes)), bytes.slice())
    }
    assert.strictEqual(toHex(all, 1, 4), "0x010203")
    assert.strictEqual(digitsByTable(all, 1, 4), "010203")
    assert.deepStrictEqual(fromHex("0xABcd"), Uint8Array.of(0xab, 0xcd))
  })

  it("takes long texts in one piece", () => {
    const bytes = new Uint8Array(100_000).fill(0xa7)
    assert.deepStrictEqual(fromHex(toHex(bytes)), bytes)
    assert.throws(() => fromHex(`${toHex(bytes)}0g`), CodecError)
    assert.throws(() => fromHex(`${toHex(bytes)}\u0130`), CodecError)
  })

  it("refuses everything else", () => {
    fromHex("0x00")
    for (const text of [
      "",
      "0",
      "0x0",
      "00",
      "1x00",
      "0X00",
      "0x0g",
      "0x g",
      "0x\u01300",
      "0x\u3030\u3030",
      "0x--",
      "0x\u3030\u3031aa"
    ]) {
      assert.throws(() => fromHex(text), CodecError)
      assert.isFalse(isHex(text), text)
    }
    assert.isTrue(isHex("0x"))
  })

  it("writes in place", () => {
    const target = new Uint8Array(4)
    assert.strictEqual(writeHex("0x0102", target, 1), 3)
    assert.deepStrictEqual(target, Uint8Array.of(0, 1, 2, 0))
  })
})

describe("cursors", () => {
  it("integers of every width come back", () => {
    const writer = new Writer(1)
    writer.u8(0xfe)
    writer.u16(0xfffe)
    writer.u32(0xffff_fffe)
    writer.u64(2n ** 64n - 2n)
    writer.safeU64(2 ** 53 - 2)
    writer.u128(2n ** 128n - 2n)
    const reader = new Reader(writer.finish())
    assert.deepStrictEqual(
      [reader.u8(), reader.u16(), reader.u32(), reader.u64(), reader.safeU64(), reader.u128()],
      [0xfe, 0xfffe, 0xffff_fffe, 2n ** 64n - 2n, 2 ** 53 - 2, 2n ** 128n - 2n]
    )
    reader.finish()
  })

  it("a window ends where it was told to", () => {
    const reader = new Reader(Uint8Array.of(1, 2, 3, 4), 1, 3)
    assert.deepStrictEqual([reader.u8(), reader.u8()], [2, 3])
    assert.throws(() => reader.u8())
    assert.strictEqual(reader.at, 3)
  })

  it("integers out of range are not written", () => {
    const writer = new Writer()
    for (const value of [-1, 256, 1.5, Number.NaN]) assert.throws(() => writer.u8(value))
    for (const value of [-1, 2 ** 32, 1.5, Number.NaN]) assert.throws(() => writer.u32(value))
    for (const value of [-1n, 2n ** 64n]) assert.throws(() => writer.u64(value))
    for (const value of [-1n, 2n ** 128n]) assert.throws(() => writer.u128(value))
    assert.strictEqual(writer.at, 0)
  })

  it("pieces are put together in order", () => {
    assert.deepStrictEqual(
      concatBytes(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)),
      Uint8Array.of(1, 2, 3)
    )
  })
})
