import { assert, describe, it } from "@effect/vitest"
import { BitfieldSelection } from "@ephor/backing"
import vectors from "./vectors/polkadot-backing-scenarios.json" with { type: "json" }

interface Scenario {
  readonly name: string
  readonly cores: ReadonlyArray<string>
  readonly bitfields: ReadonlyArray<readonly [number, string]>
  readonly selected: ReadonlyArray<readonly [number, string]>
}

describe("BitfieldSelection", () => {
  for (const scenario of vectors.bitfield_selection as unknown as ReadonlyArray<Scenario>) {
    it(scenario.name, () => {
      const bitfields = scenario.bitfields.map(([validatorIndex, payload]) => ({ validatorIndex, payload }))
      const occupied = scenario.cores.map((core) => core === "occupied")
      assert.deepStrictEqual(
        BitfieldSelection.select(bitfields, occupied).map(({ payload, validatorIndex }) => [
          validatorIndex,
          payload
        ]),
        scenario.selected.map(([index, payload]) => [index, payload])
      )
    })
  }

  it("orders by validator", () => {
    const bitfields = [3, 1, 2].map((validatorIndex) => ({ validatorIndex, payload: "1" }))
    assert.deepStrictEqual(
      BitfieldSelection.select(bitfields, [true]).map(({ validatorIndex }) => validatorIndex),
      [1, 2, 3]
    )
  })

  it("needs two thirds of the validators, recorded or new", () => {
    const from = (...indices: ReadonlyArray<number>) =>
      indices.map((validatorIndex) => ({ validatorIndex, payload: "01" }))
    assert.isFalse(BitfieldSelection.isAvailable(1, "0000", from(0, 1)))
    assert.isTrue(BitfieldSelection.isAvailable(1, "0000", from(0, 1, 2)))
    assert.isTrue(BitfieldSelection.isAvailable(1, "1100", from(0, 2)))
    assert.isFalse(BitfieldSelection.isAvailable(0, "0000", from(0, 1, 2)))
    assert.isTrue(BitfieldSelection.isAvailable(1, "000", from(0, 1)))
  })
})
