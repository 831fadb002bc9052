import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { ChunkTrie } from "@ephor/erasure"
import { payload } from "./support/payload.ts"

const trieOf = (count: number) => {
  const chunks = Array.from({ length: count }, (_, i) => payload(2 * (i + 1)))
  const trie = ChunkTrie.make(chunks as [Uint8Array, ...Array<Uint8Array>])
  return {
    root: trie.root,
    chunkOf: (index: number) => ({ index, chunk: chunks[index]!, proof: trie.proofOf(index)! })
  }
}

describe("ChunkTrie", () => {
  it("proves every chunk, and none for another place", () => {
    for (const count of [1, 2, 15, 16, 17, 40, 300]) {
      const { chunkOf, root } = trieOf(count)
      for (let index = 0; index < count; index++) {
        const chunk = chunkOf(index)
        assert.isTrue(ChunkTrie.isProven(root, chunk))
        assert.isFalse(ChunkTrie.isProven(root, { ...chunk, index: (index + 1) % (count + 1) }))
      }
    }
  })

  it("has no proof for a chunk that there is not", () => {
    const chunks = [payload(2), payload(4)] as const
    const trie = ChunkTrie.make(chunks)
    for (const index of [-1, 2, 0.5, Number.NaN]) assert.isUndefined(trie.proofOf(index))
  })

  const Damage = Schema.Struct({
    count: Schema.Int.check(Schema.isBetween({ minimum: 2, maximum: 100 })),
    at: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
    bit: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 7 }))
  })

  it.prop(
    "refuses a chunk, and a proof, of which one bit is wrong",
    [Damage],
    ([{ at, bit, count }]) => {
      const { chunkOf, root } = trieOf(count)
      const { chunk, index, proof } = chunkOf(at % count)
      const flip = (bytes: Uint8Array) =>
        bytes.map((byte, i) => (i === at % bytes.length ? byte ^ (1 << bit) : byte))
      assert.isFalse(ChunkTrie.isProven(root, { index, chunk: flip(chunk), proof }))
      const node = at % proof.length
      const damaged = proof.map((bytes, i) => (i === node ? flip(bytes) : bytes))
      assert.isFalse(ChunkTrie.isProven(root, { index, chunk, proof: damaged }))
    },
    { arbitrary: { runs: 200 } }
  )

  it("refuses proofs of any other shape", () => {
    const { chunkOf, root } = trieOf(300)
    const { chunk, index, proof } = chunkOf(77)
    const refused = (other: ReadonlyArray<Uint8Array>) =>
      assert.isFalse(ChunkTrie.isProven(root, { chunk, index, proof: other }))
    assert.isAbove(proof.length, 2)
    refused([])
    refused(proof.slice(1))
    refused(proof.slice(0, -1))
    refused(proof.toReversed())
    refused([...proof, proof[0]!])
    refused([proof[0]!, ...proof])
    refused(Array(1000).fill(proof[0]))
    refused([new Uint8Array()])
    refused(chunkOf(78).proof)
    for (const other of [-1, 0.5, 2 ** 32]) assert.isUndefined(ChunkTrie.provenHash(root, other, proof))
  })
})
