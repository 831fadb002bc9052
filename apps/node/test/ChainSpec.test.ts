/** Who validates in development committees. */
import { assert, describe, it } from "@effect/vitest"
import * as ChainSpec from "../src/ChainSpec.ts"

describe("ChainSpec.committee", () => {
  it("is the committee of a development chain for four validators, one of them malicious", () => {
    const { groups, validators } = ChainSpec.development({ chainId: "1", genesisTime: 0 })
    assert.deepStrictEqual(ChainSpec.committee({ validators: 4, malicious: 1 }), {
      validators,
      groups,
      faultyValidators: [3]
    })
  })
  it("puts the malicious into a group of their own, and gives everybody another key", () => {
    const { faultyValidators, groups, validators } = ChainSpec.committee({ validators: 10, malicious: 3 })
    assert.deepStrictEqual(groups, [[0, 1, 2, 3, 4, 5, 6], faultyValidators])
    assert.deepStrictEqual(faultyValidators, [7, 8, 9])
    assert.strictEqual(new Set([...validators, "//Ferdie"]).size, 11)
  })
  it("tolerates fewer malicious validators than a third", () =>
    assert.deepStrictEqual([4, 6, 7, 9, 10].map(ChainSpec.toleratedMalicious), [1, 1, 2, 2, 3]))
})
