import { assert, describe, it } from "@effect/vitest"
import type { ObservedBlock } from "../src/BlockVerifier.ts"
import { Equivocations } from "../src/subscriber/Equivocations.ts"

const block = (author: number, round: number, version: number) =>
  ({ ref: { author, round, digest: `0x${author}-${round}-${version}` } }) as unknown as ObservedBlock

describe("Equivocations", () => {
  it("tells the first block of a place with each further one, once", () => {
    const seen = new Equivocations(3)
    const first = block(1, 5, 0)
    assert.isUndefined(seen.note(first))
    assert.isUndefined(seen.note(first))
    assert.isUndefined(seen.note(block(2, 5, 0)), "another author")
    assert.isUndefined(seen.note(block(1, 6, 0)), "another round")
    assert.strictEqual(seen.note(block(1, 5, 1)), first)
    assert.isUndefined(seen.note(block(1, 5, 1)))
    assert.isFalse(seen.isFull(first.ref))
    assert.strictEqual(seen.note(block(1, 5, 2)), first)
    assert.isTrue(seen.isFull(first.ref))
    assert.isUndefined(seen.note(block(1, 5, 3)), "full")
  })

  it("forgets rounds for good", () => {
    const seen = new Equivocations(3)
    seen.note(block(1, 5, 0))
    seen.note(block(1, 6, 0))
    seen.forget(5)
    assert.isUndefined(seen.note(block(1, 5, 1)))
    assert.isUndefined(seen.note(block(1, 5, 2)), "not even with another one after")
    assert.isDefined(seen.note(block(1, 6, 1)))
  })
})
