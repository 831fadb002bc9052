import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Result } from "effect"
import type { BlockId, Hash } from "@ephor/types"
import { Reset } from "../src/index.ts"
import { future, refuse } from "../src/Fault.ts"
import vectors from "./vectors/reset_tracker.json" with { type: "json" }

const hash = (number: number, mark = 0): Hash =>
  `0x${mark.toString(16).padStart(2, "0")}${number.toString(16).padStart(62, "0")}`
const block = (number: number, mark = 0): BlockId => ({ number, hash: hash(number, mark) })

interface Row {
  readonly name: string
  readonly a: number
  readonly z: number
  readonly endNode?: number
  readonly endLocal?: number
  readonly divergence?: number
  readonly expect?: string
  readonly expectNumber?: number
}

describe("Reset.findTarget, vectors", () => {
  ;(vectors.findResetTarget as unknown as ReadonlyArray<Row>).forEach((row, i) => {
    it.effect(`${i + 1}: ${row.name}`, () =>
      Effect.gen(function* () {
        const { a, divergence = Infinity, endLocal = 0, endNode = 0, z } = row
        let asked = 0
        const target = yield* Reset.findTarget({
          anchor: block(a),
          safe: block(z),
          node: (number) => {
            asked++
            return number > endNode
              ? Effect.succeedNone
              : Effect.succeedSome(block(number, number >= divergence ? 1 : 0))
          },
          isLocalSafe: (id) =>
            id.number > endLocal
              ? future("beyond")
              : id.hash === hash(id.number)
                ? Result.void
                : refuse("Conflict", "differs")
        })
        if (row.expect === "preInterop") assert.deepStrictEqual(target, { _tag: "PreInterop" })
        else assert.deepStrictEqual(target, { _tag: "Target", block: block(row.expectNumber!) })
        assert.isAtMost(asked, 2 + Math.ceil(Math.log2(z - a + 1)))
      })
    )
  })
  it.effect("an unexpected answer of the database ends the search", () =>
    Effect.gen(function* () {
      const fault = yield* Reset.findTarget({
        anchor: block(1),
        safe: block(9),
        node: (number) => Effect.succeedSome(block(number, number === 9 ? 1 : 0)),
        isLocalSafe: () => refuse("DataCorruption", "broken")
      }).pipe(Effect.flip)
      assert.strictEqual(fault._tag, "DataCorruption")
    })
  )
})

describe("Reset.findUnsafeHead, vectors", () => {
  vectors.findUnsafeHead.cases.forEach(({ expected, latestUnsafe, localSafe, name, validUntil }, i) => {
    it.effect(`${i + 1}: ${name}`, () =>
      Effect.gen(function* () {
        const found = yield* Reset.findUnsafeHead({
          target: localSafe,
          latest: latestUnsafe,
          floor: 0,
          valid: (number) => Effect.succeed(number <= validUntil ? Option.some(block(number)) : Option.none())
        })
        assert.deepStrictEqual(found, Option.some(block(expected)))
      })
    )
  })
  it.effect("none, if not even the floor is valid", () =>
    Effect.gen(function* () {
      const valid = () => Effect.succeed(Option.none<BlockId>())
      assert.isTrue(Option.isNone(yield* Reset.findUnsafeHead({ target: 10, latest: 12, floor: 8, valid })))
    })
  )
})

describe("Reset.heads", () => {
  it("clamps everything but local-unsafe to the target; unknown finality is the anchor", () => {
    const heads = Reset.heads({
      target: block(10),
      localUnsafe: block(15),
      crossUnsafe: block(14),
      crossSafe: block(9),
      finalized: undefined,
      anchor: block(1)
    })
    assert.deepStrictEqual(heads, {
      localUnsafe: block(15),
      crossUnsafe: block(10),
      localSafe: block(10),
      crossSafe: block(9),
      finalized: block(1)
    })
  })
})
