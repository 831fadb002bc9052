import { assert, describe, it } from "@effect/vitest"
import { BatchPolicy } from "../src/index.ts"

describe("BatchPolicy", () => {
  const tiers: ReadonlyArray<readonly [lag: number, size: number]> = [
    [0, 1],
    [10, 1],
    [11, 5],
    [100, 5],
    [101, 20],
    [1000, 20],
    [1001, 100]
  ]
  for (const [lag, size] of tiers) {
    it(`lag ${lag}: at most ${size}`, () => assert.strictEqual(BatchPolicy.size(lag), size))
  }

  const items = [10, 10, 10, 90, 10]
  const limits = { softBytes: 25, hardBytes: 1000 }
  const take = (from: number, lag: number, wishes: BatchPolicy.BatchWishes = {}) =>
    BatchPolicy.take(
      items,
      from,
      BatchPolicy.wishedSize(lag, wishes),
      (bytes) => bytes,
      BatchPolicy.lowered(limits, wishes)
    )

  it("never takes more than the tier", () => assert.strictEqual(take(0, 0), 1))
  it("stops before the byte cap", () => assert.strictEqual(take(0, 50), 2))
  it("sends an item above the cap alone", () => assert.strictEqual(take(3, 50), 1))
  it("takes no more than was wished for, and no more than the policy allows", () => {
    assert.strictEqual(take(0, 50, { maxBatchItems: 1 }), 1)
    assert.strictEqual(take(0, 0, { maxBatchItems: 5 }), 1)
    assert.strictEqual(take(0, 50, { maxBatchBytes: 1 }), 1)
    assert.strictEqual(take(0, 50, { maxBatchBytes: 1_000_000 }), 2)
  })
  it("takes what is there", () => assert.strictEqual(take(4, 5000), 1))
})
