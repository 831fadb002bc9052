/**
 * How far a chain may be finalized before the first block that holds a possibly invalid candidate.
 */
import type { BlockNumber, CandidateHash, DisputeStatus, Hash, SessionIndex } from "@ephor/types"
import { isPossiblyInvalid } from "./DisputeStatus.ts"

/** A block above the base with the candidates that it includes. */
export interface BlockDescription {
  readonly blockHash: Hash
  readonly session: SessionIndex
  readonly candidates: ReadonlyArray<CandidateHash>
}

/** A block by height and hash. */
export interface Target {
  readonly number: BlockNumber
  readonly hash: Hash
}

/** The highest block of `base` and the descriptions above it under which everything is undisputed. */
export const determine = (
  base: Target,
  descriptions: ReadonlyArray<BlockDescription>,
  status: (session: SessionIndex, candidate: CandidateHash) => DisputeStatus | undefined
): Target => {
  let last = base
  for (const { blockHash, candidates, session } of descriptions) {
    const disputed = candidates.some((candidate) => {
      const found = status(session, candidate)
      return found !== undefined && isPossiblyInvalid(found)
    })
    if (disputed) return last
    last = { number: last.number + 1, hash: blockHash }
  }
  return last
}
