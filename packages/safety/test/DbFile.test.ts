import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { fromHex, type Hash, toHex } from "@ephor/types"
import { DbFile, DerivationDb } from "../src/index.ts"
import vectors from "./vectors/db_entries.json" with { type: "json" }

const { decodeErrors, entries, entrySize, layout, usedBytes } = vectors.fromda
const rows = entries.map(({ hex, ...entry }) => ({
  entry: entry as DerivationDb.DerivationEntry,
  bytes: fromHex(hex)
}))
const db = rows.map(({ entry }) => entry)
const file = Uint8Array.from(rows.flatMap(({ bytes }) => [...bytes]))

const read = (bytes: Uint8Array): DerivationDb.DerivationDb => Result.getOrThrow(DbFile.decode(bytes))
const refusal = (bytes: Uint8Array): DbFile.DbFileError => {
  const decoded = DbFile.decode(bytes)
  if (Result.isSuccess(decoded)) throw new Error("accepted")
  return decoded.failure
}
/** The vectors' file with some bytes changed. */
const changed = (at: number, ...bytes: ReadonlyArray<number>) => {
  const copy = file.slice()
  copy.set(bytes, at)
  return copy
}

describe("DbFile, vectors", () => {
  it("the size of an entry", () => {
    assert.strictEqual(DbFile.entrySize, entrySize)
    const sizes = [...layout.matchAll(/\((\d+)\)/g)].map(([, size]) => Number(size))
    assert.strictEqual(
      sizes.reduce((sum, size) => sum + size, 0),
      entrySize
    )
  })
  rows.forEach(({ bytes, entry }, i) => {
    it(`entry ${i + 1}`, () => {
      assert.strictEqual(toHex(DbFile.encode([entry])), toHex(bytes))
      assert.deepStrictEqual(read(bytes), [entry])
    })
  })
  it("a file of all entries", () => {
    assert.deepStrictEqual(DbFile.encode(db), file)
    assert.deepStrictEqual(read(file), db)
  })
  const second = entrySize
  const errors: ReadonlyArray<readonly [number, string, Uint8Array]> = [
    [second, "an entry of type 2", changed(second, 2)],
    [second + 3, "padding that is not zero", changed(second + 3, 1)],
    [second + 20, "revision above 2^53 - 1", changed(second + 20, 0x80)]
  ]
  errors.forEach(([offset, why, bytes], i) => {
    it(decodeErrors[i]!, () => {
      const error = refusal(bytes)
      assert.deepStrictEqual([error.offset, error.why], [offset, why])
      assert.include(error.message, `at byte ${offset}`)
    })
  })
})

describe("DbFile", () => {
  it("no entries are no bytes", () => {
    assert.lengthOf(DbFile.encode([]), 0)
    assert.deepStrictEqual(read(new Uint8Array(0)), [])
  })
  it("numbers that are too large are refused, not rounded", () => {
    const fields = { sourceNumber: 4, sourceTime: 12, revision: 20, derivedNumber: 28, derivedTime: 36 }
    for (const [name, offset] of Object.entries(fields)) {
      const error = refusal(changed(offset, 0, 0x20, 0, 0, 0, 0, 0, 0))
      assert.deepStrictEqual([error.offset, error.why], [offset, `${name} above 2^53 - 1`])
      const largest = changed(offset, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)
      assert.deepStrictEqual(DbFile.encode(read(largest)), largest)
    }
  })
  it("every cut within an entry is refused where that entry begins", () => {
    for (let length = 1; length < file.length; length++) {
      if (length % entrySize === 0) continue
      const { offset } = refusal(file.subarray(0, length))
      assert.strictEqual(offset, length - (length % entrySize))
    }
  })
  it("bytes behind the hashes are not looked at, and are written as zero", () => {
    assert.deepStrictEqual(DbFile.encode(read(changed(usedBytes, 7, 7))), file)
  })
  it("every other byte counts: a change of it is refused, or comes back as it was", () => {
    for (let at = 0; at < usedBytes; at++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const bytes = changed(at, file[at]! ^ mask)
        const decoded = DbFile.decode(bytes)
        if (Result.isSuccess(decoded)) assert.deepStrictEqual(DbFile.encode(decoded.success), bytes)
        else assert.isAtMost(decoded.failure.offset, at)
      }
    }
  })
  it("a view into a larger buffer", () => {
    const larger = new Uint8Array(file.length + 40).fill(0xee)
    larger.set(file, 13)
    assert.deepStrictEqual(read(larger.subarray(13, 13 + file.length)), db)
  })
  it("a database that grew, had a block invalidated and replaced comes back whole at every step", () => {
    const hash = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`
    const block = (chain: number, number: number, mark = 0) => ({
      hash: hash(chain + mark * 1000 + number),
      number,
      parentHash: hash(chain + number - 1),
      timestamp: 1_700_000_000 + number
    })
    const [l1, l2] = [0xa0000, 0xb0000]
    let grown: DerivationDb.DerivationDb = []
    const step = (edit: Result.Result<DerivationDb.Edit, unknown>) => {
      grown = DerivationDb.apply(grown, Result.getOrThrow(edit))
      assert.deepStrictEqual(read(DbFile.encode(grown)), grown)
    }
    for (let number = 0; number < 50; number++) {
      step(DerivationDb.add(grown, { source: block(l1, number), derived: block(l2, number) }))
      step(DerivationDb.add(grown, { source: block(l1, number + 1), derived: block(l2, number) }))
    }
    const invalid = block(l2, 49)
    step(DerivationDb.invalidate(grown, block(l1, 50), invalid))
    assert.strictEqual(read(DbFile.encode(grown)).at(-1)?.invalidated, true)
    step(DerivationDb.replace(grown, block(l2, 49, 1), invalid.hash))
    assert.strictEqual(read(DbFile.encode(grown)).at(-1)?.revision, 49)
  })
})
