import { assert, describe, it } from "@effect/vitest"
import {
  coreForGroup,
  groupForCore,
  GroupRotationInfo,
  Json,
  nextRotationAt,
  pvfCheckPayload,
  PvfCheckStatement,
  toHex
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("polkadot/08-session-runtime")

describe("group rotation", () => {
  for (const row of file.group_rotation) {
    const info = Json.decode(GroupRotationInfo)(row)
    it(`start ${row.session_start_block}, every ${row.group_rotation_frequency}, now ${row.now}`, () => {
      const cores = Array.from({ length: row.n_cores }, (_, i) => i)
      assert.deepStrictEqual(
        cores.map((core) => groupForCore(info, core, row.n_cores)),
        row.group_for_core
      )
      assert.deepStrictEqual(
        cores.map((group) => coreForGroup(info, group, row.n_cores)),
        row.core_for_group
      )
    })
  }

  it("a frequency of 0 never moves", () => {
    const still = { sessionStartBlock: 1, groupRotationFrequency: 0, now: 99 }
    assert.strictEqual(groupForCore(still, 2, 3), 2)
    assert.strictEqual(coreForGroup(still, 2, 3), 2)
    assert.isUndefined(nextRotationAt(still))
  })

  it("the next rotation is the first height at which assignments change", () => {
    const info = { sessionStartBlock: 10, groupRotationFrequency: 5, now: 14 }
    assert.strictEqual(nextRotationAt(info), 15)
    assert.strictEqual(nextRotationAt({ ...info, now: 15 }), 20)
    assert.strictEqual(groupForCore({ ...info, now: 15 }, 0, 4), 1)
  })
})

describe("verdict on validation code", () => {
  it("is signed behind its magic bytes", () => {
    const { value } = file.vectors.find((vector: any) => vector.type === "PvfCheckStatement")
    assert.strictEqual(
      toHex(pvfCheckPayload(Json.decode(PvfCheckStatement)(value))),
      file.signatures[0].payload
    )
  })
})
