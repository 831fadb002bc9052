import { assert, describe, it } from "@effect/vitest"
import * as Display from "../src/devnet/Display.ts"
import type { Snapshot } from "../src/devnet/Report.ts"

const snapshotOf = (chains: number, height: number): Snapshot => {
  const ids = Array.from({ length: chains }, (_, at) => String(901 + at))
  return {
    chains: ids.map((chainId) => ({
      chainId,
      localUnsafe: height,
      crossUnsafe: height,
      localSafe: height,
      crossSafe: height,
      finalized: height,
      candidatesIncluded: height,
      disputesConcluded: 1,
      reverts: 2,
      replacedBlocks: 3,
      slashesApplied: 1,
      rewardsPaid: height,
      validatorsDisabled: 1,
      disabledNow: [3],
      finalityWaited: height,
      governance: { frozen: false, why: null, endedBy: null },
      secondedStatements: height,
      validStatements: height,
      fetchedProofs: height,
      registeredVotes: height,
      snapshots: height
    })),
    observers: ids.map((chainId) => ({
      chainId,
      mode: "CommitsOnly",
      commits: height,
      blocks: height,
      lag: 0,
      verified: true
    })),
    supervisor: { executingMessages: height, invalidatedBlocks: 1 }
  }
}
const notes = Array.from({ length: 9 }, (_, at) => `note ${at} ${"with a path ".repeat(12)}`)

describe("the table of a devnet", () => {
  it("is no wider and no higher than the screen, and holds everything on 80 by 24 and 60 by 24", () => {
    for (const columns of [60, 80, 200])
      for (const rows of [24, 50]) {
        const lines = Display.table("ephor devnet", 100, snapshotOf(2, 123_456), notes, { columns, rows })
        for (const line of lines) assert.isAtMost(line.length, columns)
        assert.isBelow(lines.length, rows)
        const text = lines.join("\n")
        for (const word of [
          "901",
          "902",
          "cross-unsafe",
          "finalized",
          "replaced",
          "verified",
          "supervisor",
          "note 8"
        ])
          assert.include(text, word)
        assert.strictEqual(lines.at(-1), "Ctrl-C stops everything")
      }
  })

  it("fits eight chains into 80 columns", () => {
    const lines = Display.table("ephor devnet", 1, snapshotOf(8, 12_345), [], { columns: 80, rows: 24 })
    assert.include(
      lines.find((line) => line.startsWith("chain"))!,
      "908"
    )
    for (const line of lines) assert.notInclude(line, "…")
  })

  it("stays within a screen that is too small for it", () => {
    const lines = Display.table("ephor devnet", 1, snapshotOf(2, 1), notes, { columns: 20, rows: 6 })
    assert.isBelow(lines.length, 6)
    for (const line of lines) assert.isAtMost(line.length, 20)
  })

  it("says who does not answer", () => {
    const lines = Display.table("ephor devnet", 1, { chains: [], observers: [], supervisor: undefined }, [])
    assert.include(lines, "supervisor does not answer")
  })
})
