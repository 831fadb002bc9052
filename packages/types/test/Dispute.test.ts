import { assert, describe, it } from "@effect/vitest"
import { DisputeStatement, disputeStatementPayload, Json, Scale, toHex } from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("polkadot/06-disputes")

describe("disputeStatementPayload", () => {
  for (const {
    candidate_hash,
    name,
    payload,
    payload_len,
    session,
    statement
  } of file.payloads_and_signatures) {
    if (statement === undefined) continue
    it(name, () => {
      const bytes = disputeStatementPayload(Json.decode(DisputeStatement)(statement), candidate_hash, session)
      assert.strictEqual(bytes?.length, payload_len)
      assert.strictEqual(toHex(bytes!), payload)
    })
  }

  const one: `0x${string}` = file.candidate_hash
  const other: `0x${string}` = file.other_candidate_hash
  const approve = (candidates: ReadonlyArray<`0x${string}`>): DisputeStatement => ({
    _tag: "Valid",
    value: { _tag: "ApprovalCheckingMultipleCandidates", value: candidates }
  })

  it("an approval of several candidates is signed over the counted list", () => {
    const bytes = disputeStatementPayload(approve([one, other]), one, 10)
    assert.strictEqual(toHex(bytes!), `0x4150505208${one.slice(2)}${other.slice(2)}0a000000`)
  })

  it("an approval that does not name the candidate has no payload", () => {
    assert.isUndefined(disputeStatementPayload(approve([other]), one, 10))
    assert.isUndefined(disputeStatementPayload(approve([]), one, 10))
  })

  it("explicit votes of the two sides differ in one byte", () => {
    const valid = disputeStatementPayload({ _tag: "Valid", value: { _tag: "Explicit" } }, one, 10)!
    const invalid = disputeStatementPayload({ _tag: "Invalid", value: { _tag: "Explicit" } }, one, 10)!
    assert.deepStrictEqual([valid[4], invalid[4]], [1, 0])
    assert.deepStrictEqual(valid.subarray(5), invalid.subarray(5))
  })

  it("statements encode behind the side and the kind", () => {
    assert.strictEqual(toHex(Scale.encode(DisputeStatement)(approve([]))), "0x000400")
  })
})

describe("negative signature vectors", () => {
  it("the payload of another session is not ours", () => {
    const { payload } = vectors("polkadot/11-signatures-negative").vectors.find(
      (v: any) => v.name === "other session"
    )
    const at = (session: number) =>
      toHex(
        disputeStatementPayload({ _tag: "Valid", value: { _tag: "Explicit" } }, file.candidate_hash, session)!
      )
    assert.notStrictEqual(at(10), payload)
    assert.strictEqual(at(11), payload)
  })
})
