import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import { blake2b256, CodecError, fromHex, Hash, Reader, Scale, toHex, Wire, Writer } from "@ephor/types"

const hexOf = <A>(schema: Schema.Schema<A>, value: A) => toHex(Scale.encode(schema)(value))
const faultOf = <A>(schema: Schema.Schema<A>, hex: string) => {
  const result = Scale.decodeResult(schema)(fromHex(hex))
  return Result.isFailure(result) ? result.failure.fault : "accepted"
}

describe("compact integers", () => {
  // First and last value of each size, with the number of bytes.
  const sizes: ReadonlyArray<readonly [bigint, number]> = [
    [0n, 1],
    [63n, 1],
    [64n, 2],
    [16_383n, 2],
    [16_384n, 4],
    [(1n << 30n) - 1n, 4],
    [1n << 30n, 5],
    [(1n << 32n) - 1n, 5],
    [1n << 32n, 6],
    [(1n << 53n) - 1n, 8],
    [1n << 56n, 9],
    [(1n << 128n) - 1n, 17]
  ]
  for (const [value, size] of sizes) {
    it(`${value} takes ${size} bytes`, () => {
      const bytes = Scale.encode(Wire.CompactU128)(value)
      assert.strictEqual(bytes.length, size)
      assert.strictEqual(Scale.decode(Wire.CompactU128)(bytes), value)
      if (value < 1n << 53n) {
        const writer = new Writer()
        Scale.writeCompact(writer, Number(value))
        assert.deepStrictEqual(writer.finish(), bytes)
        assert.strictEqual(Scale.readCompact(new Reader(bytes)), Number(value))
      }
    })
  }

  it("are refused beyond their type", () => {
    assert.strictEqual(faultOf(Wire.CompactU32, hexOf(Wire.CompactU128, 1n << 32n)), "OutOfRange")
    assert.strictEqual(faultOf(Wire.CompactU128, "0x37" + "ff".repeat(17)), "OutOfRange")
    assert.throws(() => Scale.encode(Wire.CompactU32)(2 ** 32), /compact integer of at most 32 bits/)
    assert.throws(() => Scale.encode(Wire.CompactU128)(-1n), CodecError)
  })

  it("are refused with a zero byte on top", () => {
    assert.strictEqual(faultOf(Wire.CompactU128, "0x070000004000"), "NotCanonical")
    assert.strictEqual(faultOf(Wire.CompactU128, "0x0700000040"), "Truncated")
  })
})

describe("structure", () => {
  const Pair = Schema.Struct({ id: Wire.U16, flags: Schema.Array(Schema.Boolean) })

  it("faults name the way and the byte", () => {
    const result = Scale.decodeResult(Schema.Array(Pair))(fromHex("0x0401000c010002"))
    if (Result.isSuccess(result)) return assert.fail("was accepted")
    const { fault, offset, path } = result.failure
    assert.deepStrictEqual([fault, offset, [...path]], ["NotCanonical", 6, [0, "flags", 2]])
    assert.strictEqual(
      result.failure.message,
      "SCALE: cannot read [0].flags[2] at byte 6: expected a bool of 0 or 1"
    )
  })

  it("encoding names the way too", () => {
    assert.throws(
      () =>
        Scale.encode(Schema.Array(Pair))([
          { id: 1, flags: [] },
          { id: 65_536, flags: [] }
        ]),
      /SCALE: cannot write \[1\]\.id: expected an integer from 0 to 65535/
    )
  })

  it("a list cannot announce more than what is left", () => {
    // 2^30 - 1 hashes would be 32 GiB.
    assert.strictEqual(faultOf(Schema.Array(Hash), "0xfeffffff" + "00".repeat(64)), "Truncated")
    assert.strictEqual(faultOf(Wire.Bytes, "0xfeffffff" + "00".repeat(64)), "Truncated")
    assert.strictEqual(faultOf(Wire.Bits, "0xfeffffff" + "00".repeat(64)), "OutOfRange")
  })

  it("maps are in strictly ascending order, by number and not by text", () => {
    const Ages = Wire.map(Wire.U32, Wire.U8)
    assert.strictEqual(
      hexOf(Ages, [
        [9, 1],
        [10, 2]
      ]),
      "0x0809000000010a00000002"
    )
    assert.strictEqual(faultOf(Ages, "0x080a000000020900000001"), "NotCanonical")
    assert.strictEqual(faultOf(Ages, "0x0809000000010900000002"), "NotCanonical")
    assert.throws(
      () =>
        Scale.encode(Ages)([
          [10, 1],
          [9, 2]
        ]),
      /ascending/
    )
  })

  it("an option of a bool is two bytes", () => {
    const schema = Schema.NullOr(Schema.Boolean)
    assert.deepStrictEqual(
      [null, false, true].map((value) => hexOf(schema, value)),
      ["0x00", "0x0100", "0x0101"]
    )
  })

  it("literals are cases by position, unions have the numbers they were given", () => {
    const Level = Schema.Literals(["low", "high"])
    assert.strictEqual(hexOf(Level, "high"), "0x01")
    assert.strictEqual(faultOf(Level, "0x02"), "UnknownVariant")
    const Choice = Wire.variants({ None: [0], Some: [7, Wire.U8] })
    assert.strictEqual(hexOf(Choice, { _tag: "Some", value: 1 }), "0x0701")
    assert.strictEqual(faultOf(Choice, "0x0101"), "UnknownVariant")
    assert.strictEqual(Choice.match({ _tag: "None" }, { None: () => 0, Some: ({ value }) => value }), 0)
  })

  it("what refers to itself is bounded", () => {
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) })
    assert.deepStrictEqual(Scale.decode(Tree)(fromHex("0x08040000")), {
      children: [{ children: [{ children: [] }] }, { children: [] }]
    })
    assert.strictEqual(faultOf(Tree, `0x${"04".repeat(64)}00`), "accepted")
    assert.strictEqual(faultOf(Tree, `0x${"04".repeat(65)}00`), "TooDeep")
    assert.strictEqual(faultOf(Tree, `0x${"04".repeat(1_000_000)}`), "TooDeep")
  })

  it("decoded bytes are views of the input", () => {
    const input = fromHex("0x0c010203")
    const bytes = Scale.decode(Wire.Bytes)(input)
    input[1] = 9
    assert.deepStrictEqual(bytes, Uint8Array.of(9, 2, 3))
  })

  it("reads from the middle of a larger buffer", () => {
    const larger = fromHex("0xffff0c010203ffff")
    assert.deepStrictEqual(Scale.decode(Wire.Bytes)(larger.subarray(2, 6)), Uint8Array.of(1, 2, 3))
    const buffer = Buffer.from(larger).subarray(2, 6)
    assert.deepStrictEqual(Scale.decode(Wire.Bytes)(buffer), Uint8Array.of(1, 2, 3))
  })

  it("text with a lone surrogate is not written", () => {
    assert.throws(() => Scale.encode(Schema.String)("\ud800"), /surrogates/)
    assert.strictEqual(Scale.decode(Schema.String)(Scale.encode(Schema.String)("\ufeffz")), "\ufeffz")
  })

  it("a schema without a layout is refused when it is first used, by name", () => {
    assert.throws(() => Scale.encode(Schema.Symbol), /Symbol has no wire layout/)
    const Optional = Schema.Struct({ a: Schema.optionalKey(Wire.U8) })
    assert.throws(() => Scale.encode(Optional), /declare a with Schema.NullOr/)
  })
  // polkadot.js api issue 4926: `Some(None)` came back as `None`.
  it("an option of an option is refused: both would be null", () => {
    const inner = Schema.NullOr(Wire.U32)
    const table: { readonly [name: string]: Schema.Schema<number | boolean | null> } = {
      directly: Schema.NullOr(inner),
      "in a union": Schema.Union([inner, Schema.Null]),
      "behind a suspension": Schema.NullOr(Schema.suspend(() => inner)),
      "behind two": Schema.NullOr(Schema.suspend(() => Schema.suspend(() => inner))),
      "of a boolean": Schema.NullOr(Schema.NullOr(Schema.Boolean))
    }
    for (const [name, schema] of Object.entries(table)) {
      assert.throws(() => Scale.decode(schema)(fromHex("0x0100")), /option of an option/, name)
    }
    const Wrapped = Schema.NullOr(Schema.Struct({ value: inner }))
    for (const hex of ["0x00", "0x0100", "0x010105000000"] as const) {
      assert.strictEqual(toHex(Scale.encode(Wrapped)(Scale.decode(Wrapped)(fromHex(hex)))), hex)
    }
  })
})

describe("entry points", () => {
  it("encoding while encoding does not disturb the outer value", () => {
    const Hashed = Wire.mapped(Hash)(Wire.Bytes, {
      to: (bytes) => blake2b256(Scale.encode(Wire.Bytes)(bytes)),
      from: () => new Uint8Array(0)
    })
    const schema = Schema.Tuple([Wire.U8, Hashed, Wire.U8])
    const bytes = Scale.encode(schema)([1, Uint8Array.of(5), 2])
    assert.strictEqual(toHex(bytes), `0x01${blake2b256(Uint8Array.of(4, 5)).slice(2)}02`)
  })

  it("an encoder is compiled once per schema", () => {
    assert.strictEqual(Scale.encode(Wire.U32), Scale.encode(Wire.U32))
  })

  it("after a failed encode the next one is clean", () => {
    assert.throws(() => Scale.encode(Schema.Array(Wire.U8))([1, 2, 300]))
    assert.strictEqual(hexOf(Schema.Array(Wire.U8), [1]), "0x0401")
  })

  it.effect("decodeEffect fails with a CodecError", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Scale.decodeEffect(Wire.U8)(Uint8Array.of(7)), 7)
      const error = yield* Effect.flip(Scale.decodeEffect(Wire.U8)(new Uint8Array(0)))
      assert.strictEqual(error._tag, "CodecError")
    })
  )

  it.effect("toCodec composes with other schemas, and validates what layouts do not know", () =>
    Effect.gen(function* () {
      const Small = Wire.U32.check(Schema.isLessThan(10))
      const codec = Scale.toCodec(Small)
      assert.strictEqual(yield* Schema.decodeEffect(codec)(fromHex("0x09000000")), 9)
      assert.deepStrictEqual(yield* Schema.encodeEffect(codec)(9), fromHex("0x09000000"))
      const large = yield* Effect.flip(Schema.decodeEffect(codec)(fromHex("0x0a000000")))
      assert.match(large.message, /less than 10/)
      const short = yield* Effect.flip(Schema.decodeEffect(codec)(fromHex("0x0a")))
      assert.match(short.message, /SCALE: cannot read value at byte 0/)
    })
  )
})
