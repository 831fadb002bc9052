import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type { BlockSeal, ChainId, Hash } from "@ephor/types"
import { Hazards, type LogsDb, type Verdict } from "../src/index.ts"
import { future, refuse } from "../src/Fault.ts"
import cycles from "./vectors/hazard_cycles.json" with { type: "json" }
import vectors from "./vectors/hazard_set.json" with { type: "json" }

const zero: Hash = `0x${"0".repeat(64)}`
const message = (
  chainId: string,
  blockNumber: number,
  logIndex: number,
  timestamp: number
): LogsDb.MessageQuery => ({
  chainId,
  blockNumber,
  logIndex,
  timestamp,
  checksum: zero
})

interface VectorBlock {
  readonly chain: string
  readonly number: number
  readonly timestamp: number
  readonly hash: string
  readonly execMsgs: ReadonlyArray<{
    chain: string
    timestamp: number
    blockNumber: number
    logIndex: number
  }>
}

/** The world of the vectors: a message exists if a block of its chain and height does. */
const sourceOf = (blocks: ReadonlyArray<VectorBlock>): Hazards.HazardSource => {
  const find = (chain: ChainId, number: number) =>
    blocks.find((b) => b.chain === chain && b.number === number)
  const seal = (b: VectorBlock): BlockSeal => ({
    hash: b.hash as Hash,
    number: b.number,
    timestamp: b.timestamp
  })
  return {
    openBlock: (chain, number) => {
      const block = find(chain, number)
      if (block === undefined) return future("no block")
      const executing = block.execMsgs.map((m, logIndex) => ({
        logIndex,
        message: message(m.chain, m.blockNumber, m.logIndex, m.timestamp)
      }))
      return Result.succeed({ ...seal(block), parentHash: zero, logs: [], executing })
    },
    contains: ({ blockNumber, chainId, timestamp }) => {
      const block = find(chainId, blockNumber)
      if (block === undefined || timestamp === 0) return future("no such message", chainId)
      return Result.succeed(seal(block))
    },
    isCrossValid: () => Result.void,
    canExecute: () => true
  }
}

const detailOf = <A>(verdict: Verdict<A>) =>
  Result.isFailure(verdict) ? `${verdict.failure._tag.toLowerCase()}: ${verdict.failure.detail}` : "ok"

describe("Hazards.build, vectors", () => {
  vectors.cases.forEach(({ blocks, error, hazards, name }, row) => {
    it(`${row + 1}: ${name}`, () => {
      const [candidate] = blocks as ReadonlyArray<VectorBlock>
      const { chain, hash, number, timestamp } = candidate!
      const built = Hazards.build(sourceOf(blocks), chain, { hash: hash as Hash, number, timestamp })
      if (error !== undefined) return assert.include(detailOf(built), error)
      assert.isTrue(Result.isSuccess(built), detailOf(built))
      if (Result.isFailure(built)) return
      const found = Object.fromEntries(
        Array.from(built.success, ([id, { number, timestamp }]) => [id, { number, timestamp }])
      )
      assert.deepStrictEqual(found, hazards as unknown)
    })
  })
  vectors.crossValid.forEach((row, i) => {
    it(`cross-valid ${i + 1}: ${row.name}`, () => {
      const { candidate, execMsg } = row
      const blocks: Array<VectorBlock> = [
        { ...candidate, hash: zero, execMsgs: [execMsg] },
        {
          chain: execMsg.chain,
          number: execMsg.blockNumber,
          timestamp: row.depBlockTimestamp,
          hash: zero,
          execMsgs: []
        }
      ]
      const source = { ...sourceOf(blocks), isCrossValid: () => refuse("Future", "not yet") }
      const built = Hazards.build(source, candidate.chain, { ...candidate, hash: zero })
      if (row.expect.startsWith("hazards")) {
        assert.isTrue(Result.isSuccess(built) && built.success.get("1")?.number === 5)
      } else assert.include(detailOf(built), "is not cross-valid")
    })
  })
  it("a message that may not be executed is a conflict", () => {
    const blocks = vectors.cases[1]!.blocks as ReadonlyArray<VectorBlock>
    const source = { ...sourceOf(blocks), canExecute: () => false }
    const { hash, number, timestamp } = blocks[0]!
    assert.include(
      detailOf(Hazards.build(source, "0", { hash: hash as Hash, number, timestamp })),
      "conflict"
    )
  })
  it("another candidate than the indexed block is a conflict", () => {
    const blocks = vectors.cases[1]!.blocks as ReadonlyArray<VectorBlock>
    const { number, timestamp } = blocks[0]!
    assert.include(
      detailOf(Hazards.build(sourceOf(blocks), "0", { hash: zero, number, timestamp })),
      "conflict"
    )
  })
})

type CycleBlocks = Record<
  string,
  { logCount: number; execMsgs: Record<string, { chain: string; logIndex: number; timestamp: number }> }
>
const cycleBlocks = (blocks: CycleBlocks) =>
  new Map(
    Object.entries(blocks).map(([id, { execMsgs, logCount }]) => [
      id,
      {
        logs: Array.from({ length: logCount }, () => zero),
        executing: Object.entries(execMsgs).map(([index, m]) => ({
          logIndex: Number(index),
          message: message(m.chain, 1, m.logIndex, m.timestamp)
        }))
      }
    ])
  )

describe("Hazards.checkBlocks, vectors", () => {
  cycles.cases.forEach(({ blocks, expect, name }, row) => {
    it(`${row + 1}: ${name}`, () => {
      const verdict = Hazards.checkBlocks(cycleBlocks(blocks as unknown as CycleBlocks), 100)
      if (expect === "ok") return assert.strictEqual(detailOf(verdict), "ok")
      assert.include(detailOf(verdict), expect.replace(/^conflict: /, ""))
      assert.isTrue(Result.isFailure(verdict) && verdict.failure._tag === "Conflict")
    })
  })
  cycles.generated.forEach(({ chains, expect, logsPerChain, name }) => {
    it(name, () => {
      const blocks: CycleBlocks = {}
      for (let chain = 1; chain <= chains; chain++) {
        const execMsgs: CycleBlocks[string]["execMsgs"] = {}
        if (chain > 1) {
          for (let j = 0; j < logsPerChain; j++)
            execMsgs[j] = { chain: String(chain - 1), logIndex: j, timestamp: 100 }
        }
        blocks[chain] = { logCount: logsPerChain, execMsgs }
      }
      if (expect === "cycle") {
        blocks[3]!.execMsgs[5678] = { chain: "1", logIndex: 5679, timestamp: 100 }
        blocks[1]!.execMsgs[5679] = { chain: "3", logIndex: 5678, timestamp: 100 }
      }
      assert.include(detailOf(Hazards.checkBlocks(cycleBlocks(blocks), 100)), expect)
    })
  })
  it("a block that changed in between is no conflict", () => {
    const open = () =>
      Result.succeed({ hash: zero, number: 1, parentHash: zero, timestamp: 100, logs: [], executing: [] })
    const hazards = new Map([["1", { hash: `0x${"1".repeat(64)}` as const, number: 1, timestamp: 100 }]])
    assert.include(detailOf(Hazards.checkCycles(open, hazards, 100)), "future: inconsistent block seal")
  })
  it("what can not be opened is passed on", () => {
    const hazards = new Map([["1", { hash: zero, number: 1, timestamp: 100 }]])
    assert.include(
      detailOf(Hazards.checkCycles(() => refuse("Skipped", "gone"), hazards, 100)),
      "skipped: gone"
    )
  })
})
