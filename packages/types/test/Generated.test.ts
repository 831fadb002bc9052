import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Bcs, fromHex, Reader, Registry, Scale, toHex, Wire, Writer } from "@ephor/types"
import { compileClosures } from "../src/binary/Binary.ts"
import { compileGenerated } from "../src/generated/Generated.ts"
import { layoutOf } from "../src/layout/Layout.ts"
import { scaleRules } from "../src/binary/ScaleForm.ts"
import { polkadotFiles, type ScaleVector, vectors } from "./support/vectors.ts"

const closures = compileClosures(scaleRules)
const leaves = ["UInt", "Bytes", "Text", "Bits"]
/** Generated code that has nobody to take over from it: only leaves are closures still. */
const alone = compileGenerated(scaleRules, (layout) =>
  leaves.includes(layout._tag)
    ? closures(layout)
    : { read: () => assert.fail("gave up reading"), write: () => assert.fail("gave up writing") }
)

const rows = polkadotFiles
  .flatMap((file): ReadonlyArray<ScaleVector> => vectors(`polkadot/${file}`).vectors)
  .filter(({ scale, type }) => Registry.types.has(type) && scale.length < 4000)

type Outcome = readonly [value: unknown, at: number] | readonly [fault: unknown]

const readWith = (read: (reader: Reader) => unknown, bytes: Uint8Array): Outcome => {
  const reader = new Reader(bytes)
  try {
    return [read(reader), reader.at]
  } catch (error) {
    return [error]
  }
}

describe("generated code", () => {
  it("reads and writes every vector without giving up", () => {
    for (const { name, scale, type } of rows) {
      const wire = alone(layoutOf(Registry.types.get(type)!.schema.ast))
      const value = wire.read(new Reader(fromHex(scale)))
      const writer = new Writer(1)
      wire.write(writer, value)
      assert.strictEqual(toHex(writer.finish()), scale, name)
    }
  })

  it("says of shortened and damaged bytes what the closures say", () => {
    for (const { scale, type } of rows) {
      const { schema } = Registry.types.get(type)!
      const slow = closures(layoutOf(schema.ast))
      const fast = Scale.wire(schema)
      const whole = fromHex(scale)
      const step = Math.max(1, Math.floor(whole.length / 40))
      for (let i = 0; i < whole.length; i += step) {
        const damaged = Uint8Array.from(whole)
        damaged[i]! ^= 1 << (i & 7)
        const larger = Uint8Array.from(whole)
        larger[i] = 0xff
        for (const bytes of [whole.subarray(0, i), damaged, larger]) {
          assert.deepStrictEqual(readWith(fast.read, bytes), readWith(slow.read, bytes), `${type} at ${i}`)
        }
      }
    }
  })

  it("refuses to write what the closures refuse, and leaves nothing behind", () => {
    const schema = Schema.Struct({
      small: Wire.U8,
      wide: Wire.SafeU64,
      hashes: Schema.Array(Wire.fixedHex(2, "Two")),
      bits: Wire.Bits,
      map: Wire.map(Wire.U8, Schema.Boolean)
    })
    const good = { small: 1, wide: 2 ** 40, hashes: ["0xABcd"], bits: "101", map: [[1, true]] }
    const fast = Scale.wire(schema)
    const slow = closures(layoutOf(schema.ast))
    const write = (wire: typeof fast, value: any) => {
      const writer = new Writer()
      writer.u8(7)
      try {
        wire.write(writer, value)
        return toHex(writer.finish())
      } catch (error) {
        return error
      }
    }
    assert.strictEqual(write(fast, good), "0x0701000000000001000004abcd0c05040101")
    const bad: ReadonlyArray<Record<string, unknown>> = [
      { small: 256 },
      { small: "1" },
      { wide: -1 },
      { wide: 2 ** 53 },
      { hashes: ["0xab"] },
      { hashes: ["0xabcg"] },
      { hashes: ["1xabcd"] },
      { hashes: ["0xab\u0130d"] },
      { hashes: [["0xabcd"]] },
      { bits: "102" },
      { bits: "1\u01310" },
      {
        map: [
          [2, true],
          [1, true]
        ]
      }
    ]
    for (const part of bad) {
      const outcome = write(fast, { ...good, ...part })
      assert.isObject(outcome, JSON.stringify(part))
      assert.deepStrictEqual(outcome, write(slow, { ...good, ...part }))
    }
  })

  it("integers of 64 bits end where safe ones do", () => {
    const schema = Schema.Struct({ before: Wire.U8, wide: Wire.SafeU64 })
    const slow = closures(layoutOf(schema.ast))
    for (const wide of ["ffffffffffff1f00", "0000000000002000", "ffffffffffffffff", "0100000080000000"]) {
      const bytes = fromHex(`0x07${wide}`)
      assert.deepStrictEqual(readWith(Scale.wire(schema).read, bytes), readWith(slow.read, bytes))
    }
  })

  it("BCS lengths and cases go on behind one byte", () => {
    const schema = Schema.Struct({
      bytes: Wire.Bytes,
      all: Schema.Array(Wire.variants({ Low: [127], High: [128, Wire.U8] }))
    })
    for (const length of [0, 127, 128, 300]) {
      const all = Array.from({ length }, (_, i) =>
        i % 2 === 0 ? ({ _tag: "Low" } as const) : ({ _tag: "High", value: i & 0xff } as const)
      )
      const value = { bytes: new Uint8Array(length).fill(5), all }
      assert.deepStrictEqual(Bcs.decode(schema)(Bcs.encode(schema)(value)), value)
    }
    assert.strictEqual(
      toHex(Bcs.encode(schema)({ bytes: new Uint8Array(0), all: [{ _tag: "High", value: 9 }] })),
      "0x0001800109"
    )
    assert.throws(() => Bcs.decode(schema)(fromHex("0x00018000")), /shortest form/)
  })

  it("many hashes are spelled in pieces", () => {
    const schema = Schema.Tuple(Array.from({ length: 20 }, () => Wire.fixedHex(100, "Hundred")))
    const value = Array.from({ length: 20 }, (_, i) => toHex(new Uint8Array(100).fill(i)))
    const bytes = Scale.encode(schema)(value as never)
    assert.strictEqual(bytes.length, 2000)
    assert.deepStrictEqual(Scale.decode(schema)(bytes) as unknown, value)
  })

  it("a reader whose bytes were exchanged reads the new ones", () => {
    const bytes = fromHex("0x0102")
    const reader = new Reader(bytes)
    const wire = Scale.wire(Schema.Struct({ only: Wire.fixedHex(1, "One") }))
    assert.deepStrictEqual(wire.read(reader), { only: "0x01" })
    bytes[1] = 9
    assert.deepStrictEqual(wire.read(reader), { only: "0x09" })
  })

  it("long bit vectors are read and written as short ones are", () => {
    for (const length of [0, 1, 8, 9, 4096, 4097, 9000]) {
      const bits = Array.from({ length }, (_, i) => (i % 3 === 0 ? "1" : "0")).join("")
      assert.strictEqual(Scale.decode(Wire.Bits)(Scale.encode(Wire.Bits)(bits)), bits)
    }
  })
})
