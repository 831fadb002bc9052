import { assert, describe, it } from "@effect/vitest"
import { DisputeSelection } from "@ephor/backing"
import type { CandidateVotes, DisputeState, DisputeStatement, DisputeStatus } from "@ephor/types"
import vectors from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }
import * as World from "./support/world.ts"

const recorded = vectors.onchain_vote_filter.onchain
const state: DisputeState = {
  validatorsFor: recorded.validators_for,
  validatorsAgainst: recorded.validators_against,
  start: recorded.start,
  concludedAt: recorded.concluded_at
}
const concluded: DisputeState = { ...state, concludedAt: 5 }

const statementOf = (text: string): DisputeStatement => {
  const [side, kind] = text.split(".")
  if (side === "Invalid") return { _tag: "Invalid", value: { _tag: "Explicit" } }
  return kind === "Explicit"
    ? { _tag: "Valid", value: { _tag: "Explicit" } }
    : { _tag: "Valid", value: { _tag: kind as "BackingValid", value: World.relayParent } }
}

describe("DisputeSelection", () => {
  for (const [row, { keep, statement, validator }] of vectors.onchain_vote_filter.cases.entries()) {
    it(`row ${row}: ${statement} by ${validator} is ${keep ? "kept" : "dropped"}`, () => {
      assert.strictEqual(DisputeSelection.isNeeded(statementOf(statement), validator, state), keep)
      assert.isTrue(DisputeSelection.isNeeded(statementOf(statement), validator, undefined))
    })
  }

  it("takes disputes in the order of the vectors, and drops what is over everywhere", () => {
    const old: DisputeStatus = { _tag: "ConcludedFor", value: 100 }
    const fresh: DisputeStatus = { _tag: "ConcludedAgainst", value: 900 }
    const entries = [
      ["active_concluded_onchain", { _tag: "Confirmed" }, concluded],
      ["active_unconcluded_onchain", fresh, state],
      ["active_unknown_onchain", fresh, undefined],
      ["inactive_concluded_onchain", old, concluded],
      ["inactive_unconcluded_onchain", old, state],
      ["inactive_unknown_onchain", old, undefined],
      ["unconfirmed", { _tag: "Active" }, undefined]
    ] as const
    const disputes = entries.map(([, status], i) => ({ session: 1, candidateHash: World.hashOf(i), status }))
    const known = DisputeSelection.onChain(
      entries.flatMap(([, , state], i) =>
        state === undefined ? [] : [{ session: 1, candidateHash: World.hashOf(i), state }]
      )
    )
    assert.deepStrictEqual(
      DisputeSelection.prioritise(disputes, known, 1000).map(({ candidateHash }) => {
        return entries.find((_, i) => World.hashOf(i) === candidateHash)![0]
      }),
      vectors.dispute_priority.order as never
    )
  })

  it("an unconfirmed dispute counts once the chain knows it", () => {
    const dispute = { session: 1, candidateHash: World.hashOf(1), status: { _tag: "Active" } } as const
    const known = DisputeSelection.onChain([{ ...dispute, state }])
    assert.strictEqual(DisputeSelection.prioritise([dispute], known, 0).length, 1)
  })

  it("a dispute is inactive strictly after its 180 seconds", () => {
    const dispute = {
      session: 1,
      candidateHash: World.hashOf(1),
      status: { _tag: "ConcludedFor", value: 100 }
    } as const
    const known = DisputeSelection.onChain([{ ...dispute, state: concluded }])
    assert.strictEqual(DisputeSelection.prioritise([dispute], known, 280).length, 1)
    assert.strictEqual(DisputeSelection.prioritise([dispute], known, 281).length, 0)
  })

  const votes = (count: number): CandidateVotes => ({
    candidateReceipt: undefined as never,
    valid: [[{ _tag: "Explicit" }, 3, "0x01"]],
    invalid: Array.from({ length: count - 1 }, (_, i) => [{ _tag: "Explicit" }, 10 + i, "0x02"] as const)
  })

  it("puts valid statements first, whole disputes only, sorted by session and candidate", () => {
    const sets = [
      [2, 1, 3],
      [1, 9, 2],
      [1, 4, 2],
      [3, 1, 9]
    ].map(([session, hash, count]) =>
      DisputeSelection.toSet(
        { session: session!, candidateHash: World.hashOf(hash!) },
        votes(count!),
        undefined
      )
    )
    assert.deepStrictEqual(
      sets[0]!.statements.map(([{ _tag }]) => _tag),
      ["Valid", "Invalid", "Invalid"]
    )
    const limits = { ...DisputeSelection.defaults, maxVotes: 8 }
    assert.deepStrictEqual(
      DisputeSelection.fit(sets, limits).map(({ candidateHash, session }) => [session, candidateHash]),
      [
        [1, World.hashOf(4)],
        [1, World.hashOf(9)],
        [2, World.hashOf(1)]
      ]
    )
    assert.deepStrictEqual(vectors.dispute_priority.max_votes, DisputeSelection.defaults.maxVotes)
    assert.deepStrictEqual(vectors.dispute_priority.batch, DisputeSelection.defaults.batch)
  })
})
