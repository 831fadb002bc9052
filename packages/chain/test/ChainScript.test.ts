import { assert, describe, it } from "@effect/vitest"
import * as Script from "@ephor/chain/testing/ChainScript"

describe("ChainScript", () => {
  it("reads branches and actions", () => {
    assert.deepStrictEqual(Script.parse("g-a-b, a-d; finalize b; provide 5x;"), [
      { _tag: "Import", name: "a", parent: "g" },
      { _tag: "Import", name: "b", parent: "a" },
      { _tag: "Import", name: "d", parent: "a" },
      { _tag: "Act", action: "finalize", target: "b" },
      { _tag: "Act", action: "provide", target: "5x" }
    ])
    for (const text of ["a", "a-", "a--b", "finalise b", "finalize", "finalize a b", "a b"]) {
      assert.throws(() => Script.parse(text), /cannot read/)
    }
  })

  it("names hashes", () => {
    for (const name of ["g", "b12", "c'", "L7x"]) assert.strictEqual(Script.name(Script.hash(name)), name)
  })
})
