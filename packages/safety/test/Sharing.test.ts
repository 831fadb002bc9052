import { assert, describe, it } from "@effect/vitest"
import type { Hash } from "@ephor/types"
import { type DerivationDb, LogsDb } from "../src/index.ts"
import { makeSlabs, sharedBlock, sharedCross, sharedLocal } from "../src/supervisor/Sharing.ts"

const hash = (mark: number, number: number): Hash =>
  `0x${mark.toString(16).padStart(4, "0")}${number.toString(16).padStart(60, "0")}`
const block = (number: number, logs: number): LogsDb.SealedBlock => ({
  hash: hash(1, number),
  number,
  parentHash: hash(1, number - 1),
  timestamp: 1000 + 2 * number,
  logs: Array.from({ length: logs }, (_, at) => hash(2 + at, number)),
  executing: []
})
const entry = (source: number, derived: number): DerivationDb.DerivationEntry => ({
  source: { hash: hash(9, source), number: source, timestamp: source },
  derived: { hash: hash(1, derived), number: derived, timestamp: 1000 + 2 * derived },
  revision: 0,
  invalidated: false
})
describe("Sharing", () => {
  it("changes nothing of what blocks and their logs are, however many they are", () => {
    const slabs = makeSlabs()
    let before: LogsDb.SealedBlock | undefined
    const all: Array<readonly [LogsDb.SealedBlock, LogsDb.SealedBlock]> = []
    for (let number = 1; number <= 400; number++) {
      const given = block(number, number === 200 ? 5000 : number % 40)
      const shared = sharedBlock(given, before, slabs)
      all.push([given, shared])
      before = shared
    }
    for (const [given, shared] of all) {
      const { logs: _, ...rest } = shared
      const { logs, ...seal } = given
      assert.deepStrictEqual(rest, seal)
      const packed = LogsDb.pack(shared.logs)
      assert.strictEqual(packed.length, logs.length)
      assert.deepStrictEqual(packed.bytes, LogsDb.pack(logs).bytes)
      for (let at = -1; at <= logs.length; at++)
        assert.strictEqual(packed.at(at), at < 0 ? undefined : logs.at(at))
    }
  })

  it("gives entries the seals that are there, and no others", () => {
    const logs = [block(0, 0), block(1, 0), block(2, 0)]
    const local = [entry(0, 0), entry(1, 0)]
    const next = entry(1, 1)
    const shared = sharedLocal(next, local[1], logs)
    assert.deepStrictEqual(shared, next)
    assert.strictEqual(shared.source, local[1]!.source)
    assert.notStrictEqual(shared.derived, local[1]!.derived)
    const cross = sharedCross(entry(1, 1), entry(1, 0), [...local, shared])
    assert.deepStrictEqual(cross, next)
    assert.strictEqual(cross.derived, shared.derived)
    const other = { ...entry(2, 1), derived: { ...entry(2, 1).derived, hash: hash(7, 1) } }
    assert.deepStrictEqual(sharedCross(other, cross, [...local, shared]), other)
    assert.deepStrictEqual(sharedLocal(other, shared, logs), other)
  })
})
