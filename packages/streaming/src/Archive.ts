/**
 * Where a relay puts the commits that leave its history, for good: consecutive segments that never change. A port;
 * `NodeArchive` keeps them as files of a directory.
 */
import { blake2b256, type CommittedSubDag, DagCommittee, type Hash, Json } from "@ephor/types"
import type { Effect } from "effect"
import type { ObserverError } from "./ObserverError.ts"

/** Limits of an archive. */
export interface ArchiveLimits {
  /** Commits of one segment, at most 65 536. Default 4096. */
  readonly segmentCommits: number
  /** Bytes of commits in one segment, but for a single commit that has more. Default 32 MiB. */
  readonly segmentBytes: number
  /** Indexes of segments kept in memory, those that were read last. Default 64. */
  readonly indexedSegments: number
  /** Bytes of commits kept in memory that were read last, or are read ahead. Default 16 MiB. */
  readonly cachedBytes: number
}

/** Commits that one segment may have, whoever has made it: what its index takes in memory is bounded by it. */
export const maxSegmentCommits = 65_536

/** Documented defaults. */
export const defaults: ArchiveLimits = {
  segmentCommits: 4096,
  segmentBytes: 32 * 1024 * 1024,
  indexedSegments: 64,
  cachedBytes: 16 * 1024 * 1024
}

/** A certified commit by its name. */
export interface Certified {
  readonly index: number
  readonly digest: Hash
}

/** What an archive holds, without a gap. */
export interface Range {
  /** Index of the first commit. */
  readonly first: number
  /** The last commit. */
  readonly last: Certified
}

/** Consecutive certified commits. */
export interface Segment {
  /** The commit before the first one. */
  readonly after: Certified
  /** The commits as they are on the wire (`Messages.encodeCommit`), at least one. */
  readonly commits: ReadonlyArray<Uint8Array>
  /** Digest of the last one. */
  readonly lastDigest: Hash
}

/** Shape of an archive. One writer at a time. */
export interface Service {
  readonly limits: ArchiveLimits
  /** What is held; nothing while it is empty. */
  readonly range: () => Range | undefined
  /** Adds the commits behind the last one. When this returns they are there for good; if it fails nothing has changed. */
  readonly append: (segment: Segment) => Effect.Effect<void, ObserverError>
  /**
   * Commits `index + 1`, `index + 2`, ... without a gap, at most `limit`, and about `maxBytes`; none if the next one is
   * not held. Fails rather than hand over what does not agree with its checksum.
   */
  readonly read: (
    index: number,
    limit: number,
    maxBytes: number
  ) => Effect.Effect<ReadonlyArray<CommittedSubDag>, ObserverError>
}

/** Names a committee: whose commits an archive, or a cursor, is about. */
export const committeeId = (committee: DagCommittee): Hash =>
  blake2b256(new TextEncoder().encode(Json.stringify(DagCommittee)(committee)))
