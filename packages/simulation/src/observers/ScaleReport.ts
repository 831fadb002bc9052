/** What a run with ten thousand observers is told, and what it tells. */
import type { Hash } from "@ephor/types"
import type { Quantiles } from "./Histogram.ts"

/** Sizes and speeds. Times are milliseconds. */
export interface Options {
  readonly seed: number
  /** Observers below the origin. Default 10 000. */
  readonly observers: number
  /** Children of the origin, and of each relay. Default 22. */
  readonly fanOut: number
  /** Time between rounds; each makes a commit. Default 75. */
  readonly roundMs: number
  /** Bytes of the blocks of a round: 100 authors with 1 KiB each by default. */
  readonly roundBytes: number
  /** Time that verifying the blocks of a round takes. Default 18: a hundred signatures and digests. */
  readonly verifyMs: number
  /** Time that checking a commit by its digests takes. Default 7. */
  readonly digestMs: number
  /** Bytes per millisecond that a node can send. Default 1 Gbit/s. */
  readonly bytesPerMs: number
  /** Random delay on top of that of a link, at most. Default 8. */
  readonly jitterMs: number
  /** From the start of everybody to the steady state. Default 5000. */
  readonly startMs: number
  /** Steady state before the first fault. Default 5000. */
  readonly steadyMs: number
  /** Time given to the orphans of the relay. Default 10 000. */
  readonly killMs: number
  /** How long half of the first level, with all below it, is cut off from everybody else. Default 15 000. */
  readonly partitionMs: number
  /** Time given to them afterwards. Default 25 000. */
  readonly healMs: number
}

/** Documented defaults. */
export const defaults: Options = {
  seed: 1,
  observers: 10_000,
  fanOut: 22,
  roundMs: 75,
  roundBytes: 100 * 1024,
  verifyMs: 18,
  digestMs: 7,
  bytesPerMs: 125_000,
  jitterMs: 8,
  startMs: 5000,
  steadyMs: 5000,
  killMs: 10_000,
  partitionMs: 15_000,
  healMs: 25_000
}

/** What happened in one part of a run. */
export interface Phase {
  readonly name: string
  /** From the moment the origin has a commit until an observer has it. */
  readonly deliveryMs: Quantiles | undefined
  /** The same for each level of the tree, the first below the origin first. */
  readonly levelsMs: ReadonlyArray<Quantiles | undefined>
  /** Until the last one has it, of those that were not left behind: over the commits of this part. */
  readonly everyoneMs: Quantiles | undefined
  /** Living observers that are not cut off, and yet were left behind when this part ended. */
  readonly leftBehind: number
  /** Mean bytes per second over a link in use. */
  readonly bytesPerLinkSecond: number
  /** Commits that the origin had and an observer had not, at most. */
  readonly worstLag: number
  /** Attempts to connect. */
  readonly reconnects: number
  /** The most of them in one second. */
  readonly busiestSecond: number
  /** Sources refused because of their path. */
  readonly refused: number
  /** Changes of mode of all observers. */
  readonly modeChanges: number
}

/** What a run gives. */
export interface Report {
  readonly options: Options
  readonly phases: ReadonlyArray<Phase>
  /** Time from the end of the partition until everybody streams blocks only, without lag; -1 if never. */
  readonly healedAfterMs: number
  /** Commits that the observers with the fewest, and the most, had in the end, and the origin. */
  readonly certified: { readonly least: number; readonly most: number; readonly origin: number }
  /** Levels below the origin. */
  readonly depth: number
  readonly events: number
  /** What must not be: a commit out of order, or somebody who did not come back. */
  readonly violations: ReadonlyArray<string>
  readonly hash: Hash
}
