/**
 * How many chunks data becomes, and how many bring it back: a third of the validators, rounded so that the faulty ones are too few
 * to prevent it. (polkadot-sdk, erasure-coding.)
 */
import { Result } from "effect"
import { ChunkCount, ErasureError } from "./ErasureError.ts"

/** Chunks that a code can have: one for each element of the field. */
export const maxChunks = 65_536

/** The parameters of a code. */
export interface CodeParams {
  /** Chunks that there are, one for each validator. */
  readonly chunks: number
  /** Chunks from the first on that hold the data itself, a power of two: any as many bring all of it back. */
  readonly systematic: number
  /** The next power of two upon `chunks`. */
  readonly length: number
}

/** How many chunks a protocol waits for: one more than validators may be faulty. At least as many as the code needs. */
export const recoveryThreshold = (chunks: number): number => Math.floor(Math.max(chunks - 1, 0) / 3) + 1

/** The code for so many validators. */
export const codeParams = (chunks: number): Result.Result<CodeParams, ErasureError> => {
  if (!Number.isInteger(chunks) || chunks < 2 || chunks > maxChunks) {
    return Result.fail(new ErasureError({ reason: new ChunkCount({ chunks }) }))
  }
  const systematic = 1 << Math.floor(Math.log2(recoveryThreshold(chunks)))
  return Result.succeed({ chunks, systematic, length: 1 << Math.ceil(Math.log2(chunks)) })
}

/** The bytes of each chunk of data of this many bytes. */
export const chunkBytes = ({ systematic }: CodeParams, dataBytes: number): number =>
  2 * Math.ceil(dataBytes / (2 * systematic))
