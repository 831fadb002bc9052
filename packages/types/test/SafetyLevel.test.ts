import { assert, describe, it } from "@effect/vitest"
import {
  type Heads,
  headKey,
  Json,
  ladderViolation,
  MinimumSafety,
  SafetyLevel,
  SafetyLevelName,
  safetyLevelNames,
  safetyLevelOf
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const { rejected, values } = vectors("op/safety_and_revision").safetyLevels

describe("wire names of safety levels", () => {
  for (const [name, level] of Object.entries<any>(values)) {
    if (level === "Invalid") continue
    it(`${name} is ${level}`, () => {
      assert.strictEqual(safetyLevelOf(name), level)
      assert.strictEqual(safetyLevelNames[level as SafetyLevel], name)
      assert.strictEqual(Json.stringify(MinimumSafety)(level), JSON.stringify(name))
      assert.strictEqual(Json.decode(MinimumSafety)(name), level)
    })
  }

  for (const name of [...rejected, "invalid", "constructor"]) {
    it(`${JSON.stringify(name)} is none`, () => {
      assert.isUndefined(safetyLevelOf(name))
      assert.throws(() => Json.decode(MinimumSafety)(name), /one of unsafe, cross-unsafe/)
    })
  }

  it("there are as many names as levels", () => {
    assert.strictEqual(SafetyLevelName.literals.length, SafetyLevel.literals.length)
    assert.deepStrictEqual(Object.keys(headKey), [...SafetyLevel.literals])
  })
})

describe("ladderViolation", () => {
  const at = (number: number) => ({ hash: `0x${"00".repeat(32)}` as const, number })
  const heads: Heads = {
    localUnsafe: at(9),
    crossUnsafe: at(8),
    localSafe: at(7),
    crossSafe: at(6),
    finalized: at(5)
  }
  it("accepts a ladder, and all rungs at one height", () => {
    assert.isUndefined(ladderViolation(heads))
    const all = Object.fromEntries(Object.keys(heads).map((key) => [key, at(3)])) as unknown as Heads
    assert.isUndefined(ladderViolation(all))
  })
  for (const key of ["crossUnsafe", "localSafe", "crossSafe", "finalized"] as const) {
    it(`names ${key} when it is too high`, () =>
      assert.match(ladderViolation({ ...heads, [key]: at(10) })!, new RegExp(`${key} #10 is above`)))
  }
})
