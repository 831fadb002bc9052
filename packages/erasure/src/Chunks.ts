/**
 * The chunks of available data: one for each validator, each with the proof that it belongs under the erasure root.
 */
import { AvailableData, type ErasureChunk, type Hash, Reader, Scale } from "@ephor/types"
import { Result } from "effect"
import * as ChunkTrie from "./ChunkTrie.ts"
import { codeParams } from "./CodeParams.ts"
import { ErasureError, NotData } from "./ErasureError.ts"
import { defaults, encode, type IndexedChunk, type Limits, reconstruct } from "./ReedSolomon.ts"

/** Available data, coded. */
export interface CodedData {
  /** The erasure root, which the descriptor of a candidate names. */
  readonly root: Hash
  /** A chunk with its proof. Nothing for a number that no chunk has. */
  readonly chunkOf: (index: number) => ErasureChunk | undefined
}

const encodeData = Scale.encode(AvailableData)
const decodeData = Scale.decodeResult(AvailableData)

/** Codes data for so many validators. */
export const ofData = (
  validators: number,
  data: AvailableData,
  limits: Limits = defaults
): Result.Result<CodedData, ErasureError> =>
  Result.gen(function* () {
    const params = yield* codeParams(validators)
    const [first, ...others] = yield* encode(params, encodeData(data), limits)
    const chunks = [first!, ...others] as const
    const trie = ChunkTrie.make(chunks)
    return {
      root: trie.root,
      chunkOf: (index) => {
        const chunk = chunks[index]
        const proof = trie.proofOf(index)
        return chunk === undefined || proof === undefined ? undefined : { chunk, index, proof }
      }
    }
  })

/** The length of what the bytes begin with, if that can be read. */
const lengthOf = (bytes: Uint8Array): number => {
  const reader = new Reader(bytes)
  try {
    Scale.wire(AvailableData).read(reader)
  } catch {
    // Reading once more says what is wrong.
    return bytes.length
  }
  return reader.at
}

/**
 * Puts data together again from chunks, each of which has been proven. That does not mean that all chunks agree: whoever coded them
 * may have lied, and only coding the data anew, and comparing roots, tells.
 */
export const dataOf = (
  validators: number,
  found: ReadonlyArray<IndexedChunk>,
  limits: Limits = defaults
): Result.Result<AvailableData, ErasureError> =>
  Result.gen(function* () {
    const bytes = yield* reconstruct(yield* codeParams(validators), found, limits)
    return yield* Result.mapError(
      decodeData(bytes.subarray(0, lengthOf(bytes))),
      ({ message }) => new ErasureError({ reason: new NotData({ why: message }) })
    )
  })
