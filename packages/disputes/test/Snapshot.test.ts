/** Snapshots, and the gossip message from a record and back. */
import { assert, describe, it } from "@effect/vitest"
import { GossipMessage, Snapshot } from "@ephor/disputes"
import { candidateHash, type CandidateVotes, type CommittedCandidateReceipt, toPlain } from "@ephor/types"
import { Result } from "effect"
import * as World from "./support/world.ts"

const signature = (byte: string) => `0x${byte.repeat(64)}` as const
const parent = World.receipt("A").descriptor.relayParent
const votes: Pick<CandidateVotes, "invalid" | "valid"> = {
  valid: [
    [{ _tag: "BackingSeconded", value: parent }, 1, signature("11")],
    [{ _tag: "Explicit" }, 2, signature("22")],
    [{ _tag: "BackingValid", value: parent }, 3, signature("33")]
  ],
  invalid: [[{ _tag: "Explicit" }, 1, signature("44")]]
}

describe("Snapshot", () => {
  it("names each voter once on its side; who contradicts itself is on both", () =>
    assert.deepStrictEqual(Result.getOrThrow(Snapshot.take(7, votes)), {
      pro: [
        [1, 7],
        [2, 7],
        [3, 7]
      ],
      cons: [[1, 7]]
    }))
  it("with an entry twice is none", () => {
    for (const side of ["pro", "cons"] as const) {
      const twice = {
        pro: [[1, 7]],
        cons: [[1, 7]],
        [side]: [
          [1, 7],
          [1, 7]
        ]
      } as never
      const refused = Snapshot.check(twice)
      assert.include(Result.isFailure(refused) ? refused.failure.message : "", `twice among ${side}`)
    }
    // The same index in two sessions is two validators.
    assert.isTrue(
      Result.isSuccess(
        Snapshot.check({
          pro: [
            [1, 7],
            [1, 8]
          ],
          cons: []
        })
      )
    )
  })
})

describe("GossipMessage", () => {
  const candidate: CommittedCandidateReceipt = {
    descriptor: World.receipt("A").descriptor,
    commitments: World.commitments
  }
  const subject = { candidate, blockNumber: 5, session: 7, validatorCount: 4 }
  it("tells of the backers in a record, and is read as it was written", () => {
    const message = GossipMessage.write(subject, votes)!
    assert.strictEqual(message.backingValidators, "0101")
    const read = Result.getOrThrow(GossipMessage.read(message, 4))
    assert.strictEqual(read.candidateHash, candidateHash(toPlain(candidate)))
    assert.deepStrictEqual(
      read.votes.map(({ signature, statement, validatorIndex }) => [
        statement.value._tag,
        validatorIndex,
        signature
      ]),
      [
        ["BackingSeconded", 1, signature("11")],
        ["BackingValid", 3, signature("33")]
      ]
    )
  })
  it("is none without a backer, or with one beyond the session", () => {
    const [, explicit] = votes.valid
    assert.isUndefined(GossipMessage.write(subject, { valid: [explicit!] }))
    assert.isUndefined(GossipMessage.write({ ...subject, validatorCount: 1 }, votes))
  })
})
