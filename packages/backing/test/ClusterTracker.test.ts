import { assert, describe, it } from "@effect/vitest"
import { ClusterTracker } from "@ephor/backing"
import scenarios from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }
import { hashOf } from "./support/world.ts"

const [a, b] = [hashOf(0xa1), hashOf(0xb1)]
const seconded = (originator: number, candidateHash = a): ClusterTracker.ClusterStatement => ({
  _tag: "Seconded",
  originator,
  candidateHash
})
const valid = (originator: number, candidateHash = a): ClusterTracker.ClusterStatement => ({
  _tag: "Valid",
  originator,
  candidateHash
})
const said = {
  Accept: "accept",
  AcceptWithPrejudice: "accept with prejudice",
  NotInGroup: "reject NotInGroup",
  ExcessiveSeconded: "reject ExcessiveSeconded",
  CandidateUnknown: "reject CandidateUnknown",
  Duplicate: "reject Duplicate"
} as const

/** What each scenario does: statements as sender, statement. */
const steps: Record<string, ReadonlyArray<readonly [number, ClusterTracker.ClusterStatement]>> = {
  "same statement again from the same sender": [
    [1, seconded(1)],
    [1, seconded(1)]
  ],
  "Valid before anything about the candidate passed between us": [[1, valid(1)]],
  "limit 1: two Seconded of originator 0 from one sender": [
    [1, seconded(0, a)],
    [1, seconded(0, b)]
  ],
  "limit 1: Seconded A of originator 0 from sender 1, Seconded B of originator 0 from sender 2": [
    [1, seconded(0, a)],
    [2, seconded(0, b)]
  ]
}

describe("ClusterTracker", () => {
  for (const { name, result } of scenarios.cluster_current) {
    it(name, () => {
      const tracker = ClusterTracker.make([0, 1, 2], 1)
      const verdicts = steps[name]!.map(
        ([sender, statement]) => said[ClusterTracker.receive(tracker, sender, statement)]
      )
      assert.deepStrictEqual(Array.isArray(result) ? verdicts : verdicts.at(-1), result)
    })
  }

  it("takes nothing from outside of the group, and nothing about it", () => {
    const tracker = ClusterTracker.make([0, 1], 2)
    assert.strictEqual(ClusterTracker.receive(tracker, 5, seconded(0)), "NotInGroup")
    assert.strictEqual(ClusterTracker.receive(tracker, 0, seconded(5)), "NotInGroup")
  })

  it("takes a judgement about what we told, or heard, before", () => {
    const tracker = ClusterTracker.make([0, 1, 2], 2)
    assert.strictEqual(ClusterTracker.receive(tracker, 1, valid(1)), "CandidateUnknown")
    ClusterTracker.sent(tracker, 1, a)
    assert.strictEqual(ClusterTracker.receive(tracker, 1, valid(1)), "Accept")
    assert.strictEqual(ClusterTracker.receive(tracker, 2, seconded(2)), "Accept")
    assert.strictEqual(ClusterTracker.receive(tracker, 2, valid(0)), "Accept")
  })
})
