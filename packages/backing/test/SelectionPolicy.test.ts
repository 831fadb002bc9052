import { assert, describe, it } from "@effect/vitest"
import { SelectionPolicy } from "@ephor/backing"

describe("SelectionPolicy", () => {
  it("first: takes what comes", () => {
    assert.isTrue(SelectionPolicy.takesNow(SelectionPolicy.first, 0))
  })

  it("delay: the first after the delay, or the last before twice the delay", () => {
    const policy = { _tag: "Delay", delayMs: 1000 } as const
    assert.deepStrictEqual(
      [0, 999, 1000, 2500].map((ms) => SelectionPolicy.takesNow(policy, ms)),
      [false, false, true, true]
    )
    assert.strictEqual(SelectionPolicy.deadlineMs(policy), 2000)
    assert.strictEqual(SelectionPolicy.atDeadline(policy, ["a", "b"], 0), "b")
    assert.isUndefined(SelectionPolicy.atDeadline(policy, [], 0))
  })

  it("window: a random one", () => {
    const policy = { _tag: "Window", windowMs: 500 } as const
    assert.deepStrictEqual(
      [0, 499, 500].map((ms) => SelectionPolicy.takesNow(policy, ms)),
      [false, false, true]
    )
    assert.deepStrictEqual(
      [0, 1, 2, 3].map((random) => SelectionPolicy.atDeadline(policy, ["a", "b", "c"], random)),
      ["a", "b", "c", "a"]
    )
    assert.isUndefined(SelectionPolicy.atDeadline(policy, [], 5))
  })
})
