import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { DependencySet } from "../src/index.ts"

const read = (dependencies: object) => Schema.decodeUnknownSync(DependencySet.DependencySet)({ dependencies })

describe("chain ids as keys", () => {
  it("are read in decimal and in hex, as Go programs write them", () =>
    assert.deepStrictEqual(
      Object.keys(read({ "0x385": { chainIndex: "901" }, "902": {}, "0X387": {} }).dependencies),
      ["901", "902", "903"]
    ))
  it("are refused where they are none, or come twice", () => {
    for (const keys of [{ abc: {} }, { "0x": {} }, { "0901": {} }, { "0x385": {}, "901": {} }])
      assert.throws(() => read(keys))
  })
})
