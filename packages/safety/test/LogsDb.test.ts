import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type BlockSeal, type Hash, messageChecksum } from "@ephor/types"
import { LogsDb, type Verdict } from "../src/index.ts"

const tagOf = <A>(verdict: Verdict<A>) => (Result.isFailure(verdict) ? verdict.failure._tag : "ok")
const ok = <A>(verdict: Verdict<A>): A => {
  if (Result.isFailure(verdict)) throw new Error(`${verdict.failure._tag}: ${verdict.failure.detail}`)
  return verdict.success
}
const hash = (n: number, mark = 0): Hash =>
  `0x${mark.toString(16).padStart(4, "0")}${n.toString(16).padStart(60, "0")}`
const seal = (number: number, mark = 0): BlockSeal => ({
  hash: hash(number, mark),
  number,
  timestamp: 1000 + number * 2
})
const log = (number: number, index: number) => hash(number * 100 + index, 0xbeef)

const grow = (db: LogsDb.LogsDb, number: number, logs: number): LogsDb.LogsDb => {
  let open: LogsDb.OpenLogs | undefined
  for (let i = 0; i < logs; i++) open = ok(LogsDb.addLog(db, open, seal(number - 1), i, log(number, i)))
  return [...db, ok(LogsDb.seal(db, open, hash(number - 1), seal(number)))]
}
const db = grow(grow(grow([ok(LogsDb.seal([], undefined, hash(9), seal(10)))], 11, 2), 12, 0), 13, 3)

const query = (
  blockNumber: number,
  logIndex: number,
  timestamp = 1000 + blockNumber * 2
): LogsDb.MessageQuery => {
  const position = {
    chainId: "901",
    blockNumber: BigInt(blockNumber),
    logIndex,
    timestamp: BigInt(timestamp)
  }
  const checksum = messageChecksum(position, log(blockNumber, logIndex))
  return { chainId: "901", blockNumber, logIndex, timestamp, checksum }
}

describe("LogsDb.addLog", () => {
  const rows: ReadonlyArray<readonly [string, LogsDb.LogsDb, number, number, string]> = [
    ["next log of the next block", db, 13, 0, "ok"],
    ["no logs on an empty database", [], 13, 0, "OutOfOrder"],
    ["a log index is missing", db, 13, 1, "OutOfOrder"],
    ["on an older block", db, 12, 0, "OutOfOrder"],
    ["on a block that is not sealed", db, 14, 0, "OutOfOrder"]
  ]
  rows.forEach(([name, on, parent, index, expected], row) => {
    it(`${row + 1}: ${name}`, () => {
      assert.strictEqual(tagOf(LogsDb.addLog(on, undefined, seal(parent), index, log(1, 1))), expected)
    })
  })
  it("another hash of the parent", () => {
    assert.strictEqual(tagOf(LogsDb.addLog(db, undefined, seal(13, 1), 0, log(1, 1))), "OutOfOrder")
  })
})

describe("LogsDb.seal", () => {
  const rows: ReadonlyArray<readonly [string, LogsDb.LogsDb, Hash, BlockSeal, string]> = [
    ["the next block", db, hash(13), seal(14), "ok"],
    ["the first block may be any", [], hash(41), seal(42), "ok"],
    ["another parent", db, hash(13, 1), seal(14), "Conflict"],
    ["a gap", db, hash(13), seal(15), "Conflict"],
    ["older than its parent", db, hash(13), { ...seal(14), timestamp: 1025 }, "Conflict"],
    ["as old as its parent", db, hash(13), { ...seal(14), timestamp: 1026 }, "ok"]
  ]
  rows.forEach(([name, on, parent, block, expected], row) => {
    it(`${row + 1}: ${name}`, () => {
      assert.strictEqual(tagOf(LogsDb.seal(on, undefined, parent, block)), expected)
    })
  })
})

describe("LogsDb.contains", () => {
  const rows: ReadonlyArray<readonly [string, LogsDb.MessageQuery, string]> = [
    ["a log of a sealed block", query(11, 1), "ok"],
    ["a log of the last block", query(13, 2), "ok"],
    ["a later block, later time", query(14, 0), "Future"],
    ["a later block, of the time of the last one", query(14, 0, 1026), "Future"],
    ["a later block, but of a time that is over", query(14, 0, 1025), "Conflict"],
    ["block 0", query(0, 0), "Conflict"],
    ["the first sealed block", query(10, 0), "Skipped"],
    ["before the first sealed block", query(5, 0), "Skipped"],
    ["beyond the logs of the block", query(11, 2), "Conflict"],
    ["a block without logs", query(12, 0), "Conflict"],
    ["another time", query(11, 1, 1023), "Conflict"],
    ["another checksum", { ...query(11, 1), checksum: hash(1, 3) }, "Conflict"],
    ["another chain's checksum", { ...query(11, 1), chainId: "902" }, "Conflict"]
  ]
  rows.forEach(([name, message, expected], row) => {
    it(`${row + 1}: ${name}`, () => {
      const found = LogsDb.contains(db, message)
      assert.strictEqual(tagOf(found), expected)
      if (Result.isSuccess(found)) assert.deepStrictEqual(found.success, seal(message.blockNumber))
    })
  })
  it("an empty database knows nothing yet", () =>
    assert.strictEqual(tagOf(LogsDb.contains([], query(1, 0))), "Future"))
  it("a bounded view ends earlier", () => {
    assert.strictEqual(tagOf(LogsDb.contains(db, query(13, 0), seal(12))), "Future")
    assert.strictEqual(tagOf(LogsDb.contains(db, query(13, 0, 1020), seal(12))), "Conflict")
  })
})

describe("LogsDb.pack", () => {
  const hashes = Array.from({ length: 300 }, (_, i) => hash(i * 7919, i))
  it("the same hashes at the same positions, and none elsewhere", () => {
    const packed = LogsDb.pack(hashes)
    assert.lengthOf(packed.bytes, 32 * hashes.length)
    assert.strictEqual(packed.length, hashes.length)
    hashes.forEach((expected, i) => assert.strictEqual(packed.at(i), expected))
    for (const none of [-1, hashes.length, Number.MAX_SAFE_INTEGER]) assert.isUndefined(packed.at(none))
  })
  it("what is packed stays as it is", () => {
    const packed = LogsDb.pack(hashes)
    assert.strictEqual(LogsDb.pack(packed), packed)
    assert.strictEqual(LogsDb.pack([]).length, 0)
  })
  it("a database of packed blocks answers as one of arrays", () => {
    const packed = db.map((block) => ({ ...block, logs: LogsDb.pack(block.logs) }))
    for (const message of [query(11, 1), query(13, 2), query(11, 2), query(12, 0), query(14, 0)]) {
      assert.deepStrictEqual(LogsDb.contains(packed, message), LogsDb.contains(db, message))
    }
  })
})

describe("LogsDb look-ups", () => {
  it("open a block", () => {
    assert.strictEqual(ok(LogsDb.openBlock(db, 11)).logs.length, 2)
    assert.strictEqual(tagOf(LogsDb.openBlock(db, 14)), "Future")
    assert.strictEqual(tagOf(LogsDb.openBlock(db, 9)), "Skipped")
  })
  it("rewind to a block", () => {
    assert.strictEqual(ok(LogsDb.rewindTo(db, seal(12))), 3)
    assert.strictEqual(tagOf(LogsDb.rewindTo(db, seal(12, 1))), "Conflict")
    assert.strictEqual(tagOf(LogsDb.rewindTo(db, seal(9))), "Skipped")
  })
  it("last block before a time", () => {
    assert.strictEqual(LogsDb.lastBefore(db, 1024)?.number, 11)
    assert.strictEqual(LogsDb.lastBefore(db, 1025)?.number, 12)
    assert.isUndefined(LogsDb.lastBefore(db, 1020))
  })
  it("claims above every real height are saturated, not rounded", () => {
    const claim = {
      chainId: "1",
      blockNumber: 2n ** 64n - 1n,
      timestamp: 2n ** 53n,
      logIndex: 0,
      checksum: hash(1)
    }
    const { blockNumber, timestamp } = LogsDb.queryOf(claim)
    assert.deepStrictEqual([blockNumber, timestamp], [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])
  })
})
