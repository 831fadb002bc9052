/**
 * The observer protocol: two bidirectional streams are two functions. A publisher implements it, a transport carries
 * it, a subscriber calls it; decorating a layer of it is how one adds logging, faults or fail-over.
 */
import { Context, type Stream } from "effect"
import type {
  BlockStreamRequest,
  BlockStreamResponse,
  CommitStreamRequest,
  CommitStreamResponse
} from "./Messages.ts"
import type { ObserverError } from "./ObserverError.ts"

/**
 * Shape of the observer protocol. Nothing is answered before a `Start`; a later `Start` repositions; `Stop` is not
 * acknowledged, and responses that were under way may still arrive. The end of the commands is not a `Stop`.
 */
export interface Service {
  /** Blocks above the given rounds, then new ones as they are accepted. Never ends by itself. */
  readonly streamBlocks: (
    commands: Stream.Stream<BlockStreamRequest>
  ) => Stream.Stream<BlockStreamResponse, ObserverError>
  /** Commits after the given index, without a gap, then new ones as they become final. Never ends by itself. */
  readonly streamCommits: (
    commands: Stream.Stream<CommitStreamRequest>
  ) => Stream.Stream<CommitStreamResponse, ObserverError>
}

/** A publisher, near or far. */
export class ObserverApi extends Context.Service<ObserverApi, Service>()("@ephor/streaming/ObserverApi") {}
