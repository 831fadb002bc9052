import { assert, describe, it } from "@effect/vitest"
import { GoFlags } from "../src/index.ts"

describe("GoFlags", () => {
  it("takes one dash for two, before long flags only", () =>
    assert.deepStrictEqual(
      GoFlags.normalize(["run", "-log.level=INFO", "-rpc.port", "1", "--x", "-h", "-1", "-", "--", "-long"]),
      ["run", "--log.level=INFO", "--rpc.port", "1", "--x", "-h", "-1", "-", "--", "-long"]
    ))
})
