import { assert, describe, it } from "@effect/vitest"
import { fromHex, InherentData, Reader, Scale, toHex, Wire, Writer } from "@ephor/types"
import { type FieldList, fieldsWire } from "../src/binary/Fields.ts"
import { vectors } from "./support/vectors.ts"

const list: FieldList = {
  literals: [["_tag", "Both"]],
  fields: [
    { name: 'a"b', hidden: false, wire: Scale.wire(Wire.U8) },
    {
      name: "skipped",
      hidden: true,
      wire: { read: (reader) => reader.u16(), write: (writer) => writer.u16(7) }
    },
    { name: "c", hidden: false, wire: Scale.wire(Wire.Bytes) }
  ]
}
const value = { _tag: "Both", 'a"b': 5, c: Uint8Array.of(1) }

describe("fields", () => {
  const wire = fieldsWire(list)
  it("read and write in order", () => {
    const writer = new Writer()
    wire.write(writer, value)
    assert.strictEqual(toHex(writer.finish()), "0x0507000401")
    const read = wire.read(new Reader(fromHex("0x0507000401")))
    assert.deepStrictEqual(read, value)
    assert.deepStrictEqual(Object.keys(read), Object.keys(value))
  })

  it("name the field that failed", () => {
    const pathOf = (run: () => unknown) => {
      try {
        run()
      } catch (error) {
        return (error as { readonly path: ReadonlyArray<string> }).path
      }
      return assert.fail("did not fail")
    }
    assert.deepStrictEqual(
      pathOf(() => wire.read(new Reader(fromHex("0x0507000801")))),
      ["c"]
    )
    assert.deepStrictEqual(
      pathOf(() => wire.read(new Reader(fromHex("0x0507")))),
      ["skipped"]
    )
    assert.deepStrictEqual(
      pathOf(() => wire.write(new Writer(), { ...value, 'a"b': 256 })),
      ['a"b']
    )
  })

  it("a field called __proto__ is a field", () => {
    const odd = fieldsWire({
      literals: [],
      fields: [{ name: "__proto__", hidden: false, wire: Scale.wire(Wire.U8) }]
    })
    const read = odd.read(new Reader(Uint8Array.of(1)))
    assert.strictEqual(Object.getPrototypeOf(read), Object.prototype)
  })
})

describe("without code generation", () => {
  it("a real inherent reads the same", () => {
    const [block] = vectors("polkadot/12-real-chain").blocks
    const decoded = Scale.decode(InherentData)(fromHex(block.inherent_scale))
    const { Function: original } = globalThis
    globalThis.Function = function refuse() {
      throw new EvalError("not here")
    } as unknown as FunctionConstructor
    try {
      const again = Wire.record(InherentData.fields)
      assert.deepStrictEqual(Scale.decode(again)(fromHex(block.inherent_scale)), decoded)
    } finally {
      globalThis.Function = original
    }
  })
})
