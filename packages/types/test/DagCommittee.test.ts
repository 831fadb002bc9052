import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  DagCommittee,
  dagGenesis,
  hasQuorum,
  quorumStake,
  stakeOf,
  toHex,
  totalStake,
  validityStake
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const committeeOf = (stakes: ReadonlyArray<number>, epoch = 0): DagCommittee => ({
  epoch,
  authorities: stakes.map((stake, i) => ({ stake, publicKey: `0x${i.toString(16).padStart(64, "0")}` }))
})

describe("stake", () => {
  const rows: ReadonlyArray<readonly [ReadonlyArray<number>, number, number, number]> = [
    [[10_000], 10_000, 6667, 3334],
    [[1, 1, 1, 1], 4, 3, 2],
    [[1, 2, 3, 4, 5, 6, 7, 8, 9], 45, 31, 15],
    [[1], 1, 1, 1]
  ]
  for (const [stakes, total, quorum, validity] of rows) {
    it(`of ${total} in ${stakes.length}: quorum ${quorum}, validity ${validity}`, () => {
      const committee = committeeOf(stakes)
      assert.deepStrictEqual(
        [totalStake(committee), quorumStake(committee), validityStake(committee)],
        [total, quorum, validity]
      )
    })
  }

  it("counts a member once, and strangers not at all", () => {
    const committee = committeeOf([1, 1, 1, 1])
    assert.strictEqual(stakeOf(committee, [0, 0, 0, 9]), 1)
    assert.isFalse(hasQuorum(committee, [0, 1, 1]))
    assert.isTrue(hasQuorum(committee, [0, 1, 2]))
  })

  it("a committee without stake is not one", () => {
    const is = Schema.is(DagCommittee)
    assert.isTrue(is(committeeOf([1])))
    assert.isFalse(is(committeeOf([])))
    assert.isFalse(is(committeeOf([0, 0])))
    assert.isFalse(is(committeeOf([Number.MAX_SAFE_INTEGER, 1])))
  })
})

describe("genesis", () => {
  it("has an empty block per member with the digests of the reference", () => {
    const expected = vectors("streaming/observer").genesis_v2_epoch0_ts0
    dagGenesis(committeeOf([1, 1, 1, 1])).forEach(({ bytes, ref }, author) => {
      assert.strictEqual(toHex(bytes), `0x${expected[author].signed_block_hex}`)
      assert.deepStrictEqual(ref, { round: 0, author, digest: `0x${expected[author].digest}` })
    })
  })

  it("differs by epoch, time and version", () => {
    const committee = committeeOf([1])
    const digests = [
      dagGenesis(committee),
      dagGenesis(committeeOf([1], 1)),
      dagGenesis(committee, { timestampMs: 1 }),
      dagGenesis(committee, { version: "V1" })
    ].map(([first]) => first!.ref.digest)
    assert.strictEqual(new Set(digests).size, 4)
  })
})
