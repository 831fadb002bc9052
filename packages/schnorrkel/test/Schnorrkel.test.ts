import { assert, beforeAll, describe, it, vi } from "@effect/vitest"
import { Checks, Schnorrkel } from "@ephor/schnorrkel"
import { waitReady } from "@polkadot/wasm-crypto"
import { mutated, signed } from "./support/signatures.ts"

describe("Schnorrkel", () => {
  beforeAll(async () => {
    await waitReady()
  })

  it("names the bad ones of a batch, however many there are", () => {
    const seven = Array.from({ length: 7 }, (_, n) => signed(n))
    const good = Array.from({ length: 2 * Schnorrkel.maxChecks + 3 }, (_, n) => seven[n % 7]!)
    const bad = new Set([0, 5, Schnorrkel.maxChecks, good.length - 1])
    const checks = good.map((check, at) => (bad.has(at) ? mutated(check, 300) : check))
    assert.deepStrictEqual(
      Schnorrkel.verifyBatch(checks),
      checks.map((_, at) => !bad.has(at))
    )
    assert.deepStrictEqual(Schnorrkel.verifyBatch([]), [])
  })

  it("keeps keys apart that share a place in its memory", () => {
    const one = signed(1)
    const other = { ...one, key: Uint8Array.from(one.key, (byte, at) => (at === 31 ? byte ^ 1 : byte)) }
    for (let i = 0; i < 3; i++) {
      assert.isTrue(Schnorrkel.verify(one.signature, one.message, one.key))
      assert.isFalse(Schnorrkel.verify(other.signature, other.message, other.key))
    }
  })

  it("refuses keys and signatures of other lengths, and goes on", () => {
    const { key, message, signature } = signed(1)
    const shapes = [new Uint8Array(), new Uint8Array(31), new Uint8Array(33), new Uint8Array(96)]
    for (const shape of shapes) {
      assert.isFalse(Schnorrkel.verify(signature, message, shape))
      assert.isFalse(Schnorrkel.verify(shape, message, key))
      assert.deepStrictEqual(
        Schnorrkel.verifyBatch([
          { key: shape, message, signature },
          { key, message, signature },
          { key, message, signature: shape }
        ]),
        [false, true, false]
      )
    }
  })

  it("takes large messages, and none that is too large", () => {
    for (const length of [2 ** 20 - 96, 2 ** 20, 5_000_000]) {
      const check = signed(3, new Uint8Array(length).fill(5))
      assert.deepStrictEqual(Schnorrkel.verifyBatch([check, signed(4), check]), [true, true, true])
      assert.isTrue(Schnorrkel.verify(check.signature, check.message, check.key))
    }
    const { key, signature } = signed(1)
    const message = new Uint8Array(Schnorrkel.maxInputBytes)
    assert.isFalse(Schnorrkel.verify(signature, message, key))
    const small = signed(2)
    assert.deepStrictEqual(Schnorrkel.verifyBatch([small, { key, message, signature }]), [true, false])
  })

  it("refuses what is not packed right", () => {
    const packed = Checks.pack([signed(1), signed(2)])
    assert.deepStrictEqual([...Schnorrkel.verifyPacked(packed)], [1, 1])
    const long = packed.slice()
    new DataView(long.buffer).setUint32(Checks.seedBytes + Checks.headBytes - 4, 0xffff_ffff)
    const many = new Uint8Array(Checks.seedBytes + (Schnorrkel.maxChecks + 1) * Checks.headBytes)
    const cases = [
      new Uint8Array(3),
      packed.slice(0, -1),
      packed.slice(0, Checks.seedBytes + 50),
      Uint8Array.from([...packed, 0]),
      long,
      many
    ]
    for (const bytes of cases) assert.throws(() => Schnorrkel.verifyPacked(bytes), RangeError)
    assert.deepStrictEqual([...Schnorrkel.verifyPacked(packed)], [1, 1])
  })

  it("draws new randomness for every batch, and refuses to go on without", () => {
    const packed = Checks.pack([signed(1), signed(2)])
    const seeds = new Set<string>()
    for (let i = 0; i < 3; i++) {
      Schnorrkel.verifyPacked(packed)
      seeds.add(packed.subarray(0, Checks.seedBytes).join())
    }
    assert.strictEqual(seeds.size, 3)
    const broken = vi.spyOn(globalThis.crypto, "getRandomValues").mockImplementation((room) => {
      if (room !== null) new Uint8Array(room.buffer, room.byteOffset, room.byteLength).fill(0)
      return room
    })
    try {
      assert.throws(() => Schnorrkel.verifyPacked(packed), RangeError)
    } finally {
      broken.mockRestore()
    }
  })
})
