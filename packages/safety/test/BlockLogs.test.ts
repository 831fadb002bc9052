import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { type BlockRef, type Hash, type Log, logHash, type Receipt, toHex } from "@ephor/types"
import { BlockLogs, type LogsDb } from "../src/index.ts"
import hashing from "./vectors/hashing.json" with { type: "json" }
import vectors from "./vectors/executing_message.json" with { type: "json" }

const hash = (n: number): Hash => `0x${n.toString(16).padStart(64, "0")}`
const parent: LogsDb.SealedBlock = {
  hash: hash(1),
  number: 1,
  parentHash: hash(0),
  timestamp: 10,
  logs: [],
  executing: []
}
const block: BlockRef = { hash: hash(2), number: 2, parentHash: hash(1), timestamp: 12 }
const { address, data, topics } = vectors.decode.log
const logAt = (logIndex: number, change: Partial<Log> = {}): Log => ({
  address: address as Log["address"],
  topics: topics as Log["topics"],
  data: data as Log["data"],
  blockNumber: 2,
  blockHash: hash(2),
  transactionHash: hash(3),
  transactionIndex: 0,
  logIndex,
  ...change
})
const receipt = (...logs: ReadonlyArray<Log>): Receipt => ({
  type: 2,
  status: 1,
  cumulativeGasUsed: 1,
  gasUsed: 1,
  logs,
  transactionHash: hash(3),
  transactionIndex: 0,
  blockHash: hash(2),
  blockNumber: 2
})
const other = "0x1111111111111111111111111111111111111111" as const

const textsOf = (logs: LogsDb.LogHashes) => Array.from({ length: logs.length }, (_, i) => logs.at(i))

describe("BlockLogs.sealBlock", () => {
  it("every log is an initiating message, the inbox's are executing ones as well", () => {
    const sealed = BlockLogs.sealBlock([parent], block, [
      receipt(logAt(0, { address: other })),
      receipt(logAt(1))
    ])
    if (Result.isFailure(sealed)) throw new Error(sealed.failure.detail)
    assert.deepStrictEqual(textsOf(sealed.success.logs), [
      logHash(logAt(0, { address: other })),
      vectors.decode.selfLogHash as Hash
    ])
    const { checksum, identifier } = vectors.decode
    assert.deepStrictEqual(sealed.success.executing, [
      {
        logIndex: 1,
        message: {
          chainId: identifier.chainId,
          blockNumber: Number(identifier.blockNumber),
          logIndex: Number(identifier.logIndex),
          timestamp: Number(identifier.timestamp),
          checksum: checksum as Hash
        }
      }
    ])
  })
  const known = [...hashing.logHash, ...hashing.logHashSensitivity.relevant]
  known.forEach((row, i) => {
    it(`log hash ${i + 1}`, () => {
      const sealed = BlockLogs.sealBlock([parent], block, [receipt(logAt(0, row.log as Partial<Log>))])
      assert.isTrue(Result.isSuccess(sealed) && sealed.success.logs.at(0) === row.logHash)
    })
  })
  it("log hashes do not depend on the logs before, however long these are", () => {
    const sizes = [0, 1, 31, 32, 3000, 5, 100_000, 32, 0]
    const logs = sizes.map((size, i) =>
      logAt(i, {
        address: other,
        topics: known[i % known.length]!.log.topics as Log["topics"],
        data: toHex(new Uint8Array(size).fill(i))
      })
    )
    const sealed = BlockLogs.sealBlock([parent], block, [receipt(...logs)])
    if (Result.isFailure(sealed)) throw new Error(sealed.failure.detail)
    assert.deepStrictEqual(textsOf(sealed.success.logs), logs.map(logHash))
  })
  it("logs are numbered over the block without gaps", () => {
    const sealed = BlockLogs.sealBlock([parent], block, [receipt(logAt(1))])
    assert.isTrue(Result.isFailure(sealed) && sealed.failure._tag === "OutOfOrder")
  })
  it("a block that does not build on the last one", () => {
    for (const receipts of [[], [receipt(logAt(0))]]) {
      const sealed = BlockLogs.sealBlock([parent], { ...block, parentHash: hash(9) }, receipts)
      assert.isTrue(Result.isFailure(sealed) && sealed.failure._tag === "Conflict")
    }
  })
  vectors.decodeEventErrors.cases.forEach((row, i) => {
    it(`event ${i + 1}: ${row.name}`, () => {
      const change = { topics: row.topics as Log["topics"], data: row.data as Log["data"] }
      const sealed = BlockLogs.sealBlock([parent], block, [receipt(logAt(0, change))])
      // Another event or another number of topics is an ordinary log; the right event with bad data is an error.
      const ordinary = /topic/.test(row.error)
      if (ordinary) assert.isTrue(Result.isSuccess(sealed) && sealed.success.executing.length === 0)
      else assert.isTrue(Result.isFailure(sealed) && sealed.failure._tag === "DataCorruption")
    })
  })
})
