/**
 * Windows of certified commits: read from a source, put into BCS with the digest of the commit before each, and cut off
 * behind the last one that a quorum has voted for. The votes are in later commits, or in blocks that no commit has yet.
 */
import {
  type CommittedSubDag,
  type DagBlockRef,
  dagCommitDigest,
  type Hash,
  noCommitDigest,
  openDagBlock
} from "@ephor/types"
import { Effect, Result } from "effect"
import type { Service as Source } from "../BlockSource.ts"
import { commitBytes } from "../FrameCache.ts"
import { ObserverError, OutOfRange, Source as SourceFailed } from "../ObserverError.ts"
import { SharedResponses } from "../publisher/Feed.ts"
import type { Options, Part, WireCommit } from "./ObserverService.ts"
import { Tally, type Voter } from "./Tally.ts"
import * as Wire from "./Wire.ts"

/** Commits read from the source at a time. */
const pageCommits = 20
/** Blocks read from the source at a time, and pages of them in which votes are looked for. */
const pageBlocks = 1024
const pagesOfBlocks = 16
/** Digests of commits behind which windows have ended: where observers go on. */
const keptDigests = 1024

/** A commit taken apart: what its BCS names, and who votes in it. */
interface Opened {
  readonly data: CommittedSubDag
  readonly refs: ReadonlyArray<Voter & { readonly ref: DagBlockRef }>
}

const fail = (reason: ObserverError["reason"]) =>
  Effect.fail(new ObserverError({ where: "ObserverService", reason }))

/** See the head of the file. */
export class Windows {
  readonly #source: Source
  readonly #options: Options
  readonly #opened = new WeakMap<CommittedSubDag, Opened>()
  readonly #voters = new WeakMap<Uint8Array, Voter>()
  readonly #digests = new Map<number, Hash>([[0, noCommitDigest]])
  readonly #shared: SharedResponses<Part>

  constructor(source: Source, options: Options) {
    this.#source = source
    this.#options = options
    this.#shared = new SharedResponses(options.sharedBytes)
  }

  /** The certified commits from `first` on, up to `last` and within the bounds of a window; none if none is certified. */
  readonly read = Effect.fnUntraced(
    { self: this },
    function* (this: Windows, first: number, last: number): Effect.fn.Return<Part, ObserverError> {
      const { earliestCommitIndex: earliest, highestCommitIndex: highest } = yield* this.#source.tip
      if (first < earliest) return yield* fail(new OutOfRange({ earliest, latest: highest }))
      const key = `${first}:${last}`
      const known = this.#shared.known(key)
      if (known !== undefined) return known
      const { searchCommits, windowBytes, committee } = this.#options
      const tally = new Tally(committee, first - 1, last)
      const held: Array<Opened> = []
      let bytes = 0
      let isFull = false
      let leaderRound = 0
      const end = Math.min(highest, last + searchCommits)
      for (let next = first; next <= end;) {
        const page = yield* this.#source.commitsAfter(next - 1, Math.min(pageCommits, end - next + 1))
        if (page.length === 0) break
        for (const data of page) {
          const opened = yield* this.#open(data, next++)
          for (const voter of opened.refs) tally.add(voter)
          leaderRound = data.leader.round
          bytes += commitBytes(data)
          isFull ||= held.length > 0 && (data.commitIndex > last || bytes > windowBytes)
          if (!isFull) held.push(opened)
        }
        // What is certified to its end will never be longer: it is the same for everybody who asks.
        const part = isFull || next > last ? this.#conclude(first, held, tally) : undefined
        if (part?.commits.length === held.length)
          return this.#shared.get(key, () => ({ response: part, bytes: bytes * 2 }))
        // Votes for a window that is cut short are near it.
        if (isFull && next > first + held.length + searchCommits) return part ?? none
      }
      if (end === highest) yield* this.#countLoose(tally, leaderRound)
      return this.#conclude(first, held, tally) ?? none
    }
  )

  /** Counts the votes in blocks that no commit has yet. */
  readonly #countLoose = Effect.fnUntraced(
    { self: this },
    function* (this: Windows, tally: Tally, round: number) {
      // The leader's round has others that no commit has yet.
      const rounds = this.#options.committee.authorities.map(() => Math.max(0, round - 1))
      let after: DagBlockRef | undefined
      for (let pages = 0; pages < pagesOfBlocks; pages++) {
        const blocks = yield* this.#source.blocksAfter(rounds, { after, limit: pageBlocks })
        for (const { bytes } of blocks) {
          const voter = this.#voters.get(bytes) ?? voterOf(bytes)
          if (voter === undefined) continue
          this.#voters.set(bytes, voter)
          tally.add(voter)
        }
        if (blocks.length < pageBlocks) return
        after = blocks.at(-1)!.ref
      }
    }
  )

  #open(data: CommittedSubDag, index: number): Effect.Effect<Opened, ObserverError> {
    const known = this.#opened.get(data)
    if (known !== undefined) return Effect.succeed(known)
    if (data.commitIndex !== index)
      return fail(new SourceFailed({ why: `commit ${data.commitIndex} came where commit ${index} belongs` }))
    const refs: Array<Opened["refs"][number]> = []
    for (const bytes of data.blocks) {
      const block = openDagBlock(bytes)
      if (Result.isFailure(block))
        return fail(
          new SourceFailed({ why: `a block of commit ${index} is no block: ${block.failure.message}` })
        )
      const { ref } = block.success
      refs.push({ ref, bytes, author: ref.author, votes: block.success.block.value.commitVotes })
    }
    const opened = { data, refs }
    this.#opened.set(data, opened)
    return Effect.succeed(opened)
  }

  /** The commits up to the last one that a quorum has voted for; nothing if the digest before them is not known. */
  #conclude(first: number, held: ReadonlyArray<Opened>, tally: Tally): Part | undefined {
    let digest = this.#digests.get(first - 1) ?? tally.digestOf(first - 1)
    if (digest === undefined) return undefined
    const commits: Array<WireCommit> = []
    let found: Part = none
    let last: Hash | undefined
    for (const { data, refs } of held) {
      const { commitIndex: index, leader, timestampMs } = data
      const blocks = refs.map(({ ref }) => ref)
      const commit = {
        _tag: "V1" as const,
        value: { index, previousDigest: digest, timestampMs, leader, blocks }
      }
      digest = dagCommitDigest(commit)
      commits.push({ index, bytes: Wire.commit.encode(commit), blocks: data.blocks })
      const certifiers = tally.certifiers(index, digest)
      if (certifiers === undefined) continue
      found = { commits: [...commits], certifiers }
      last = digest
    }
    if (last !== undefined) this.#keep(found.commits.at(-1)!.index, last)
    return found
  }

  #keep(index: number, digest: Hash): void {
    this.#digests.set(index, digest)
    if (this.#digests.size <= keptDigests) return
    // The one before the first commit is asked for by everybody who is new, and needs no votes.
    for (const oldest of this.#digests.keys()) {
      if (oldest === 0) continue
      this.#digests.delete(oldest)
      return
    }
  }
}

const none: Part = { commits: [], certifiers: [] }

const voterOf = (bytes: Uint8Array): Voter | undefined => {
  const opened = openDagBlock(bytes)
  if (Result.isFailure(opened)) return undefined
  const { block, ref } = opened.success
  return { author: ref.author, bytes, votes: block.value.commitVotes }
}
