import { assert, describe, it } from "@effect/vitest"
import { Derivation } from "@ephor/chain"
import { l1 } from "@ephor/chain/testing/ChainScript"

const done = Derivation.start(l1(4))
const busy: Derivation.Derivation = { origin: l1(4), consumed: false }
const stopped = Derivation.stop(done, "because")

describe("Derivation.provide", () => {
  const rows = [
    ["the next block, when the origin is derived", done, l1(5), "Accepted"],
    ["the next block, while the origin is being derived", busy, l1(5), "Ignored"],
    ["a block of another chain, while the origin is being derived", busy, l1(5, "x"), "Ignored"],
    ["the same block again", done, l1(4), "Ignored"],
    ["an older block", done, l1(3), "Ignored"],
    ["a block too far ahead", done, l1(6), "Ignored"],
    ["a block too far ahead of another chain", done, l1(6, "x"), "Ignored"],
    ["the next height on another parent", done, l1(5, "x"), "Mismatch"],
    ["the next block, while heads are awaited", stopped, l1(5), "Ignored"],
    ["the next height on another parent, while heads are awaited", stopped, l1(5, "x"), "Ignored"]
  ] as const

  for (const [title, state, next, expected] of rows) {
    it(`${expected}: ${title}`, () => {
      const outcome = Derivation.provide(state, next)
      assert.strictEqual(outcome._tag, expected)
      if (outcome._tag === "Accepted")
        assert.deepStrictEqual(outcome.state, { origin: next, consumed: false })
      if (outcome._tag === "Mismatch") {
        assert.deepStrictEqual(outcome.state, { ...done, stopped: outcome.reason })
        assert.strictEqual(
          outcome.reason,
          `provided next L1 block ${next.hash}:5 does not build on last processed L1 block ${done.origin.hash}:4`
        )
      }
    })
  }

  it("goes on after it is exhausted, or started anew", () => {
    assert.deepStrictEqual(Derivation.exhaust(busy), done)
    assert.strictEqual(Derivation.provide(Derivation.start(l1(4)), l1(5))._tag, "Accepted")
  })
})
