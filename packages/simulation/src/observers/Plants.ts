/**
 * Faults that are planted, so that a run must find them.
 */
import { type Subscriber } from "@ephor/streaming"
import { Stream } from "effect"
import type { Invariant } from "./Judge.ts"
import type * as Node from "./Node.ts"

/** Faults that must be found, each with the invariants that it breaks. */
export const plants = {
  /** A leaf that checks nothing. */
  trusting: ["I2", "I8"],
  /** A leaf that delivers twice. */
  twice: ["I1"],
  /** A leaf that delivers out of order. */
  disorder: ["I1"],
  /** A leaf whose application stops taking commits. */
  idle: ["I9"],
  /** Publishers that do not hear `Stop`. */
  unstoppable: ["I10"],
  /** Relays that keep more than they may. */
  hoarding: ["I7"]
} satisfies Record<string, ReadonlyArray<Invariant>>
/** One of them. */
export type Plant = keyof typeof plants

/** Commits that an idle application takes. */
const idleAfter = 10

/** What a leaf with a planted fault delivers of what it has. */
export const tamper =
  (plant: Plant | undefined) =>
  (commits: Subscriber.Service["commits"]): Subscriber.Service["commits"] => {
    switch (plant) {
      case "twice":
        return Stream.flatMap(commits, (one) =>
          Stream.fromIterable(one.index % 10 === 5 ? [one, one] : [one])
        )
      case "disorder":
        return Stream.flatMap(Stream.grouped(commits, 2), (pair) =>
          Stream.fromIterable([...pair].toReversed())
        )
      case "idle":
        return Stream.concat(Stream.take(commits, idleAfter), Stream.never)
      default:
        return commits
    }
  }

/** A publisher that does not hear `Stop`. */
export const unstoppable = (api: Node.Api): Node.Api => ({
  ...api,
  streamBlocks: (all) => api.streamBlocks(Stream.filter(all, ({ command }) => command?._tag !== "Stop")),
  streamCommits: (all) => api.streamCommits(Stream.filter(all, ({ command }) => command?._tag !== "Stop"))
})
