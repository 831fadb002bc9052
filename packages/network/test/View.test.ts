import { assert, describe, it } from "@effect/vitest"
import { View } from "@ephor/network"

const h = (n: number): `0x${string}` => `0x${`${n}`.repeat(64)}`

describe("View", () => {
  it("keeps the five most recent distinct heads, sorted", () => {
    assert.deepStrictEqual(View.make([h(6), h(2), h(6), h(5), h(1), h(4), h(3)], 9), {
      heads: [h(1), h(2), h(4), h(5), h(6)],
      finalizedNumber: 9
    })
  })

  it("tells what came and what went", () => {
    const [before, after] = [View.make([h(1), h(2)], 1), View.make([h(2), h(3)], 2)]
    assert.deepStrictEqual(View.added(before, after), [h(3)])
    assert.deepStrictEqual(View.removed(before, after), [h(1)])
    assert.isTrue(View.contains(after, h(3)) && !View.contains(after, h(1)))
    assert.isTrue(View.equals(before, View.make([h(2), h(1)], 1)))
    assert.isFalse(View.equals(before, View.make([h(2), h(1)], 2)))
  })

  it("finds what is wrong with a peer's view", () => {
    const heads = [h(1), h(2), h(3), h(4), h(5), h(6)]
    assert.isUndefined(View.violation(View.make(heads, 3)))
    assert.include(View.violation({ heads, finalizedNumber: 3 }), "6 heads")
    assert.include(View.violation({ heads: [h(2), h(1)], finalizedNumber: 3 }), "sorted")
    assert.include(View.violation({ heads: [h(1), h(1)], finalizedNumber: 3 }), "distinct")
    assert.include(View.violation(View.make([], 3), View.make([], 4)), "went back")
  })
})
