import { assert, describe, it } from "@effect/vitest"
import type { SignedDisputeStatement } from "@ephor/overseer"
import { AuthorityQueues } from "../src/AuthorityQueues.ts"
import { VoteBatches } from "../src/VoteBatches.ts"
import scenarios from "./vectors/14-scenarios.json" with { type: "json" }
import * as World from "./support/world.ts"

const votesOf = (...voters: ReadonlyArray<number>): ReadonlyArray<SignedDisputeStatement> =>
  voters.map((validatorIndex) => ({
    statement: World.invalid,
    validatorIndex,
    validatorId: World.hashOf(`v${validatorIndex}`),
    signature: `0x${"11".repeat(64)}`
  }))
const prepared = (name: string, ...voters: ReadonlyArray<number>) => ({
  session: 10,
  candidateReceipt: World.receipt(name),
  statements: votesOf(...voters),
  requesters: [name]
})
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at)

describe("batches", () => {
  it("fewer than ten new votes since the last look close a batch, ten keep it open", () => {
    const batches = new VoteBatches<string>()
    assert.strictEqual(batches.add("A", prepared("A", 0, 1), 0), "opened")
    assert.strictEqual(batches.add("A", prepared("A", ...range(2, 12)), 1), "merged")
    assert.isUndefined(batches.look("A", 500))
    assert.strictEqual(batches.add("A", prepared("A", ...range(12, 21)), 501), "merged")
    assert.strictEqual(batches.add("A", prepared("A", 0, 20), 502), "redundant")
    const due = batches.look("A", 1000)!
    // What was imported at once is not imported again.
    assert.deepStrictEqual(
      due.statements.map(({ validatorIndex }) => validatorIndex),
      range(2, 21)
    )
    assert.strictEqual(due.requesters.length, 2)
    assert.strictEqual(batches.size, 0)
    assert.isUndefined(batches.look("A", 1500))
    assert.strictEqual(batches.add("A", prepared("A", 0), 1501), "opened")
  })
  it("no batch lives longer than ten seconds, and there are at most a thousand", () => {
    const batches = new VoteBatches<string>()
    batches.add("A", prepared("A", 0), 0)
    for (let look = 1; look < 20; look++) {
      batches.add("A", prepared("A", ...range(look * 10, look * 10 + 10)), look * 500 - 1)
      assert.isUndefined(batches.look("A", look * 500))
    }
    batches.add("A", prepared("A", ...range(500, 510)), 9999)
    assert.strictEqual(batches.look("A", 10_000)!.statements.length, 200)
    for (const index of range(0, 1000))
      assert.strictEqual(batches.add(`${index}`, prepared("B", 0), 0), "opened")
    assert.strictEqual(batches.add("1000", prepared("B", 0), 0), "full")
    assert.strictEqual(batches.add("999", prepared("B", 1), 0), "merged")
  })
})

describe("queues of authorities", () => {
  it("a round takes one of each; the eleventh request of one authority is dropped", () => {
    const row = scenarios.dispute_distribution.find(({ queue_capacity }) => queue_capacity !== undefined)!
    const queues = new AuthorityQueues<string>()
    const [a, b] = [World.hashOf("a"), World.hashOf("b")]
    for (const index of range(0, row.queue_capacity!)) assert.isTrue(queues.push(a, `a${index}`))
    assert.isFalse(queues.push(a, "one too many"))
    assert.isTrue(queues.push(b, "b0"))
    assert.deepStrictEqual(queues.round(), ["a0", "b0"])
    assert.deepStrictEqual(queues.round(), ["a1"])
    assert.strictEqual(queues.size, 8)
    assert.isTrue(queues.push(a, "again"))
  })
})
