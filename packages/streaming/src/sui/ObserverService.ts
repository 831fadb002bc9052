/**
 * Sui's `ObserverService` as functions: what a publisher of that wire offers. Blocks and commits are those of the
 * observer protocol; an observer does not say start and stop, it calls and hangs up.
 */
import type { DagBlockRef, DagCommittee } from "@ephor/types"
import type { Effect, Stream } from "effect"
import type { BlockStreamResponse } from "../Messages.ts"
import type { Deliver } from "../ObserverApi.ts"
import type { ObserverError } from "../ObserverError.ts"

/** What a publisher of the wire is told. */
export interface Options {
  /** Whose votes certify commits: none is told without a quorum of them. */
  readonly committee: DagCommittee
  /** Commits of a window, which ends with what certifies its last one. Default 100. */
  readonly windowCommits: number
  /** Bytes of the blocks in a window, but for a single commit that has more: what a subscriber costs. Default 16 MiB. */
  readonly windowBytes: number
  /** Commits behind a window in which votes for it are looked for. Default 512. */
  readonly searchCommits: number
  /** Bytes of windows kept so that subscribers share them. Default 64 MiB. */
  readonly sharedBytes: number
  /** Blocks that one `FetchBlocks` may ask for, and that it answers, ancestors included. Default 1000. */
  readonly maxFetchBlocks: number
}

/** Documented defaults. */
export const defaults: Omit<Options, "committee"> = {
  windowCommits: 100,
  windowBytes: 16 * 1024 * 1024,
  searchCommits: 512,
  sharedBytes: 64 * 1024 * 1024,
  maxFetchBlocks: 1000
}

/** A commit as the wire has it. */
export interface WireCommit {
  readonly index: number
  /** Its BCS. */
  readonly bytes: Uint8Array
  readonly blocks: ReadonlyArray<Uint8Array>
}

/** Commits that follow each other; the last part of a window tells the blocks whose votes certify its last commit. */
export interface Part {
  readonly commits: ReadonlyArray<WireCommit>
  readonly certifiers: ReadonlyArray<Uint8Array>
}

/** Which blocks are wanted. */
export interface Wanted {
  readonly refs: ReadonlyArray<DagBlockRef>
  /** Whether their ancestors above these rounds are wanted, too, as many as an answer holds. */
  readonly ancestors: boolean
  readonly afterRounds: ReadonlyArray<number>
}

/** Shape of the service. */
export interface Service {
  /** Blocks above the given rounds, one for each author, then new ones. Never ends by itself, and tells nothing without blocks. */
  readonly streamBlocks: (
    rounds: ReadonlyArray<number>,
    deliver?: Deliver<BlockStreamResponse>
  ) => Stream.Stream<BlockStreamResponse, ObserverError>
  /** Certified commits from an index on, without a gap; ends where none is certified yet. */
  readonly streamCommits: (start: number) => Stream.Stream<Part, ObserverError>
  /** Blocks by reference: those that are held, in no particular order, in chunks. */
  readonly fetchBlocks: (wanted: Wanted) => Stream.Stream<ReadonlyArray<Uint8Array>, ObserverError>
  /** Certified commits of a range, at most a window. */
  readonly fetchCommits: (start: number, end: number) => Effect.Effect<Part, ObserverError>
}
