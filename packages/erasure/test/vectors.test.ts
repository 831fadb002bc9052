/** Byte for byte what `reed-solomon-novelpoly` 2.0.0 and `sp-trie` 47.0.0 make; `vectors/README.md` tells how. */
import { assert, describe, it } from "@effect/vitest"
import { blake2b256, concatBytes, fromHex, toHex } from "@ephor/types"
import { Result } from "effect"
import { readFileSync } from "node:fs"
import { ChunkTrie, CodeParams, ReedSolomon } from "@ephor/erasure"
import { payload } from "./support/payload.ts"

interface Vector {
  readonly n: number
  readonly length: number
  readonly codeLength: number
  readonly k: number
  readonly chunkLength: number
  readonly root: `0x${string}`
  readonly hashOfAll: `0x${string}`
  readonly chunks: ReadonlyArray<string> | null
  readonly proofs: ReadonlyArray<{ readonly index: number; readonly nodes: ReadonlyArray<string> }>
}

const vectors: ReadonlyArray<Vector> = readFileSync(
  new URL("vectors/reed-solomon-novelpoly-2.0.0.ndjson", import.meta.url),
  "utf8"
)
  .trimEnd()
  .split("\n")
  .map((line) => JSON.parse(line))

describe("vectors of reed-solomon-novelpoly", () => {
  it("has vectors of every kind", () => {
    assert.isAbove(vectors.length, 200)
    assert.isAbove(vectors.filter(({ chunks }) => chunks !== null).length, 50)
    assert.isAbove(vectors.flatMap(({ proofs }) => proofs).length, 50)
  })

  for (const n of new Set(vectors.map((vector) => vector.n))) {
    const cases = vectors.filter((vector) => vector.n === n)
    it(`codes for ${n} validators`, () => {
      for (const vector of cases) {
        const params = Result.getOrThrow(CodeParams.codeParams(n))
        assert.deepStrictEqual(params, { chunks: n, systematic: vector.k, length: vector.codeLength })
        assert.strictEqual(CodeParams.chunkBytes(params, vector.length), vector.chunkLength)
        const chunks = Result.getOrThrow(ReedSolomon.encode(params, payload(vector.length)))
        if (vector.chunks !== null) {
          assert.deepStrictEqual(
            chunks.map((chunk) => toHex(chunk)),
            vector.chunks.map((hex) => `0x${hex}` as const)
          )
        }
        assert.strictEqual(blake2b256(concatBytes(...chunks)), vector.hashOfAll)
        const trie = ChunkTrie.make(chunks as [Uint8Array, ...Array<Uint8Array>])
        assert.strictEqual(trie.root, vector.root)
        for (const { index, nodes } of vector.proofs) {
          const proof = nodes.map((hex) => fromHex(`0x${hex}`))
          assert.deepStrictEqual(trie.proofOf(index), proof)
          assert.isTrue(ChunkTrie.isProven(vector.root, { chunk: chunks[index]!, index, proof }))
        }
      }
    })
  }
})
