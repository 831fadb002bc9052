/**
 * Chunks of segments as they were read last. Whoever reads an archive reads on: the next chunks are read while the one
 * before them is sent, and observers at the same place share both.
 */
import type { CommittedSubDag } from "@ephor/types"
import { Result } from "effect"
import { keepCommit } from "../FrameCache.ts"
import { decodeCommit } from "../Messages.ts"
import * as NodeSegment from "./NodeSegment.ts"

/** Bytes of a chunk, but for a single commit that has more. */
const chunkBytes = 1024 * 1024
/** Chunks that are read ahead. */
const chunksAhead = 4

/** Consecutive commits of one segment. */
interface Chunk {
  readonly first: number
  readonly last: number
  readonly bytes: number
  /** The commits, or what is wrong with them; never rejects. */
  readonly commits: Promise<Result.Result<ReadonlyArray<CommittedSubDag>, string>>
}

const decode = (records: ReadonlyArray<Uint8Array>, first: number): ReadonlyArray<CommittedSubDag> =>
  records.map((bytes, at) => {
    const commit = decodeCommit(bytes)
    if (Result.isFailure(commit)) throw new Error(`commit ${first + at} does not decode`)
    const { commitIndex } = commit.success
    if (commitIndex !== first + at) throw new Error(`commit ${commitIndex} is where ${first + at} belongs`)
    keepCommit(commit.success, bytes)
    return commit.success
  })

/** The last index up to which commits from `from` on fit. */
export const fitting = (
  index: NodeSegment.SegmentIndex,
  from: number,
  last: number,
  maxBytes: number
): number => {
  const end = index.offsets[from - index.first]! + maxBytes
  let to = from
  while (to < last && index.offsets[to + 1 - index.first]! < end) to++
  return to
}

/** Reads commits of one segment, and what they spell; rejects what does not agree with its checksum. */
export const readCommits = async (
  path: string,
  index: NodeSegment.SegmentIndex,
  from: number,
  to: number
): Promise<ReadonlyArray<CommittedSubDag>> =>
  decode(await NodeSegment.readCommits(path, index, from, to), from)

/** See the head of the file. */
export class Chunks {
  readonly #maxBytes: number
  /** By the first commit of each, the ones that were asked for last at the end. */
  readonly #chunks = new Map<number, Chunk>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Commits of a segment from an index on: those of one chunk, at most `limit`, and about `maxBytes`. */
  async read(
    path: string,
    index: NodeSegment.SegmentIndex,
    from: number,
    limit: number,
    maxBytes: number
  ): Promise<ReadonlyArray<CommittedSubDag>> {
    const chunk = this.#at(path, index, from)
    for (let ahead = chunk, i = 0; i < chunksAhead && ahead.last < index.last; i++)
      ahead = this.#at(path, index, ahead.last + 1)
    const commits = await chunk.commits
    if (Result.isFailure(commits)) {
      // It is looked at again when it is asked for again: somebody may have put a copy in its place.
      this.#drop(chunk)
      throw new Error(commits.failure)
    }
    const to = fitting(index, from, Math.min(chunk.last, from + limit - 1), maxBytes)
    return commits.success.slice(from - chunk.first, to + 1 - chunk.first)
  }

  #at(path: string, index: NodeSegment.SegmentIndex, at: number): Chunk {
    let first = index.first
    let last = fitting(index, first, index.last, chunkBytes)
    while (last < at) {
      first = last + 1
      last = fitting(index, first, index.last, chunkBytes)
    }
    const known = this.#chunks.get(first)
    if (known !== undefined) {
      this.#chunks.delete(first)
      this.#chunks.set(first, known)
      return known
    }
    const chunk: Chunk = {
      first,
      last,
      bytes: index.offsets[last + 1 - index.first]! - index.offsets[first - index.first]!,
      commits: readCommits(path, index, first, last).then(Result.succeed, (cause: unknown) =>
        Result.fail(cause instanceof Error ? cause.message : String(cause))
      )
    }
    this.#chunks.set(first, chunk)
    this.#bytes += chunk.bytes
    for (const oldest of this.#chunks.values()) {
      if (this.#bytes <= this.#maxBytes) break
      if (oldest !== chunk) this.#drop(oldest)
    }
    return chunk
  }

  #drop(chunk: Chunk): void {
    if (this.#chunks.get(chunk.first) !== chunk) return
    this.#chunks.delete(chunk.first)
    this.#bytes -= chunk.bytes
  }
}
