import { assert, describe, it } from "@effect/vitest"
import { Result, Schema } from "effect"
import { Json, SuperRootResponse, SyncStatus } from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const decode = Json.decodeResult(SyncStatus)
const file = vectors("op/safety_and_revision")

describe("JSON of a sync status", () => {
  const { json } = file.supervisorSyncStatus
  const status = Result.getOrThrow(decode(json))
  const refused = (change: (json: any) => void): string => {
    const damaged = structuredClone(json)
    change(damaged)
    const result = decode(damaged)
    assert.isTrue(Result.isFailure(result))
    return Result.isFailure(result) ? result.failure.message : ""
  }

  it("is read and printed as supervisors print it", () => {
    assert.isTrue(Schema.is(SyncStatus)(status))
    assert.strictEqual(status.chains["1"]!.safe.number, 70)
    assert.deepStrictEqual<unknown>(Json.encode(SyncStatus)(status), json)
    assert.deepStrictEqual(Result.getOrThrow(decode({ ...json, more: 1 })), status)
  })

  it("chain ids are decimal inside, whatever the peer prints, and are not repeated", () => {
    const { "1": one } = json.chains
    const hex = Result.getOrThrow(decode({ ...json, chains: { "0x385": one } }))
    assert.deepStrictEqual(Object.keys(hex.chains), ["901"])
    assert.match(
      refused((damaged) => (damaged.chains["0x1"] = one)),
      /chains.0x1: expected each key once/
    )
    assert.match(
      refused((damaged) => (damaged.chains.one = one)),
      /chains.one: expected an integer/
    )
  })

  it("names the way to what is wrong", () => {
    assert.match(
      refused((damaged) => (damaged.chains["1"].safe.number = -1)),
      /chains.1.safe.number: /
    )
    assert.match(
      refused((damaged) => delete damaged.safeTimestamp),
      /safeTimestamp: expected the key/
    )
    assert.match(
      refused((damaged) => (damaged.chains = [])),
      /chains: expected an object/
    )
    assert.isTrue(Result.isFailure(decode(null)))
  })
})

describe("JSON of a super root", () => {
  it("is read and printed as supervisors print it, key by key", () => {
    const { json } = file.superRootResponse
    const response = Json.decode(SuperRootResponse)(json)
    assert.strictEqual(response.timestamp, 7000)
    assert.strictEqual(response.chains[0]!.chainId, "11")
    assert.strictEqual(Json.stringify(SuperRootResponse)(response), JSON.stringify(json))
  })
})
