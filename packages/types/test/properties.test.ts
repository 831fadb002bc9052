import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { Bcs, CodecError, Json, Proto, Registry, Scale, toHex, Writer } from "@ephor/types"
import { layoutOf } from "../src/layout/Layout.ts"
import { generate, hasBits, randomFrom } from "./support/generate.ts"

const binary = { scale: Scale, bcs: Bcs, proto: Proto } as const
const samples = 40

/** Types with checks that no layout knows: the sum of stakes. */
const checked = new Set(["DagCommittee"])

for (const { name, schema, wires } of Registry.types.values()) {
  const layout = layoutOf(schema.ast)
  describe(name, () => {
    for (const wire of ["scale", "bcs", "proto"] as const) {
      if (!wires.has(wire)) continue
      const codec = binary[wire]
      it(`decode after encode is the identity in ${wire}`, () => {
        const random = randomFrom(1)
        for (let i = 0; i < samples; i++) {
          const value = generate(layout, random)
          assert.deepStrictEqual(codec.decode(schema)(codec.encode(schema)(value)), value)
        }
      })
      it(`growing the buffer anywhere does not change ${wire}`, () => {
        const random = randomFrom(4)
        for (let i = 0; i < samples; i++) {
          const value = generate(layout, random)
          const expected = codec.encode(schema)(value)
          const writer = new Writer(1 + Math.floor(random() * expected.length))
          codec.wire(schema).write(writer, value)
          assert.strictEqual(toHex(writer.finish()), toHex(expected))
        }
      })
      it(`damaged ${wire} is refused, or is exactly what its value encodes to`, () => {
        const random = randomFrom(2)
        const exact = wire !== "proto" && !hasBits(layout)
        for (let i = 0; i < samples; i++) {
          const bytes = codec.encode(schema)(generate(layout, random))
          for (let hits = 0; hits < 3 && bytes.length > 0; hits++) {
            bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
            let value: unknown
            try {
              value = codec.decode(schema)(bytes)
            } catch (error) {
              assert.instanceOf(error, CodecError)
              continue
            }
            const again = codec.encode(schema)(value)
            if (exact) assert.strictEqual(toHex(again), toHex(bytes))
            else assert.deepStrictEqual(codec.decode(schema)(again), value)
          }
        }
      })
    }
    it("what the layout can hold is what the schema allows", () => {
      if (checked.has(name)) return
      const random = randomFrom(5)
      const is = Schema.is(schema)
      for (let i = 0; i < samples; i++) assert.isTrue(is(generate(layout, random)))
    })
    it("JSON text and back is the identity", () => {
      const random = randomFrom(3)
      for (let i = 0; i < samples; i++) {
        const value = generate(layout, random)
        assert.deepStrictEqual(Json.parse(schema)(Json.stringify(schema)(value)), value)
      }
    })
  })
}
