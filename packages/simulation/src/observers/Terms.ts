/**
 * Under which terms a run is, beside what chance does to it: publishers that know no heartbeat, observers whose window of
 * votes is narrower than they are behind, relays with archives. Each by a part of the seed, so that all combinations come.
 */
import type { Publisher, SubscriberConfig } from "@ephor/streaming"
import * as Node from "./Node.ts"

/** What a run is like. */
export interface Terms {
  /** One of the origins and one of the relays send nothing but news: no heartbeats, and no votes for the newest commits. */
  readonly quiet: boolean
  /** Votes come for commits far beyond those that an observer may hold. */
  readonly early: boolean
  /** Relays keep few commits, and archive the others: a leaf knows nobody else who has them. */
  readonly archived: boolean
}

/** The terms of a seed. */
export const termsOf = (seed: number): Terms => ({
  quiet: seed % 2 === 1,
  early: seed % 3 === 1,
  archived: seed % 4 >= 2
})

/** In words, for traces. */
export const told = ({ archived, early, quiet }: Terms): string =>
  [quiet ? "quiet publishers" : "", early ? "early votes" : "", archived ? "archives" : ""]
    .filter((one) => one !== "")
    .join(", ") || "nothing special"

/** A publisher that says nothing when there is nothing new, as the protocol allows. */
export const silentPublisher: Partial<Publisher.PublisherOptions> = {
  heartbeatMs: 1_000_000_000,
  certifierBlocks: false
}

/** Thresholds of every observer under these terms. */
export const configOf = ({ early }: Terms): SubscriberConfig.Options =>
  early ? { ...Node.config, maxCommitsAhead: 12, maxVotesAhead: 4 } : Node.config

/** Commits that a relay with an archive keeps beside it. */
export const archivedHistory = 12
