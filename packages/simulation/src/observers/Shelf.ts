/**
 * An archive as a relay's disk has it: what was put there is there after every kill.
 */
import { Archive, Messages } from "@ephor/streaming"
import { ObserverError, Source } from "@ephor/streaming/ObserverError"
import type { CommittedSubDag } from "@ephor/types"
import { Effect, Result } from "effect"

/** An archive, and how often commits were read from it. */
export interface Shelf extends Archive.Service {
  readonly reads: () => number
}

const broken = (why: string) => new ObserverError({ where: "Archive", reason: new Source({ why }) })

/** An empty one with small segments. */
export const make = (): Shelf => {
  const limits = { ...Archive.defaults, segmentCommits: 5 }
  const records: Array<Uint8Array> = []
  let range: Archive.Range | undefined
  let reads = 0
  return {
    limits,
    reads: () => reads,
    range: () => range,
    append: ({ after, commits, lastDigest }) =>
      Effect.suspend(() => {
        if (range !== undefined && (range.last.index !== after.index || range.last.digest !== after.digest))
          return Effect.fail(broken(`commit ${after.index} is not where the archive ends`))
        records.push(...commits)
        const last = { index: after.index + commits.length, digest: lastDigest }
        range = { first: range?.first ?? after.index + 1, last }
        return Effect.void
      }),
    read: (index, limit, maxBytes) =>
      Effect.sync(() => {
        const out: Array<CommittedSubDag> = []
        const begin = index + 1 - (range?.first ?? Infinity)
        if (begin < 0 || begin >= records.length) return out
        reads++
        let bytes = 0
        for (const record of records.slice(begin, begin + limit)) {
          if (out.length > 0 && bytes >= maxBytes) break
          bytes += record.length
          out.push(Result.getOrThrow(Messages.decodeCommit(record)))
        }
        return out
      })
  }
}
