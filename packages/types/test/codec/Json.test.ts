import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { CodecError, Hash, Json, Wire } from "@ephor/types"

const Wide = Schema.Struct({ wide: Wire.bigNatural("Wide", { bits: 64, json: "number" }) })

describe("JSON text", () => {
  it("keeps 64-bit numbers exact, in and out", () => {
    const text = `{"wide":18446744073709551615}`
    assert.deepStrictEqual(Json.parse(Wide)(text), { wide: 18446744073709551615n })
    assert.strictEqual(Json.stringify(Wide)({ wide: 18446744073709551615n }), text)
    assert.strictEqual(Json.stringify(Wide)({ wide: 7n }), `{"wide":7}`)
  })

  it("print and read are inverse on untyped values", () => {
    const text = `{"a":[1,9007199254740993,-9007199254740993],"b":null,"c":1.5,"d":"x"}`
    assert.strictEqual(Json.print(Json.read(text)), text)
    assert.deepStrictEqual(Json.read("9007199254740993"), 9007199254740993n)
    assert.deepStrictEqual(Json.read("1e3"), 1000)
    for (const text of [
      "9007199254740993",
      "[1,9007199254740993]",
      `{"a": -9007199254740993}`,
      "[ 9007199254740993 ]"
    ]) {
      assert.deepStrictEqual(JSON.parse(Json.print(Json.read(text))), JSON.parse(text))
      assert.include(Json.print(Json.read(text)), "9007199254740993")
    }
  })

  it("text that is no JSON is a CodecError", () => {
    assert.throws(() => Json.read("{"), CodecError)
    assert.throws(() => Json.parse(Wide)("[]"), /expected an object/)
  })
})

describe("JSON values", () => {
  const Choice = Wire.variants({ None: [0], Some: [1, Wire.Bytes] })

  it("cases are objects with one key", () => {
    assert.deepStrictEqual(Json.encode(Choice)({ _tag: "None" }), { None: null })
    assert.deepStrictEqual(Json.encode(Choice)({ _tag: "Some", value: Uint8Array.of(1) }), { Some: "0x01" })
    for (const json of [
      {},
      { None: 1 },
      { None: null, Some: "0x" },
      { Other: null },
      "None",
      null,
      { Some: null }
    ]) {
      assert.throws(() => Json.decode(Choice)(json), CodecError)
    }
  })

  it("keys that objects inherit are not cases and not fields", () => {
    assert.throws(() => Json.decode(Choice)({ constructor: null }), /None, Some/)
    assert.throws(() => Json.decode(Schema.Struct({ toString: Wire.U8 }))({}), /the key toString/)
  })

  it("named payloads are objects", () => {
    const Report = Schema.TaggedUnion({ Double: { first: Wire.U8, second: Wire.U8 } })
    const value = { _tag: "Double", first: 1, second: 2 } as const
    assert.deepStrictEqual(Json.encode(Report)(value), { Double: { first: 1, second: 2 } })
    assert.deepStrictEqual(Json.decode(Report)({ Double: { first: 1, second: 2 } }), value)
  })

  it("Rust names are printed for records, and own spellings where given", () => {
    const Named = Wire.spelled(Wire.record({ relayParent: Wire.U8, chainId: Wire.U8 }), {
      chainId: "chainID"
    })
    assert.deepStrictEqual(Json.encode(Named)({ relayParent: 1, chainId: 2 }), {
      relay_parent: 1,
      chainID: 2
    })
  })

  it("bytes and hashes are hex of whole bytes, in either case on reading", () => {
    assert.deepStrictEqual(Json.decode(Wire.Bytes)("0xFf"), Uint8Array.of(255))
    for (const json of ["0xf", "ff", "0xgg", 1, "0X00", null])
      assert.throws(() => Json.decode(Wire.Bytes)(json), CodecError)
    assert.throws(() => Json.decode(Hash)("0x00"), /32 bytes/)
  })

  it("numbers keep to their type, on writing too", () => {
    for (const json of [-1, 256, 1.5, "1", Number.NaN, null, true])
      assert.throws(() => Json.decode(Wire.U8)(json), CodecError)
    for (const value of [-1, 256, 1.5, Number.NaN])
      assert.throws(() => Json.encode(Wire.U8)(value), CodecError)
    for (const json of ["01", "-1", "", "1.0", 1, "340282366920938463463374607431768211456"]) {
      assert.throws(() => Json.decode(Wire.U128)(json), CodecError)
    }
  })

  it("what refers to itself is bounded", () => {
    interface Tree {
      readonly children: ReadonlyArray<Tree>
    }
    const Tree: Schema.Codec<Tree> = Schema.Struct({ children: Schema.Array(Schema.suspend(() => Tree)) })
    const nested = (depth: number): unknown => ({ children: depth === 0 ? [] : [nested(depth - 1)] })
    const deepest = nested(64)
    assert.deepStrictEqual(Json.encode(Tree)(Json.decode(Tree)(deepest)), deepest as Json.Json)
    const text = `${'{"children":['.repeat(1000)}${"]}".repeat(1000)}`
    assert.throws(() => Json.parse(Tree)(text), /at most 64 nested values/)
    assert.deepStrictEqual(Json.encode(Tree)(Json.decode(Tree)(deepest)), deepest as Json.Json)
  })

  it.effect("toCodec serves as a schema of an RPC", () =>
    Effect.gen(function* () {
      const codec = Json.toCodec(Schema.Array(Choice))
      const value = [{ _tag: "Some", value: Uint8Array.of(1, 2) }] as const
      const json = yield* Schema.encodeEffect(codec)(value)
      assert.deepStrictEqual(json, [{ Some: "0x0102" }])
      assert.deepStrictEqual(yield* Schema.decodeEffect(codec)(json), value)
      const error = yield* Effect.flip(Schema.decodeEffect(codec)([{ Some: 1 }]))
      assert.match(error.message, /JSON: cannot read \[0\]\.Some\.value: expected whole bytes/)
    })
  )
})
