import { assert, describe, it } from "@effect/vitest"
import {
  BackedCandidate,
  blake2b256,
  candidateHash,
  collatorSignaturePayload,
  commitmentsHash,
  fromHex,
  Header,
  headDataHash,
  headerHash,
  InherentData,
  Json,
  Scale,
  SignedAvailabilityBitfield,
  toHex,
  toPlain
} from "@ephor/types"
import { vectors } from "./support/vectors.ts"

const { blocks } = vectors("polkadot/12-real-chain")

for (const block of blocks) {
  describe(`Polkadot block ${block.number}`, () => {
    const bytes = fromHex(block.inherent_scale)
    const inherent = Scale.decode(InherentData)(bytes)

    it("encodes to the same bytes", () => {
      assert.strictEqual(bytes.length, block.inherent_len)
      assert.strictEqual(blake2b256(bytes), block.inherent_blake2_256)
      assert.strictEqual(toHex(Scale.encode(InherentData)(inherent)), block.inherent_scale)
      assert.strictEqual(toHex(Scale.encode(Header)(inherent.parentHeader)), block.parent_header_scale)
    })

    it("survives JSON text", () => {
      assert.deepStrictEqual(Json.parse(InherentData)(Json.stringify(InherentData)(inherent)), inherent)
    })

    it("has the numbers of the chain", () => {
      assert.strictEqual(inherent.bitfields.length, block.bitfields)
      assert.strictEqual(inherent.backedCandidates.length, block.backed)
      assert.strictEqual(inherent.disputes.length, block.disputes)
      assert.strictEqual(inherent.parentHeader.number, block.parent_number)
      assert.strictEqual(headerHash(inherent.parentHeader), block.parent_hash)
      block.first_bitfields.forEach(({ scale, ...json }: any, i: number) => {
        assert.deepStrictEqual(Json.encode(SignedAvailabilityBitfield)(inherent.bitfields[i]!), json)
        assert.strictEqual(toHex(Scale.encode(SignedAvailabilityBitfield)(inherent.bitfields[i]!)), scale)
      })
    })

    it("has candidates with the names, hashes and collator payloads of the chain", () => {
      inherent.backedCandidates.forEach((backed, i) => {
        const { candidate, validatorIndices, validityVotes } = backed
        const expected = block.candidates[i]
        const { commitments, descriptor } = candidate
        assert.strictEqual(toHex(Scale.encode(BackedCandidate)(backed)), expected.scale)
        assert.strictEqual(candidateHash(toPlain(candidate)), expected.candidate_hash)
        assert.strictEqual(commitmentsHash(commitments), expected.commitments_hash)
        assert.strictEqual(headDataHash(commitments.headData), descriptor.paraHead)
        assert.strictEqual(validatorIndices, expected.validator_indices)
        assert.deepStrictEqual(
          validityVotes.map(({ _tag }) => _tag),
          expected.votes
        )
        if (descriptor._tag === "V2") return assert.isUndefined(expected.collator_payload)
        assert.strictEqual(toHex(collatorSignaturePayload(descriptor)), expected.collator_payload)
        assert.strictEqual(descriptor.collator, expected.collator)
        assert.strictEqual(descriptor.signature, expected.collator_signature)
      })
    })
  })
}
