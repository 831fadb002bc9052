/**
 * What joins a relay's history to its archive: whether one continues the other, and the segments that commits leave
 * the history in.
 */
import { type CommittedSubDag, type DagCommittee, noCommitDigest } from "@ephor/types"
import { Effect, Metric, Result } from "effect"
import type { Certified, Range, Segment, Service as Archive } from "../Archive.ts"
import { type ObservedBlock, open } from "../BlockVerifier.ts"
import { commitDigest } from "../commits/CommitShape.ts"
import { CommitVotes } from "../commits/CommitVotes.ts"
import { decodeCommit } from "../Messages.ts"
import { Misconfigured, ObserverError, Source } from "../ObserverError.ts"
import * as RelayMetrics from "../RelayMetrics.ts"
import type { Position } from "../SubscriberConfig.ts"

/** An archive, and whose votes tell what belongs there. */
export interface Archiving {
  readonly archive: Archive
  readonly committee: DagCommittee
}

/** Commits of the history. */
export interface Stored {
  /** The first one that is kept. */
  readonly kept: number
  readonly position: Position
  readonly read: (
    index: number,
    limit: number,
    maxBytes: number
  ) => Effect.Effect<ReadonlyArray<CommittedSubDag>, ObserverError>
}

/** Commits in which votes for the one before them are looked for, and their bytes: they come with the next rounds. */
const voteCommits = 64
const voteBytes = 64 * 1024 * 1024

const refuse = (cause: RelayMetrics.ArchiveFault, why: string) =>
  Effect.andThen(
    Metric.update(RelayMetrics.archiveRefused(cause), 1),
    Effect.fail(
      new ObserverError({
        where: "Relay",
        reason: new Misconfigured({ why: `${why}; give another archive directory` })
      })
    )
  )
const failed = (why: string) => new ObserverError({ where: "Relay", reason: new Source({ why }) })

/** The blocks of a commit that was verified when it came. */
const openAll = Effect.fnUntraced(function* (commit: CommittedSubDag) {
  const blocks: Array<ObservedBlock> = []
  for (const bytes of commit.blocks) {
    const block = open(bytes)
    if (Result.isFailure(block)) return yield* failed(`a stored block does not decode: ${block.failure.why}`)
    blocks.push(block.success)
  }
  // Hashing takes its time: observers are served meanwhile.
  yield* Effect.yieldNow
  return blocks
})

/** Adds the votes of blocks. */
const count = (votes: CommitVotes, blocks: ReadonlyArray<ObservedBlock>) => {
  for (const { block } of blocks) votes.add(block.value.author, block.value.commitVotes)
}

/** What honest votes in the next commits say that a commit is. */
const votedDigest = Effect.fnUntraced(function* (
  committee: DagCommittee,
  index: number,
  next: ReadonlyArray<CommittedSubDag>
) {
  const votes = new CommitVotes(committee, 0, index, 0)
  for (const commit of next) {
    count(votes, yield* openAll(commit))
    const digest = votes.honest(index)
    if (digest !== undefined) return digest
  }
  return undefined
})

const otherChain = ({ digest, index }: Certified, what: string) =>
  refuse("foreign", `the archive is of another chain: its commit ${index} is ${digest}, ${what}`)

/** Refuses an archive that the history does not continue. */
export const checkJoin = Effect.fnUntraced(function* (
  { archive, committee }: Archiving,
  { first, last }: Range,
  { kept, position, read }: Stored
) {
  if (kept > last.index + 1) {
    const why = `the commits ${last.index + 1} to ${kept - 1} are in neither archive nor history`
    return yield* refuse("hole", why)
  }
  if (first > kept) {
    const why = `the archive begins with commit ${first}, the history already with ${kept}`
    return yield* refuse("foreign", why)
  }
  // What is in both must be the same.
  const both = Math.min(last.index, position.index)
  if (kept <= both) {
    const [mine] = yield* read(both - 1, 1, 1)
    const [theirs] = yield* archive.read(both - 1, 1, 1)
    const same =
      mine?.leader.digest === theirs?.leader.digest && mine?.blocks.length === theirs?.blocks.length
    if (!same)
      return yield* refuse("foreign", `the archive is of another chain: it has another commit ${both}`)
  }
  if (position.index <= last.index) return undefined
  const voted = yield* votedDigest(committee, last.index, yield* read(last.index, voteCommits, voteBytes))
  if (voted === undefined || voted === last.digest) return undefined
  return yield* otherChain(last, `the committee voted for ${voted}`)
})

/** The commit that an archive of a history begins after: known for the first one, told by votes for others. */
const beginning = Effect.fnUntraced(function* (committee: DagCommittee, index: number, read: Stored["read"]) {
  if (index === 0) return { index, digest: noCommitDigest }
  const next = yield* read(index, voteCommits, voteBytes)
  const digest = yield* votedDigest(committee, index, next)
  if (digest !== undefined) return { index, digest }
  return yield* failed(
    `commit ${index}, after which the archive would begin, has no votes in the ${next.length} commits that are kept: keep more (--max-history-commits)`
  )
})

/** Puts the next commits of the history, as they are stored, into the archive: one segment. */
export const archive = Effect.fnUntraced(function* (
  { archive, committee }: Archiving,
  first: number,
  records: ReadonlyArray<Uint8Array>,
  read: Stored["read"]
) {
  const commits: Array<CommittedSubDag> = []
  for (const record of records) {
    const commit = decodeCommit(record)
    if (Result.isFailure(commit))
      return yield* failed(`stored commit ${first + commits.length} does not decode`)
    commits.push(commit.success)
  }
  const after = archive.range()?.last ?? (yield* beginning(committee, first - 1, read))
  const votes = new CommitVotes(committee, commits.length, after.index, 0)
  const digests = [after.digest]
  for (const commit of commits) {
    const blocks = yield* openAll(commit)
    count(votes, blocks)
    digests.push(commitDigest(commit, blocks, digests.at(-1)!))
  }
  for (const [at, digest] of digests.entries()) {
    const voted = votes.honest(after.index + at)
    if (voted !== undefined && voted !== digest) {
      return yield* otherChain({ index: after.index + at, digest }, `the committee voted for ${voted}`)
    }
  }
  const segment: Segment = { after, commits: records, lastDigest: digests.at(-1)! }
  return yield* archive.append(segment)
})
