import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { ChunkMapping, Chunks, ChunkTrie, CodeParams, ReedSolomon } from "@ephor/erasure"
import type { AvailableData, ErasureChunk } from "@ephor/types"
import { payload, someOf } from "./support/payload.ts"

const data: AvailableData = {
  pov: { blockData: payload(5000) },
  validationData: {
    parentHead: payload(72),
    relayParentNumber: 7,
    relayParentStorageRoot: `0x${"05".repeat(32)}`,
    maxPovSize: 5 * 1024 * 1024
  }
}

describe("Chunks", () => {
  it("gives each validator a chunk with a proof, of which a third are enough", () => {
    for (const validators of [2, 4, 7, 10, 100]) {
      const coded = Result.getOrThrow(Chunks.ofData(validators, data))
      const chunks = Array.from({ length: validators }, (_, index): ErasureChunk => coded.chunkOf(index)!)
      for (const chunk of chunks) assert.isTrue(ChunkTrie.isProven(coded.root, chunk))
      const some = someOf(validators, CodeParams.recoveryThreshold(validators), validators)
      assert.deepStrictEqual(
        Result.getOrThrow(
          Chunks.dataOf(
            validators,
            some.map((index) => chunks[index]!)
          )
        ),
        data
      )
      assert.isUndefined(coded.chunkOf(validators))
      assert.isUndefined(coded.chunkOf(-1))
    }
  })

  it("says what is wrong with data that somebody coded to mislead", () => {
    const params = Result.getOrThrow(CodeParams.codeParams(4))
    const found = Result.getOrThrow(ReedSolomon.encode(params, Uint8Array.of(255, 255, 255, 255)))
    const outcome = Chunks.dataOf(
      4,
      found.map((chunk, index) => ({ chunk, index }))
    )
    assert.isTrue(Result.isFailure(outcome) && outcome.failure.reason._tag === "NotData")
  })

  it("refuses a number of validators that no code has", () => {
    for (const validators of [0, 1, 65_537]) assert.isTrue(Result.isFailure(Chunks.ofData(validators, data)))
  })
})

describe("ChunkMapping", () => {
  it("shifts the chunks by as many as are systematic for each core (RFC 47)", () => {
    const params = Result.getOrThrow(CodeParams.codeParams(10))
    const ofCore = (core?: number) =>
      Array.from({ length: 10 }, (_, i) => ChunkMapping.chunkIndexOf(params, i, core))
    assert.deepStrictEqual(ofCore(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert.deepStrictEqual(ofCore(0), ofCore())
    assert.deepStrictEqual(ofCore(1), [4, 5, 6, 7, 8, 9, 0, 1, 2, 3])
    assert.deepStrictEqual(ofCore(3), [2, 3, 4, 5, 6, 7, 8, 9, 0, 1])
    for (const core of [undefined, 0, 1, 7, 1000]) {
      for (let i = 0; i < 10; i++) {
        assert.strictEqual(
          ChunkMapping.validatorOf(params, ChunkMapping.chunkIndexOf(params, i, core), core),
          i
        )
      }
    }
  })
})
