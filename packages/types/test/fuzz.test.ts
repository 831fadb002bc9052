import { assert, describe, it } from "@effect/vitest"
import { CodecError, Registry, Scale } from "@ephor/types"
import { fuzz } from "./support/fuzz.ts"
import { mutate } from "./support/mutate.ts"
import { randomFrom } from "./support/generate.ts"

describe("damaged input", () => {
  it("is refused with a typed error, or read as a value that is written back as it came", () => {
    const { accepted, canonical, failures, inputs, refused } = fuzz(20_000, 20_260_101)
    assert.deepStrictEqual(failures, [])
    assert.strictEqual(accepted + refused, inputs)
    // Both happen often enough for the rest to mean something.
    assert.isAbove(refused, inputs / 4)
    assert.isAbove(accepted, inputs / 50)
    assert.isAbove(canonical, inputs / 100)
  })

  it("is the same for the same seed, and is damaged", () => {
    assert.deepStrictEqual(fuzz(2000, 7), fuzz(2000, 7))
    const bytes = Uint8Array.from({ length: 40 }, (_, i) => i)
    const random = randomFrom(3)
    const changed = Array.from({ length: 100 }, () => mutate(bytes, random, new Uint8Array(0))).filter(
      (one) => Buffer.compare(one, bytes) !== 0
    )
    assert.isAbove(changed.length, 80)
  })

  it("announced counts cost nothing", () => {
    for (const type of [
      "Vec<u32>",
      "Vec<Bytes>",
      "Bytes",
      "BTreeMap<u32,u32>",
      "BitVec<u8,Lsb0>",
      "InherentData"
    ]) {
      const { schema } = Registry.types.get(type)!
      for (const count of [
        [0xfe, 0xff, 0xff, 0xff],
        [0x03, 0xff, 0xff, 0xff, 0x7f]
      ]) {
        assert.throws(() => Scale.decode(schema)(Uint8Array.from([...count, 0, 0, 0])), CodecError)
      }
    }
  })
})
