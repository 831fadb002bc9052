/**
 * An archive in a directory: one file for each segment, written beside its place, flushed, and only then put there. A
 * process that dies at any moment leaves whole segments, and perhaps a draft, which the next one removes. The form of a
 * segment is described in the package's README.
 */
import * as NodeFile from "@ephor/store/NodeFile"
import { type DagCommittee, type Hash } from "@ephor/types"
import { Effect, Metric } from "effect"
import { mkdir, readdir, rm } from "node:fs/promises"
import { join } from "node:path"
import {
  type ArchiveLimits,
  committeeId,
  defaults,
  type Range,
  type Segment,
  type Service
} from "./Archive.ts"
import * as Audit from "./archive/Audit.ts"
import { Chunks, fitting, readCommits } from "./archive/NodeChunks.ts"
import * as NodeSegment from "./archive/NodeSegment.ts"
import type { BlockVerifier } from "./BlockVerifier.ts"
import { Misconfigured, ObserverError, Source } from "./ObserverError.ts"
import * as RelayMetrics from "./RelayMetrics.ts"

export type { Report } from "./archive/Audit.ts"

/** Which archive. */
export interface Options extends Partial<ArchiveLimits> {
  /** Made if it is not there. */
  readonly directory: string
  /** Whose commits these are; an archive of another committee is refused. */
  readonly committee: DagCommittee
}

const textOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause))

/** What is wrong with an archive, counted. */
const refuse = (cause: RelayMetrics.ArchiveFault, reason: ObserverError["reason"]) =>
  Effect.andThen(
    Metric.update(RelayMetrics.archiveRefused(cause), 1),
    Effect.fail(new ObserverError({ where: "Archive", reason }))
  )
const damaged = (path: string, why: string) =>
  refuse(
    "damaged",
    new Source({
      why: `the segment ${path} is damaged: ${why}; put a copy of it in its place (ephor-node archive verify tells more)`
    })
  )
const attempt = <A>(path: string, use: () => Promise<A>) =>
  Effect.catch(Effect.tryPromise({ try: use, catch: textOf }), (why) => damaged(path, why))

/** The segments of a directory by their names, in order and without a gap. */
const list = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<Array<NodeSegment.SegmentRange>, ObserverError> {
  const names = yield* Effect.tryPromise({
    try: () => readdir(directory),
    catch: (cause) =>
      new ObserverError({
        where: "Archive",
        reason: new Misconfigured({ why: `the archive ${directory} cannot be read: ${textOf(cause)}` })
      })
  })
  const segments = names.flatMap((name) => NodeSegment.rangeOf(name) ?? [])
  segments.sort((a, b) => a.first - b.first)
  for (const [at, { first }] of segments.entries()) {
    const before = segments[at - 1]
    if (before === undefined || before.last + 1 === first) continue
    const why =
      before.last + 1 < first
        ? `has a hole: the commits ${before.last + 1} to ${first - 1} are missing; put their segments back`
        : `has commit ${first} twice, in ${NodeSegment.nameOf(before)}, too; remove one of the segments`
    return yield* refuse("hole", new Misconfigured({ why: `the archive ${directory} ${why}` }))
  }
  return segments
})

/** Reads what a segment says about itself, and whether it is this committee's. */
const openSegment = Effect.fnUntraced(function* (
  directory: string,
  segment: NodeSegment.SegmentRange,
  committee: Hash | undefined
) {
  const path = join(directory, NodeSegment.nameOf(segment))
  const index = yield* attempt(path, () => NodeSegment.readIndex(path, segment))
  if (committee === undefined || index.committee === committee) return index
  const why = `the segment ${path} belongs to the committee ${index.committee}, not to ${committee}: give another directory`
  return yield* refuse("foreign", new Misconfigured({ why }))
})

/** Opens an archive, or begins one. */
export const make = Effect.fnUntraced(function* (options: Options): Effect.fn.Return<Service, ObserverError> {
  const { directory } = options
  const limits: ArchiveLimits = { ...defaults, ...options }
  const committee = committeeId(options.committee)
  yield* Effect.tryPromise({
    try: async () => {
      await mkdir(directory, { recursive: true })
      const drafts = (await readdir(directory)).filter(NodeSegment.isDraft)
      await Promise.all(drafts.map((name) => rm(join(directory, name), { force: true })))
    },
    catch: (cause) =>
      new ObserverError({
        where: "Archive",
        reason: new Misconfigured({
          why: `the archive ${directory} cannot be used: ${textOf(cause)}; give another directory`
        })
      })
  })
  const segments = yield* list(directory)
  const indexes = new Map<number, NodeSegment.SegmentIndex>()
  const chunks = new Chunks(limits.cachedBytes)
  let range: Range | undefined
  const told = Effect.suspend(() =>
    range === undefined
      ? Effect.void
      : Metric.update(RelayMetrics.archiveCommits, range.last.index - range.first + 1)
  )
  if (segments.length > 0) {
    // Each segment is looked at when it is read; these two say whose archive it is, and where it goes on.
    const first = yield* openSegment(directory, segments[0]!, committee)
    const last = yield* openSegment(directory, segments.at(-1)!, committee)
    range = { first: first.first, last: { index: last.last, digest: last.lastDigest } }
    yield* told
  }
  const segmentOf = (index: number): NodeSegment.SegmentRange | undefined => {
    let [low, high] = [0, segments.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (segments[middle]!.first <= index) low = middle
      else high = middle - 1
    }
    const found = segments[low]
    return found !== undefined && found.first <= index && index <= found.last ? found : undefined
  }
  const indexOf = Effect.fnUntraced(function* (segment: NodeSegment.SegmentRange) {
    const known = indexes.get(segment.first) ?? (yield* openSegment(directory, segment, committee))
    indexes.delete(segment.first)
    indexes.set(segment.first, known)
    for (const oldest of indexes.keys()) {
      if (indexes.size <= limits.indexedSegments) break
      indexes.delete(oldest)
    }
    return known
  })
  return {
    limits,
    range: () => range,
    append: Effect.fnUntraced(function* (segment: Segment) {
      const { after, commits, lastDigest } = segment
      const added = { first: after.index + 1, last: after.index + commits.length }
      const path = join(directory, NodeSegment.nameOf(added))
      if (range !== undefined && (range.last.index !== after.index || range.last.digest !== after.digest)) {
        const why = `the archive ${directory} ends with commit ${range.last.index} (${range.last.digest}), commit ${added.first} follows another one (${after.digest}): give another directory`
        return yield* refuse("foreign", new Misconfigured({ why }))
      }
      yield* NodeFile.create(path, NodeSegment.encode(segment, committee), { mode: 0o444 }).pipe(
        Effect.mapError(({ exists, message }) => {
          const why = exists ? `${message} (does another relay write to this archive?)` : message
          return new ObserverError({ where: "Archive", reason: new Source({ why }) })
        })
      )
      segments.push(added)
      range = { first: range?.first ?? added.first, last: { index: added.last, digest: lastDigest } }
      yield* Metric.update(RelayMetrics.archiveSegments, 1)
      yield* told
    }, Effect.uninterruptible),
    read: Effect.fnUntraced(function* (index: number, limit: number, maxBytes: number) {
      const from = index + 1
      const segment = segmentOf(from)
      if (segment === undefined || limit < 1) return []
      yield* Metric.update(RelayMetrics.archiveReads, 1)
      const held = yield* indexOf(segment)
      const path = join(directory, NodeSegment.nameOf(segment))
      return yield* attempt(path, () => chunks.read(path, held, from, limit, maxBytes))
    })
  }
})

/** Bytes of commits that are read at a time while an archive is verified. */
const auditBytes = 4 * 1024 * 1024

/**
 * Reads all of an archive: names, checksums, continuity, digests. Where the verifier has a committee, every signature,
 * too, and whether its votes certify the commits. Changes nothing.
 */
export const verify = Effect.fnUntraced(function* (
  directory: string
): Effect.fn.Return<Audit.Report, ObserverError, BlockVerifier> {
  const segments = yield* list(directory)
  const [first] = segments
  if (first === undefined) {
    const why = `the archive ${directory} has no segments (files like ${NodeSegment.nameOf({ first: 1, last: 4096 })})`
    return yield* new ObserverError({ where: "Archive", reason: new Misconfigured({ why }) })
  }
  const { committee: owner, after } = yield* openSegment(directory, first, undefined)
  const audit = yield* Audit.make(owner, after, (path, why) => damaged(path, why))
  for (const segment of segments) {
    const path = join(directory, NodeSegment.nameOf(segment))
    const index = yield* openSegment(directory, segment, owner)
    yield* audit.begin(path, index.after)
    for (let from = index.first; from <= index.last;) {
      const to = fitting(index, from, index.last, auditBytes)
      const commits = yield* attempt(path, () => readCommits(path, index, from, to))
      for (const commit of commits) yield* audit.commit(path, commit)
      from = to + 1
    }
    yield* audit.end(path, index)
  }
  return audit.report()
})
