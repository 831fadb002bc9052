import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import {
  blake2b256,
  candidateHash,
  CandidateDescriptor,
  type CandidateDescriptorV1,
  CandidateReceipt,
  collatorSignaturePayload,
  CommittedCandidateReceipt,
  commitmentsHash,
  descriptorVersion,
  ErasureChunk,
  fromHex,
  headDataHash,
  Json,
  povHash,
  Scale,
  seedCollatorSignaturePayload,
  toHex,
  toPlain,
  validationCodeHash
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const file = vectors("polkadot/02-candidates")
const named = (name: string) => file.vectors.find((vector: any) => vector.name === name)
const descriptor = (name: string) => Scale.decode(CandidateDescriptor)(fromHex(named(name).scale))

describe("CandidateDescriptor", () => {
  for (const { expect, name, why } of file.version_detection) {
    it(`${name} is ${expect}${why === undefined ? "" : `: ${why}`}`, () => {
      const value = descriptor(name)
      assert.strictEqual(value._tag, expect)
      assert.strictEqual(descriptorVersion(value), expect)
      assert.strictEqual(toHex(Scale.encode(CandidateDescriptor)(value)), named(name).scale)
    })
  }

  it("keeps a version it does not know, and says so", () => {
    const bytes = fromHex(named("descriptor v2").scale)
    bytes[36] = 9
    const value = Scale.decode(CandidateDescriptor)(bytes)
    assert.strictEqual(descriptorVersion(value), "Unknown")
    assert.deepStrictEqual(Scale.encode(CandidateDescriptor)(value), bytes)
  })

  it("a single reserved byte that is not zero makes it V1, and the bytes stay", () => {
    for (const at of [43, 67, 164, 227]) {
      const bytes = fromHex(named("descriptor v2").scale)
      bytes[at] = 1
      const value = Scale.decode(CandidateDescriptor)(bytes)
      assert.strictEqual(value._tag, "V1", `byte ${at}`)
      assert.deepStrictEqual(Scale.encode(CandidateDescriptor)(value), bytes)
    }
  })

  it("bytes around the reserved ones do not matter", () => {
    for (const at of [42, 68, 163, 228]) {
      const bytes = fromHex(named("descriptor v2").scale)
      bytes[at] = 1
      assert.strictEqual(Scale.decode(CandidateDescriptor)(bytes)._tag, "V2", `byte ${at}`)
    }
  })
})

describe("hashes of candidates", () => {
  it("head data and code are hashed raw, a proof of validity by its encoding", () => {
    const { head_data, pov, validation_code } = file.raw_hashes
    assert.strictEqual(headDataHash(fromHex(head_data.raw)), head_data.hash_of_raw)
    assert.strictEqual(validationCodeHash(fromHex(validation_code.raw)), validation_code.hash_of_raw)
    assert.strictEqual(povHash({ blockData: fromHex(pov.raw_block_data) }), pov.hash_of_scale)
  })

  for (const vector of file.vectors.filter((one: any) => one.type === "CommittedCandidateReceipt")) {
    it(`${vector.name}: the name is the hash of the plain receipt, not of the committed one`, () => {
      const committed = Scale.decode(CommittedCandidateReceipt)(fromHex(vector.scale))
      const plain = toPlain(committed)
      assert.strictEqual(plain.commitmentsHash, commitmentsHash(committed.commitments))
      assert.strictEqual(candidateHash(plain), vector.candidate_hash)
      assert.notStrictEqual(
        blake2b256(Scale.encode(CommittedCandidateReceipt)(committed)),
        vector.candidate_hash
      )
    })
  }

  it("the payload of a collator is 132 bytes", () => {
    const [current, seed] = file.collator_signatures
    const two = descriptor("descriptor v1 b") as CandidateDescriptorV1
    assert.strictEqual(toHex(collatorSignaturePayload(two)), current.payload)
    assert.strictEqual(two.signature, current.signature)
    const one = descriptor("descriptor v1") as CandidateDescriptorV1
    assert.strictEqual(
      toHex(seedCollatorSignaturePayload(one.relayParent, one.paraId, one.povHash)),
      seed.payload
    )
  })
})

describe("ErasureChunk", () => {
  const valid = (proof: ReadonlyArray<Uint8Array>) =>
    Schema.is(ErasureChunk)({ chunk: Uint8Array.of(1), index: 0, proof })
  const nodes = (count: number, size: number) => Array.from({ length: count }, () => new Uint8Array(size))

  it("has a proof of 1 to 8 nodes of 1 to 612 bytes, on every way in", () => {
    assert.isTrue(valid(nodes(8, 612)))
    assert.isFalse(valid(nodes(9, 1)))
    assert.isFalse(valid(nodes(1, 613)))
    assert.isFalse(valid(nodes(0, 1)))
    assert.isFalse(valid(nodes(1, 0)))
    for (const proof of [nodes(9, 1), nodes(1, 613), [], nodes(1, 0)]) {
      const chunk = { chunk: new Uint8Array(0), index: 0, proof }
      assert.throws(() => Scale.encode(ErasureChunk)(chunk), /expected 1 to/)
      const json = Json.encode(ErasureChunk)(chunk)
      assert.throws(() => Json.decode(ErasureChunk)(json), /expected 1 to/)
    }
  })
})

describe("errors", () => {
  it("name the way to the culprit and the byte", () => {
    const json = structuredClone(named("receipt v2").value)
    json.descriptor.core_index = 65_536
    assert.throws(
      () => Json.decode(CandidateReceipt)(json),
      /JSON: cannot read descriptor\.core_index: expected an integer from 0 to 65535/
    )
    const bytes = fromHex(named("receipt v2").scale).subarray(0, 300)
    assert.throws(
      () => Scale.decode(CandidateReceipt)(bytes),
      /SCALE: cannot read commitmentsHash at byte 292: expected 32 more bytes, 8 left/
    )
  })
})
