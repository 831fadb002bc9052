import { assert, describe, it } from "@effect/vitest"
import type { CandidateVotes, Hash } from "@ephor/types"
import { Invariants } from "../src/index.ts"

const hash = (digit: string): Hash => `0x${digit.repeat(64)}`
const id = (number: number) => ({ hash: hash("1"), number })

describe("Invariants", () => {
  it("ladder: no rung above the next one", () => {
    const heads = {
      localUnsafe: id(5),
      crossUnsafe: id(4),
      localSafe: id(3),
      crossSafe: id(2),
      finalized: id(1)
    }
    assert.isUndefined(Invariants.ladder(heads))
    assert.match(Invariants.ladder({ ...heads, crossSafe: id(4) })!, /crossSafe #4 is above localSafe #3/)
  })

  it("finality: grows at its end only", () => {
    const known = new Map([
      [0, hash("0")],
      [1, hash("1")]
    ])
    const found = (finalized: number, now: Hash | undefined) =>
      Invariants.finality(known, { finalized, at: () => now })
    assert.isUndefined(Invariants.finality(new Map(), { finalized: 0, at: () => undefined }))
    assert.isUndefined(found(2, hash("1")))
    assert.match(found(0, hash("0"))!, /went back from #1 to #0/)
    assert.match(found(1, hash("2"))!, /was 0x11111111 and is 0x22222222/)
    assert.match(found(1, undefined)!, /is gone/)
  })

  it("verdict: the truth, and one for all", () => {
    const verdict = (valid: boolean, garbage: boolean, before?: boolean) =>
      Invariants.verdict(hash("a"), valid, { garbage, before })
    assert.isUndefined(verdict(false, true))
    assert.isUndefined(verdict(true, false, true))
    assert.match(verdict(true, true)!, /is garbage and was concluded valid/)
    assert.match(verdict(false, false)!, /is valid and was concluded invalid/)
    assert.match(verdict(false, true, true)!, /both valid and invalid/)
  })

  it("votes: sorted, once a side, and honest validators on one side", () => {
    const votes = (valid: ReadonlyArray<number>, invalid: ReadonlyArray<number>): CandidateVotes =>
      ({
        valid: valid.map((validator) => [{ _tag: "Explicit" }, validator, "0x"]),
        invalid: invalid.map((validator) => [{ _tag: "Explicit" }, validator, "0x"])
        // The receipt plays no part.
      }) as unknown as CandidateVotes
    const honest = (validator: number) => validator !== 3
    assert.isUndefined(Invariants.votes(hash("a"), votes([0, 3], [1, 2, 3]), honest))
    assert.match(
      Invariants.votes(hash("a"), votes([0, 0], []), honest)!,
      /validator 0 is out of order or twice/
    )
    assert.match(Invariants.votes(hash("a"), votes([2], [1, 2]), honest)!, /honest validator 2/)
  })

  it("observer: each commit once, in order, and the final one", () => {
    const next = { index: 4, digest: hash("d") }
    assert.isUndefined(Invariants.observed(3, next, hash("d")))
    assert.isUndefined(Invariants.observed(3, next, undefined))
    assert.match(Invariants.observed(2, next, undefined)!, /commit 4 came after commit 2/)
    assert.match(Invariants.observed(4, next, undefined)!, /commit 4 came after commit 4/)
    assert.match(Invariants.observed(3, next, hash("e"))!, /the final block has 0xeeeeeeee/)
  })

  it("commits: a body that is none", () => {
    const block = { hash: hash("1"), number: 1, parentHash: hash("0"), timestamp: 1 }
    assert.match(
      String(Invariants.commitOf(block, new Uint8Array(), undefined)),
      /body of block #1 is malformed/
    )
  })
})
