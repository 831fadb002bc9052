import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Bcs, fromHex, Reader, toHex, Wire, Writer } from "@ephor/types"

const faultOf = <A>(schema: Schema.Schema<A>, hex: string) => {
  const result = Bcs.decodeResult(schema)(fromHex(hex))
  return Result.isFailure(result) ? result.failure.fault : "accepted"
}

describe("ULEB128", () => {
  const rows: ReadonlyArray<readonly [number, string]> = [
    [0, "0x00"],
    [127, "0x7f"],
    [128, "0x8001"],
    [16_383, "0xff7f"],
    [16_384, "0x808001"],
    [2 ** 32 - 1, "0xffffffff0f"]
  ]
  for (const [value, hex] of rows) {
    it(`${value} is ${hex}`, () => {
      const writer = new Writer()
      Bcs.writeUleb(writer, value)
      assert.strictEqual(toHex(writer.finish()), hex)
      assert.strictEqual(Bcs.readUleb(new Reader(fromHex(hex))), value)
    })
  }

  it("is refused when longer than needed, too large, or cut", () => {
    assert.strictEqual(faultOf(Wire.Bytes, "0x8000"), "NotCanonical")
    assert.strictEqual(faultOf(Wire.Bytes, "0x808080808000"), "OutOfRange")
    assert.strictEqual(faultOf(Wire.Bytes, "0xffffffff10"), "OutOfRange")
    assert.strictEqual(faultOf(Wire.Bytes, "0xffffffff0f"), "OutOfRange")
    assert.strictEqual(faultOf(Wire.Bytes, "0x80"), "Truncated")
  })
})

describe("BCS", () => {
  it("integers have no compact form here", () => {
    assert.strictEqual(toHex(Bcs.encode(Wire.CompactU32)(1)), "0x01000000")
  })

  it("case numbers are ULEB128", () => {
    const Far = Wire.variants({ Far: [300, Wire.U8] })
    assert.strictEqual(toHex(Bcs.encode(Far)({ _tag: "Far", value: 5 })), "0xac0205")
    assert.deepStrictEqual(Bcs.decode(Far)(fromHex("0xac0205")), { _tag: "Far", value: 5 })
  })

  it("bytes that are cut, and bytes behind the value, are refused", () => {
    assert.strictEqual(faultOf(Wire.Bytes, "0x0501"), "Truncated")
    assert.strictEqual(faultOf(Wire.U8, "0x0100"), "Trailing")
    assert.strictEqual(faultOf(Schema.String, "0x02c328"), "Malformed")
  })

  it("a u64 that is no safe integer is refused, never rounded", () => {
    assert.strictEqual(Bcs.decode(Wire.SafeU64)(fromHex("0xffffffffffff1f00")), Number.MAX_SAFE_INTEGER)
    assert.strictEqual(faultOf(Wire.SafeU64, "0x0000000000002000"), "OutOfRange")
    assert.strictEqual(Bcs.decode(Wire.U64)(fromHex("0x0100000000002000")), 2n ** 53n + 1n)
    assert.throws(() => Bcs.encode(Wire.SafeU64)(2 ** 53), /safe integer/)
  })

  it("has no maps", () => {
    assert.throws(() => Bcs.encode(Wire.map(Wire.U8, Wire.U8)), /maps have no BCS layout/)
  })
})
