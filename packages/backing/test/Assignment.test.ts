import { assert, describe, it } from "@effect/vitest"
import { Assignment, CoreSelection } from "@ephor/backing"
import { type BackedCandidate, type CoreState, withCoreIndex } from "@ephor/types"
import * as World from "./support/world.ts"

const candidate = await World.candidateOf(1n)
const scheduled = (paraId: number, collator: `0x${string}` | null = null): CoreState => ({
  _tag: "Scheduled",
  value: { paraId, collator }
})
const occupied = (availability: string, timeOutAt = 100): CoreState => ({
  _tag: "Occupied",
  value: {
    nextUpOnAvailable: { paraId: 1, collator: null },
    occupiedSince: 1,
    timeOutAt,
    nextUpOnTimeOut: { paraId: 2, collator: null },
    availability,
    groupResponsible: 0,
    candidateHash: World.hashOf(1),
    candidateDescriptor: candidate.candidate.descriptor
  }
})

describe("Assignment", () => {
  const groups = [[0, 1], [2, 3], [4]]
  const rotation = { sessionStartBlock: 10, groupRotationFrequency: 5, now: 16 }

  it("turns the groups over the cores", () => {
    const cores = [scheduled(7), scheduled(8, World.hashOf(3)), { _tag: "Free" } as const]
    assert.deepStrictEqual(Assignment.assignments(cores, { groups, rotation }), [
      { group: 1, core: 0, paraId: 7, members: [2, 3], requiredCollator: null },
      { group: 2, core: 1, paraId: 8, members: [4], requiredCollator: World.hashOf(3) }
    ])
  })

  it("finds the assignment of a validator, if it has any", () => {
    const all = Assignment.assignments([scheduled(7), { _tag: "Free" }, { _tag: "Free" }], {
      groups,
      rotation
    })
    assert.strictEqual(Assignment.assignmentOf(all, 3)?.paraId, 7)
    assert.isUndefined(Assignment.assignmentOf(all, 0))
    assert.deepStrictEqual(
      [0, 4, 9].map((validator) => Assignment.groupOf(groups, validator)),
      [0, 2, undefined]
    )
  })

  it("counts an occupied core with what is next when it becomes available", () => {
    const [found] = Assignment.assignments([occupied("0000")], { groups: [[0]], rotation })
    assert.strictEqual(found?.paraId, 1)
  })
})

describe("CoreSelection", () => {
  const bitfields = [0, 1].map((validatorIndex) => ({ validatorIndex, payload: "1111" }))

  it("frees cores by availability, or by time", () => {
    const cores = [occupied("0010"), occupied("0000"), occupied("0000", 9), scheduled(5)]
    assert.deepStrictEqual(CoreSelection.schedule(cores, bitfields, 8), [1, undefined, undefined, 5])
    assert.deepStrictEqual(CoreSelection.schedule(cores, bitfields, 9), [1, undefined, 2, 5])
    assert.deepStrictEqual(CoreSelection.schedule([{ _tag: "Free" }], bitfields, 9), [undefined])
  })

  const backed = (
    paraId: number,
    core: number,
    newValidationCode: Uint8Array | null = null
  ): BackedCandidate => ({
    candidate: {
      descriptor: { ...candidate.candidate.descriptor, paraId },
      commitments: { ...World.commitmentsOf(1n), newValidationCode }
    },
    validityVotes: [],
    validatorIndices: withCoreIndex("11", core)
  })

  it("takes one candidate per core in the order of cores, and one code upgrade", () => {
    const code = Uint8Array.of(1)
    const available = [backed(3, 4), backed(2, 0, code), backed(1, 2, code), backed(1, 2), backed(1, 2)]
    assert.deepStrictEqual(
      CoreSelection.select([2, undefined, 1, 9, 3], available).map(({ candidate }) => [
        candidate.descriptor.paraId,
        candidate.commitments.newValidationCode
      ]),
      [
        [2, code],
        [1, null],
        [3, null]
      ]
    )
  })

  it("a para with two cores has a candidate for each, that of the group of the core", () => {
    const [first, second] = [backed(1, 0), backed(1, 1)]
    assert.deepStrictEqual(CoreSelection.select([1, 1], [second, first]), [first, second])
    assert.deepStrictEqual(CoreSelection.select([1, 1], [second]), [second])
  })
})
