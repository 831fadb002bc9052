import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import {
  type Access,
  type CodecFault,
  encodeAccess,
  encodeAccessList,
  ExecutingDescriptor,
  Json,
  parseAccess,
  parseAccessList
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("op/access_list")
const access = ({ blockNumber, chainId, checksum, logIndex, timestamp }: any): Access => ({
  chainId: BigInt(chainId).toString(),
  blockNumber: BigInt(blockNumber),
  timestamp: BigInt(timestamp),
  logIndex: Number(logIndex),
  checksum
})
const faults: { readonly [error: string]: CodecFault } = {
  "expected entry": "Truncated",
  "unexpected entry type": "UnknownVariant",
  "malformed entry": "Malformed"
}

describe("access list", () => {
  it("encodes as the reference does", () => {
    const [single, twice, extended] = file.encode
    assert.deepStrictEqual(encodeAccess(access(single.access)), single.entries)
    assert.deepStrictEqual(encodeAccessList([access(single.access), access(single.access)]), twice.entries)
    assert.deepStrictEqual(encodeAccess(access(extended.access)), extended.entries)
    const { checksum, entries, identifier } = file.workedExample
    assert.deepStrictEqual(encodeAccess(access({ ...identifier, checksum })), entries)
  })

  for (const { access: expected, entries, error, name } of file.parse.cases) {
    it(`${name}: ${error ?? "is read"}`, () => {
      const parsed = parseAccess(entries)
      if (error === undefined) {
        assert.deepStrictEqual(parsed, Result.succeed({ access: access(expected), next: entries.length }))
      } else if (Result.isSuccess(parsed)) assert.fail("was accepted")
      else assert.strictEqual(parsed.failure.fault, faults[error])
    })
  }

  for (const { entries, goError, name } of file.konaDifferences.cases) {
    it(`list with ${name}: ${goError}`, () => {
      const parsed = parseAccessList(entries)
      if (Result.isSuccess(parsed)) assert.fail("was accepted")
      else assert.strictEqual(parsed.failure.fault, faults[goError])
    })
  }

  it("an empty list has no messages; several are read in order", () => {
    assert.deepStrictEqual(parseAccessList([]), Result.succeed([]))
    const [single, twice] = file.encode
    const parsed = Result.getOrThrow(parseAccessList(twice.entries))
    assert.deepStrictEqual(parsed, [access(single.access), access(single.access)])
  })

  it("errors name the entry", () => {
    const [single] = file.encode
    const parsed = parseAccessList([...single.entries, "0x01"])
    if (Result.isSuccess(parsed)) assert.fail("was accepted")
    else assert.match(parsed.failure.message, /AccessList: cannot read \[2\]: expected 32 bytes/)
  })
})

describe("JSON of the executing descriptor", () => {
  const { accepted, goSerialized, konaSerialized } = vectors("op/safety_and_revision").executingDescriptor
  for (const { chainId, json, timeout, timestamp } of accepted) {
    it(`chain ${chainId}, timeout ${timeout}`, () =>
      assert.deepStrictEqual(Json.decode(ExecutingDescriptor)(json), {
        timestamp: BigInt(timestamp),
        ...(chainId === null ? {} : { chainId }),
        ...(timeout === null ? {} : { timeout: BigInt(timeout) })
      }))
  }

  it("is printed as Go prints it and read from either", () => {
    const descriptor = Json.parse(ExecutingDescriptor)(konaSerialized)
    assert.deepStrictEqual(Json.parse(ExecutingDescriptor)(goSerialized), descriptor)
    assert.strictEqual(Json.stringify(ExecutingDescriptor)(descriptor), goSerialized)
  })
})
