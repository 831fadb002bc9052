/**
 * The observer protocol: two bidirectional streams are two functions. A publisher implements it, a transport carries
 * it, a subscriber calls it; decorating a layer of it is how one adds logging, faults or fail-over.
 */
import type { DagBlockRef, ReplayInfo } from "@ephor/types"
import { Context, type Effect, type Stream } from "effect"
import type {
  BlockStreamRequest,
  BlockStreamResponse,
  CommitStreamRequest,
  CommitStreamResponse
} from "./Messages.ts"
import type { ObserverError } from "./ObserverError.ts"
import type { Service as SuiService } from "./sui/ObserverService.ts"

/**
 * Takes responses at once, for a transport that would rather not wake the fiber that pulls the stream. What it returns
 * is to be awaited before more is delivered: `Effect.void` if there is nothing to wait for. Responses that are delivered
 * do not come through the stream; the order holds if the transport asks the stream for more only when it has passed on
 * what it was given.
 */
export type Deliver<Response> = (
  responses: readonly [Response, ...Array<Response>]
) => Effect.Effect<void, ObserverError>

/**
 * Shape of the observer protocol. Nothing is answered before a `Start`; a later `Start` repositions; `Stop` is not
 * acknowledged, and responses that were under way may still arrive. The end of the commands is not a `Stop`. Whoever
 * implements it may leave `deliver` aside: then everything comes through the stream.
 */
export interface Service {
  /** Blocks above the given rounds, then new ones as they are accepted. Never ends by itself. */
  readonly streamBlocks: (
    commands: Stream.Stream<BlockStreamRequest>,
    deliver?: Deliver<BlockStreamResponse>
  ) => Stream.Stream<BlockStreamResponse, ObserverError>
  /** Commits after the given index, without a gap, then new ones as they become final. Never ends by itself. */
  readonly streamCommits: (
    commands: Stream.Stream<CommitStreamRequest>,
    deliver?: Deliver<CommitStreamResponse>
  ) => Stream.Stream<CommitStreamResponse, ObserverError>
  /**
   * Blocks by reference: those that are held, in no particular order. An extension: a carrier may lack it, a far
   * publisher may answer `Unimplemented`.
   */
  readonly fetchBlocks?: (
    refs: ReadonlyArray<DagBlockRef>
  ) => Effect.Effect<ReadonlyArray<Uint8Array>, ObserverError>
  /** The commits that can be had. An extension, as `fetchBlocks`. */
  readonly replayInfo?: Effect.Effect<ReplayInfo, ObserverError>
  /** The same blocks and commits for those who speak Sui's `ObserverService`, where a publisher is told to serve it. */
  readonly sui?: SuiService
}

/** A publisher, near or far. */
export class ObserverApi extends Context.Service<ObserverApi, Service>()("@ephor/streaming/ObserverApi") {}
