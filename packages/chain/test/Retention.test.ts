import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import * as Retention from "@ephor/chain/Retention"

const height = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 400 }))
const standing = Schema.Struct({
  finalized: height,
  lowest: height,
  historyBlocks: Schema.Union([height, Schema.Literal("archive")]),
  needed: Schema.Array(height)
})

describe("Retention", () => {
  for (const [title, given, expected] of [
    ["nothing is old enough", { finalized: 90, lowest: 1, historyBlocks: 100, needed: [] }, 1],
    ["what is below the window goes", { finalized: 150, lowest: 1, historyBlocks: 100, needed: [] }, 50],
    ["what is needed stays", { finalized: 150, lowest: 1, historyBlocks: 100, needed: [70, 30] }, 30],
    ["a need that nobody has", { finalized: 150, lowest: 1, historyBlocks: 100, needed: [Infinity] }, 50],
    [
      "a larger window brings nothing back",
      { finalized: 150, lowest: 60, historyBlocks: 140, needed: [] },
      60
    ],
    [
      "a need for what is gone brings nothing back",
      { finalized: 150, lowest: 40, historyBlocks: 100, needed: [7] },
      40
    ],
    ["no history at all", { finalized: 150, lowest: 1, historyBlocks: 0, needed: [] }, 150],
    ["an archive", { finalized: 150, lowest: 1, historyBlocks: "archive", needed: [] }, 1]
  ] satisfies ReadonlyArray<readonly [string, Retention.Standing, number]>) {
    it(title, () => assert.strictEqual(Retention.floor(given), expected))
  }

  it("a batch is worth while when it is full", () => {
    const at = (finalized: number) =>
      Retention.nextBatch({ finalized, lowest: 11, historyBlocks: 100, needed: [] }, 8)
    assert.isUndefined(at(118))
    assert.deepStrictEqual(at(119), { from: 11, to: 19 })
    assert.deepStrictEqual(at(400), { from: 11, to: 19 })
  })

  it.prop("batches take nothing that is to stay, never go back, and end", [standing], ([given]) => {
    let { lowest } = given
    for (let batches = 0; ; batches++) {
      const next = Retention.nextBatch({ ...given, lowest }, 8)
      if (next === undefined) break
      assert.strictEqual(next.from, lowest)
      assert.strictEqual(next.to, lowest + 8)
      assert.isTrue(given.historyBlocks !== "archive" && next.to <= given.finalized - given.historyBlocks)
      assert.isTrue(given.needed.every((from) => next.to <= from))
      assert.isBelow(batches, 60)
      lowest = next.to
    }
    const { historyBlocks, needed } = given
    if (historyBlocks !== "archive")
      assert.isBelow(Math.min(given.finalized - historyBlocks, ...needed) - lowest, 8)
  })
})
