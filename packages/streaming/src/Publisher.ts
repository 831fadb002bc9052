/**
 * Answers observers from a `BlockSource`. A stream is a cursor and a few flags: what to send is decided when the
 * transport asks for the next response, so a slow subscriber costs nothing but its place.
 */
import { Elapsed, type DagBlockRef } from "@ephor/types"
import { Effect, Layer, Metric, type Scope, Stream } from "effect"
import * as BatchPolicy from "./BatchPolicy.ts"
import { BlockSource, type Service as Source, type SourceBlock, type SourceEvent } from "./BlockSource.ts"
import { blockBytes } from "./FrameCache.ts"
import { Certifiers } from "./publisher/Certifiers.ts"
import { type BlockSession, makeBlockSession } from "./publisher/BlockSession.ts"
import { type CommitSession, makeCommitSession } from "./publisher/CommitSession.ts"
import { drive, Made } from "./publisher/Drive.ts"
import { Feed, SharedResponses } from "./publisher/Feed.ts"
import { type ReleaseOptions, RoundRelease } from "./publisher/RoundRelease.ts"
import { extend, type Path, type Pathed } from "./source/Path.ts"
import type { BlockStreamResponse, CommitStreamResponse } from "./Messages.ts"
import * as Metrics from "./Metrics.ts"
import { ObserverApi, type Service } from "./ObserverApi.ts"
import { InvalidArgument, ObserverError, ResourceExhausted } from "./ObserverError.ts"
import { make as makeSui } from "./sui/Publishing.ts"
import type { Options as SuiOptions } from "./sui/ObserverService.ts"

export { defaultTimeoutMs as defaultReleaseTimeoutMs, type ReleaseOptions } from "./publisher/RoundRelease.ts"
export { defaults as suiDefaults, type Options as SuiOptions } from "./sui/ObserverService.ts"

/** Limits and intervals of a publisher. */
export interface PublisherOptions extends BatchPolicy.BatchLimits {
  /** An idle stream gets an empty response with the highest commit index this often. Default 1000. */
  readonly heartbeatMs: number
  /** Newest blocks that live subscribers read from; one that falls behind goes back to history. Default 4096. */
  readonly ringBlocks: number
  /** Newest signatures of randomness that live subscribers read from; one that is busy with blocks for longer misses some. Default 256. */
  readonly ringAuxiliary: number
  /** Bytes of responses kept so that subscribers share them. Default 64 MiB. */
  readonly sharedBytes: number
  /** Blocks read from the source at a time. Default 2048. */
  readonly pageBlocks: number
  /** Streams of both kinds, over all transports. Default 20 000. */
  readonly maxStreams: number
  /** Commands per second that a stream may send on average. Default 10. */
  readonly commandsPerSecond: number
  /** Commands that a stream may send at once. Default 50. */
  readonly commandBurst: number
  /** Blocks that one `FetchBlocks` may ask for. Default 100. */
  readonly maxFetchBlocks: number
  /**
   * Whether a commit stream that has reached the tip, or finds it quiet, gets the blocks whose votes certify the newest
   * commits. An extension. Default true.
   */
  readonly certifierBlocks: boolean
  /** Name of this publisher in the paths that relays tell; they need it to see loops. Default: none, an origin. */
  readonly identity: string
  /**
   * Holds live blocks back until a round holds a quorum of this committee's stake, or for `timeoutMs` (default 200): then
   * observers seldom wait for ancestors, and hear of blocks a little later. Default: blocks are told as they come.
   */
  readonly release: ReleaseOptions | undefined
  /** Serves Sui's `ObserverService`, too, with commits that this committee has certified. Default: not. */
  readonly sui: (Pick<SuiOptions, "committee"> & Partial<SuiOptions>) | undefined
}

/** Documented defaults. */
export const defaults: PublisherOptions = {
  ...BatchPolicy.defaults,
  heartbeatMs: 1000,
  ringBlocks: 4096,
  ringAuxiliary: 256,
  sharedBytes: 64 * 1024 * 1024,
  pageBlocks: 2048,
  maxStreams: 20_000,
  commandsPerSecond: 10,
  commandBurst: 50,
  maxFetchBlocks: 100,
  certifierBlocks: true,
  identity: "",
  release: undefined,
  sui: undefined
}

/** What the sessions of one publisher share. */
export interface Shared {
  readonly source: Source
  readonly options: PublisherOptions
  readonly feed: Feed
  readonly blocks: SharedResponses<BlockStreamResponse>
  readonly commits: SharedResponses<CommitStreamResponse>
  readonly certifiers: Certifiers
}

const counted = (shared: { streams: number }, where: string, max: number, gauge: Metric.Gauge<number>) =>
  Effect.acquireRelease(
    Effect.suspend(() => {
      if (shared.streams >= max) {
        const why = `${max} streams are open already, the most that this publisher serves`
        return Effect.fail(new ObserverError({ where, reason: new ResourceExhausted({ why }) }))
      }
      shared.streams++
      return Metric.modify(gauge, 1)
    }),
    () => {
      shared.streams--
      return Metric.modify(gauge, -1)
    }
  )

/** As many of the blocks as fit one response; the first always does. */
const fetchBlocks = ({ options, source }: Shared, refs: ReadonlyArray<DagBlockRef>) => {
  const { maxFetchBlocks } = options
  if (refs.length > maxFetchBlocks) {
    const why = `${refs.length} blocks at a time, ${maxFetchBlocks} are the most`
    return Effect.fail(new ObserverError({ where: "FetchBlocks", reason: new InvalidArgument({ why }) }))
  }
  return Effect.map(source.blocksOf(refs), (found) => {
    const count = BatchPolicy.take(found, 0, found.length, ({ bytes }) => blockBytes(bytes), options)
    return found.slice(0, count).map(({ bytes }) => bytes)
  })
}

/** How often, within the time that blocks may wait, it is looked whether they have waited for too long. */
const looksPerTimeout = 4

/** Events whose blocks come when their round is nearly whole, if that is wanted. */
const releasing = (
  { release, ringBlocks }: PublisherOptions,
  events: Stream.Stream<SourceEvent>
): Stream.Stream<SourceEvent> => {
  if (release === undefined) return events
  const rounds = new RoundRelease(release, ringBlocks)
  const told = (blocks: ReadonlyArray<SourceBlock>): ReadonlyArray<SourceEvent> =>
    blocks.length === 0 ? [] : [{ _tag: "Accepted", blocks }]
  const taken = Stream.flatMap(events, (event) =>
    event._tag === "Accepted"
      ? Stream.fromIterableEffect(Effect.map(Elapsed.ms, (nowMs) => told(rounds.take(event.blocks, nowMs))))
      : Stream.succeed(event)
  )
  const late = Effect.map(Elapsed.ms, (nowMs) => told(rounds.expired(nowMs)))
  const looks = Stream.forever(
    Stream.fromIterableEffect(Effect.delay(late, rounds.timeoutMs / looksPerTimeout))
  )
  return Stream.merge(taken, looks, { haltStrategy: "left" })
}

const make = Effect.fnUntraced(function* (given: Partial<PublisherOptions>) {
  const source = yield* BlockSource
  const options = { ...defaults, ...given }
  const events = yield* source.subscribe
  const feed = new Feed(options, yield* source.tip)
  yield* Effect.addFinalizer(() => Effect.sync(() => feed.end("closing")))
  const publish = (event: SourceEvent) => Effect.map(source.tip, (tip) => feed.publish(event, tip))
  yield* Stream.runForEach(releasing(options, events), publish).pipe(
    Effect.ensuring(Effect.sync(() => feed.end("ended"))),
    Effect.forkScoped
  )
  const made = { blocks: new Made(), commits: new Made() }
  const count = Effect.all(
    [
      made.blocks.settle(Metrics.blockResponses),
      made.commits.settle(Metrics.commitResponses),
      Effect.suspend(() => Metric.update(Metrics.auxiliaryMissed, feed.takeMissedAuxiliary()))
    ],
    { discard: true }
  )
  yield* Effect.addFinalizer(() => count)
  // One ticker wakes whoever is due a heartbeat: no timer per subscriber.
  const heartbeats = Effect.map(Elapsed.ms, (nowMs) => feed.wakeDue(nowMs))
  yield* Effect.andThen(count, heartbeats).pipe(
    Effect.delay(options.heartbeatMs / 4),
    Effect.forever,
    Effect.forkScoped
  )
  const shared: Shared = {
    source,
    options,
    feed,
    blocks: new SharedResponses(options.sharedBytes / 2),
    commits: new SharedResponses(options.sharedBytes / 2),
    certifiers: new Certifiers(source)
  }
  const open = { streams: 0 }
  const upstream: Stream.Stream<Path> = source.path ?? Stream.succeed([])
  const enter = (where: string) => counted(open, where, options.maxStreams, Metrics.commitStreams)
  const api: Service & Pathed = {
    path: Stream.map(upstream, (path) => extend(options.identity, path)),
    streamBlocks: (commands, deliver) =>
      Stream.unwrap(
        Effect.as(
          counted(open, "StreamBlocks", options.maxStreams, Metrics.blockStreams),
          drive(shared, { where: "StreamBlocks", made: made.blocks, commands, deliver }, (): BlockSession =>
            makeBlockSession(shared)
          )
        )
      ),
    streamCommits: (commands, deliver) =>
      Stream.unwrap(
        Effect.as(
          enter("StreamCommits"),
          drive(
            shared,
            { where: "StreamCommits", made: made.commits, commands, deliver },
            (): CommitSession => makeCommitSession(shared)
          )
        )
      ),
    fetchBlocks: (refs) => fetchBlocks(shared, refs),
    replayInfo: Effect.sync(() => {
      const { earliestCommitIndex, highestCommitIndex } = feed.tip
      return { earliestCommitIndex, highestCommitIndex }
    })
  }
  if (options.sui === undefined) return api
  return { ...api, sui: makeSui(options.sui, { source, limits: options, enter, ...api }) }
})

/** Serves the observer protocol from a source. Options default to `defaults`. */
export const layer = (
  options: Partial<PublisherOptions> = {}
): Layer.Layer<ObserverApi, never, BlockSource> => Layer.effect(ObserverApi, make(options))

/** The same as an effect, for callers that manage scopes themselves. */
export const makeApi = (
  options: Partial<PublisherOptions> = {}
): Effect.Effect<Service & Pathed, never, BlockSource | Scope.Scope> => make(options)
