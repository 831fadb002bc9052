/**
 * Which validator holds which chunk.
 */
import type { CodeParams } from "./CodeParams.ts"

/**
 * The chunk of a validator for the candidate of a core, so that the cores share the systematic chunks out among all validators
 * (RFC 47 of the Polkadot fellowship). Without a core each validator has the chunk of its own number.
 */
export const chunkIndexOf = (
  { chunks, systematic }: CodeParams,
  validatorIndex: number,
  core?: number
): number => (validatorIndex + (core ?? 0) * systematic) % chunks

/** The inverse of `chunkIndexOf`: who holds a chunk. */
export const validatorOf = ({ chunks, systematic }: CodeParams, chunkIndex: number, core?: number): number =>
  (((chunkIndex - (core ?? 0) * systematic) % chunks) + chunks) % chunks
