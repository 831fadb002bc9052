import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { fromHex, Hash, Proto, toHex, Wire } from "@ephor/types"

const Inner = Wire.message(Schema.Struct({ a: Wire.U32, b: Schema.String }), { a: 1, b: 2 })
const Numbers = Wire.message(
  Schema.Struct({ small: Schema.Array(Wire.U32), big: Wire.U64, safe: Wire.SafeU64 }),
  {
    small: 4,
    big: 5,
    safe: 6
  }
)
const Holder = Wire.message(
  Schema.Struct({
    flag: Schema.Boolean,
    inner: Schema.NullOr(Inner),
    count: Schema.NullOr(Wire.U32),
    parts: Schema.Array(Wire.Bytes),
    many: Schema.Array(Inner)
  }),
  { flag: 1, inner: 2, count: 3, parts: 4, many: 5 }
)
const Command = Wire.message(
  Schema.Struct({
    command: Schema.NullOr(Wire.variants({ Start: [1, Inner], Stop: [2], Level: [3, Wire.U32] }))
  }),
  { command: "oneof" }
)

/** Hex with gaps between fields. */
const bytesOf = (hex: string) => fromHex(hex.replaceAll(" ", ""))
const roundTrip = <A>(schema: Schema.Schema<A>, value: A, hex: string) => {
  assert.strictEqual(toHex(Proto.encode(schema)(value)), hex.replaceAll(" ", ""))
  assert.deepStrictEqual(Proto.decode(schema)(bytesOf(hex)), value)
}
const decode = <A>(schema: Schema.Schema<A>, hex: string) => Proto.decode(schema)(bytesOf(hex))
const faultOf = <A>(schema: Schema.Schema<A>, hex: string) => {
  const result = Proto.decodeResult(schema)(bytesOf(hex))
  return Result.isFailure(result) ? result.failure.fault : "accepted"
}

describe("protobuf", () => {
  it("writes the examples of the encoding guide", () => {
    roundTrip(Inner, { a: 150, b: "testing" }, "0x08960112 0774657374696e67")
    roundTrip(Numbers, { small: [3, 270, 86_942], big: 0n, safe: 0 }, "0x2206038e029ea705")
  })

  it("leaves zero values out and reads them from nothing", () => {
    const zero = { flag: false, inner: null, count: null, parts: [], many: [] }
    roundTrip(Holder, zero, "0x")
    roundTrip(Inner, { a: 0, b: "" }, "0x")
  })

  it("an absent message is null, an empty one is not; so is a number with presence", () => {
    const value = {
      flag: true,
      inner: { a: 0, b: "" },
      count: 0,
      parts: [new Uint8Array(0)],
      many: [{ a: 0, b: "" }]
    }
    roundTrip(Holder, value, "0x0801 1200 1800 2200 2a00")
  })

  it("keeps all 64 bits", () => {
    roundTrip(
      Numbers,
      { small: [], big: 2n ** 64n - 1n, safe: Number.MAX_SAFE_INTEGER },
      "0x28ffffffffffffffffff01 30ffffffffffffff0f"
    )
    assert.strictEqual(faultOf(Numbers, "0x308080808080808010"), "OutOfRange")
    assert.strictEqual(faultOf(Numbers, "0x28ffffffffffffffffff02"), "OutOfRange")
    assert.strictEqual(faultOf(Inner, "0x088080808010"), "OutOfRange")
    assert.strictEqual(faultOf(Numbers, "0x28ffffffffffffffffffff01"), "Malformed")
  })

  it("reads repeated numbers packed, one by one, and mixed", () => {
    const expected = { small: [1, 2, 300], big: 0n, safe: 0 }
    assert.deepStrictEqual(decode(Numbers, "0x220401 02ac02"), expected)
    assert.deepStrictEqual(decode(Numbers, "0x200120 0220ac02"), expected)
    assert.deepStrictEqual(decode(Numbers, "0x22020102 20ac02"), expected)
    assert.strictEqual(faultOf(Numbers, "0x220180"), "Truncated")
  })

  it("skips fields it does not know, of any wire type", () => {
    const unknown = `7801 79${"00".repeat(8)} 7a020000 7d00000000 7b 0801 7c`
    assert.deepStrictEqual(decode(Inner, `0x${unknown}0807${unknown}`), { a: 7, b: "" })
    assert.strictEqual(faultOf(Inner, "0x7e"), "Malformed")
    assert.strictEqual(faultOf(Inner, `0x${"7b".repeat(100)}`), "Malformed")
    assert.strictEqual(faultOf(Inner, "0x0001"), "Malformed")
  })

  it("a known number with another wire type is skipped as unknown", () => {
    assert.deepStrictEqual(decode(Inner, "0x0a0101 0807"), { a: 7, b: "" })
  })

  it("the last scalar wins, and parts of a message are merged", () => {
    assert.deepStrictEqual(decode(Inner, "0x0801 0802"), { a: 2, b: "" })
    const merged = decode(Holder, "0x1202 0801 1203 120178")
    assert.deepStrictEqual(merged.inner, { a: 1, b: "x" })
  })

  it("oneof: the last case wins, none is null", () => {
    roundTrip(Command, { command: { _tag: "Start", value: { a: 1, b: "" } } }, "0x0a020801")
    roundTrip(Command, { command: { _tag: "Stop" } }, "0x1200")
    roundTrip(Command, { command: { _tag: "Level", value: 0 } }, "0x1800")
    roundTrip(Command, { command: null }, "0x")
    assert.deepStrictEqual(decode(Command, "0x0a020801 1200"), { command: { _tag: "Stop" } })
    assert.deepStrictEqual(decode(Command, "0x2200"), { command: null })
    const again = decode(Command, "0x0a020801 1200 0a03120178")
    assert.deepStrictEqual(again, { command: { _tag: "Start", value: { a: 0, b: "x" } } })
    const merged = decode(Command, "0x0a020801 0a03120178")
    assert.deepStrictEqual(merged, { command: { _tag: "Start", value: { a: 1, b: "x" } } })
  })

  it("long messages get a longer length", () => {
    const value = { a: 0, b: "x".repeat(300) }
    const holder = { flag: false, inner: value, count: null, parts: [], many: [value] }
    const bytes = Proto.encode(Holder)(holder)
    assert.deepStrictEqual([...bytes.subarray(0, 6)], [0x12, 0xaf, 0x02, 0x12, 0xac, 0x02])
    assert.deepStrictEqual(Proto.decode(Holder)(bytes), holder)
  })

  it("hashes are bytes of their size; a missing one is named", () => {
    const Named = Wire.message(Schema.Struct({ hash: Hash }), { hash: 1 })
    assert.strictEqual(faultOf(Named, "0x0a0100"), "Malformed")
    assert.throws(
      () => decode(Named, "0x"),
      /protobuf: cannot read hash at byte 0: expected a field that is there/
    )
  })

  it("faults name the way", () => {
    assert.throws(() => decode(Holder, "0x2a020801 2a0308808080"), /many\[1\].* at byte/)
    assert.throws(() => decode(Holder, "0x12 050801 1201ff"), /inner\.b at byte 6: expected UTF-8 text/)
    assert.strictEqual(faultOf(Holder, "0x12ff01"), "Truncated")
  })

  it("what has no numbers is refused at first use", () => {
    assert.throws(() => Proto.encode(Schema.Struct({ a: Wire.U8 })), /a has no protobuf number/)
    assert.throws(() => Proto.encode(Wire.U8), /a protobuf message is a struct/)
  })
})
