/**
 * Commits of Sui's wire put into the form of the first one. What a commit says of itself is not believed, only compared:
 * the subscriber rebuilds it from its blocks. Pure.
 */
import { blake2b256, type CommittedSubDag, type Hash } from "@ephor/types"
import { Result } from "effect"
import type { CommitStreamResponse } from "../Messages.ts"
import * as Wire from "./Wire.ts"

/** Reads the commits of a stream, from an index on. */
export class CommitReading {
  /** Index of the next commit. */
  next: number
  /** Digest of the commit before it, once one has come. */
  #digest: Hash | undefined

  constructor(next: number) {
    this.next = next
  }

  /** The commits of a message, or what is wrong with it. */
  take(message: Wire.StreamCommitsResponse): Result.Result<CommitStreamResponse, string> {
    const { blockCounts, blocks, certifierBlocks } = message
    const counted = blockCounts.reduce((sum, count) => sum + count, 0)
    if (blockCounts.length !== message.commits.length || counted !== blocks.length)
      return Result.fail(
        `${message.commits.length} commits came with ${blockCounts.length} counts of blocks, ${counted} in all, and ${blocks.length} blocks`
      )
    const commits: Array<CommittedSubDag> = []
    let at = 0
    for (const [i, bytes] of message.commits.entries()) {
      const opened = Wire.commit.decode(bytes)
      if (Result.isFailure(opened)) return Result.fail(`a commit is not BCS: ${opened.failure.message}`)
      const { blocks: refs, index, leader, previousDigest, timestampMs } = opened.success.value
      if (index !== this.next) return Result.fail(`commit ${index} came where commit ${this.next} belongs`)
      if (this.#digest !== undefined && previousDigest !== this.#digest)
        return Result.fail(`commit ${index} does not follow from the commit before it`)
      const count = blockCounts[i]!
      if (refs.length !== count)
        return Result.fail(`commit ${index} names ${refs.length} blocks, ${count} came`)
      this.#digest = blake2b256(bytes)
      this.next++
      commits.push({ commitIndex: index, leader, blocks: blocks.slice(at, at + count), timestampMs })
      at += count
    }
    return Result.succeed({
      commits,
      highestCommitIndex: this.next - 1,
      ...(certifierBlocks.length === 0 ? {} : { certifierBlocks })
    })
  }
}
