/**
 * What an archive is held against when all of it is read: that every commit links to the one before by digest and,
 * where there is a committee, that its signatures hold and its votes name these commits.
 */
import type { CommittedSubDag, Hash } from "@ephor/types"
import { Effect, Result } from "effect"
import { type Certified, committeeId } from "../Archive.ts"
import { BlockVerifier, type ObservedBlock } from "../BlockVerifier.ts"
import { CommitDeriver, isFault } from "../CommitDeriver.ts"
import { commitDigest } from "../commits/CommitShape.ts"
import { Misconfigured, ObserverError } from "../ObserverError.ts"
import * as SubscriberConfig from "../SubscriberConfig.ts"

/** What was found. */
export interface Report {
  readonly committee: Hash
  readonly segments: number
  readonly first: number
  /** The last commit, by its digest as it follows from all of them. */
  readonly last: Certified
  readonly blocks: number
  /** Bytes of the files. */
  readonly bytes: number
  /** Blocks whose signatures were checked; nothing without a committee. */
  readonly signatures?: number
  /** The last commit that votes in the archive certify: those for the newest ones come later. Nothing without a committee. */
  readonly certified?: number
}

type Damaged = (path: string, why: string) => Effect.Effect<never, ObserverError>

/** An audit that begins after a commit. */
export const make = Effect.fnUntraced(function* (owner: Hash, after: Certified, damaged: Damaged) {
  const verifier = yield* BlockVerifier
  const { committee } = verifier
  if (committee !== undefined && committeeId(committee) !== owner) {
    const why = `the archive belongs to the committee ${owner}, not to ${committeeId(committee)}: give another committee, or another directory`
    return yield* new ObserverError({ where: "Archive", reason: new Misconfigured({ why }) })
  }
  const { maxUncertifiedCommits } = SubscriberConfig.defaults
  const deriver = new CommitDeriver({ ...SubscriberConfig.defaults, committee, from: after })
  let last = after
  let [segments, blocks, bytes] = [0, 0, 0]

  const open = Effect.fnUntraced(function* (path: string, commit: CommittedSubDag) {
    const opened: Array<ObservedBlock> = []
    for (const one of commit.blocks) {
      const block = verifier.open(one)
      const fault = Result.isFailure(block)
        ? block.failure
        : yield* Effect.flip(verifier.verify(block.success)).pipe(Effect.orElseSucceed(() => undefined))
      if (fault !== undefined) return yield* damaged(path, `commit ${commit.commitIndex}: ${fault.message}`)
      if (Result.isSuccess(block)) opened.push(block.success)
    }
    // Hashes and signatures take their time: others must run meanwhile.
    yield* Effect.yieldNow
    return opened
  })
  return {
    /** A segment says which commit it follows. */
    begin: (path: string, says: Certified): Effect.Effect<void, ObserverError> =>
      says.digest === last.digest
        ? Effect.void
        : damaged(path, `it follows commit ${says.index} with digest ${says.digest}, not ${last.digest}`),
    /** The next commit. */
    commit: Effect.fnUntraced(function* (path: string, commit: CommittedSubDag) {
      const opened = yield* open(path, commit)
      for (const block of opened) deriver.addVotes(block)
      const added = deriver.addCommit(commit, opened)
      if (isFault(added)) return yield* damaged(path, added.why)
      const concluded = deriver.conclude()
      if (isFault(concluded)) return yield* damaged(path, concluded.why)
      deriver.takeReleased()
      if (deriver.held > maxUncertifiedCommits) {
        return yield* damaged(
          path,
          `no votes certify the ${deriver.held} commits after ${deriver.certified.index}`
        )
      }
      last = { index: commit.commitIndex, digest: commitDigest(commit, opened, last.digest) }
      blocks += opened.length
    }),
    /** A segment says with which commit it ends. */
    end: (path: string, index: { readonly lastDigest: Hash; readonly bytes: number }) => {
      segments++
      bytes += index.bytes
      return index.lastDigest === last.digest
        ? Effect.void
        : damaged(path, `its last commit has digest ${last.digest}, not ${index.lastDigest}`)
    },
    report: (): Report => ({
      committee: owner,
      segments,
      first: after.index + 1,
      last,
      blocks,
      bytes,
      ...(committee === undefined ? {} : { signatures: blocks, certified: deriver.certified.index })
    })
  }
})
