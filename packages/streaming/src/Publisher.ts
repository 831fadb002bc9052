/**
 * Answers observers from a `BlockSource`. A stream is a cursor and a few flags: what to send is decided when the
 * transport asks for the next response, so a slow subscriber costs nothing but its place.
 */
import type { DagBlockRef } from "@ephor/types"
import { Cause, Clock, Effect, Layer, Metric, type Pull, type Scope, Stream } from "effect"
import * as BatchPolicy from "./BatchPolicy.ts"
import { BlockSource, type Service as Source } from "./BlockSource.ts"
import { blockBytes } from "./FrameCache.ts"
import { type BlockSession, makeBlockSession } from "./internal/blockSession.ts"
import { type CommitSession, makeCommitSession } from "./internal/commitSession.ts"
import { Feed, SharedResponses, type Waiter } from "./internal/feed.ts"
import { extend, type Path, type Pathed } from "./internal/path.ts"
import type { BlockStreamResponse, CommitStreamResponse } from "./Messages.ts"
import * as Metrics from "./Metrics.ts"
import { ObserverApi, type Service } from "./ObserverApi.ts"
import { InvalidArgument, ObserverError, ResourceExhausted, Unavailable } from "./ObserverError.ts"

/** Limits and intervals of a publisher. */
export interface PublisherOptions extends BatchPolicy.BatchLimits {
  /** An idle stream gets an empty response with the highest commit index this often. Default 1000. */
  readonly heartbeatMs: number
  /** Newest blocks that live subscribers read from; one that falls behind goes back to history. Default 4096. */
  readonly ringBlocks: number
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
  /** Name of this publisher in the paths that relays tell; they need it to see loops. Default: none, an origin. */
  readonly identity: string
}

/** Documented defaults. */
export const defaults: PublisherOptions = {
  ...BatchPolicy.defaults,
  heartbeatMs: 1000,
  ringBlocks: 4096,
  sharedBytes: 64 * 1024 * 1024,
  pageBlocks: 2048,
  maxStreams: 20_000,
  commandsPerSecond: 10,
  commandBurst: 50,
  maxFetchBlocks: 100,
  identity: ""
}

/** What the sessions of one publisher share. */
export interface Shared {
  readonly source: Source
  readonly options: PublisherOptions
  readonly feed: Feed
  readonly blocks: SharedResponses<BlockStreamResponse>
  readonly commits: SharedResponses<CommitStreamResponse>
}

/** One stream, as the driver below sees it. */
export interface Session<Command, Response> extends Waiter {
  /**
   * The next response if one is due at `nowMs`, or what must be done before it can be said: then ask again. Plain, because
   * it is asked for each response to each subscriber.
   */
  readonly poll: (nowMs: number) => Response | Effect.Effect<void, ObserverError> | undefined
  /** Encoded size of the last response, about. */
  readonly bytes: number
  /** Takes a command; only the newest that waits counts. */
  readonly command: (command: Command) => void
  /** Whether `poll` might have something to say. */
  readonly ready: () => boolean
}

/** Responses that are handed to the transport together, if they are ready: so many, or as soon as so many bytes. */
const together = { responses: 16, bytes: 64 * 1024 }
/** Responses above this are counted. */
const excessiveBytes = 16 * 1024 * 1024

/** Responses made since they were counted last: a metric is too much for each of them. */
class Made {
  responses = 0
  excessive = 0

  /** Counts them. */
  readonly settle = (metric: Metric.Counter<number>): Effect.Effect<void> =>
    Effect.suspend(() => {
      const { excessive, responses } = this
      this.responses = 0
      this.excessive = 0
      const counted = responses === 0 ? Effect.void : Metric.update(metric, responses)
      return excessive === 0
        ? counted
        : Effect.andThen(counted, Metric.update(Metrics.excessiveResponses, excessive))
    })
}

const drive = <Command, Response>(
  shared: Shared,
  where: string,
  made: Made,
  commands: Stream.Stream<{ readonly command: Command | null }>,
  make: () => Session<Command, Response>
): Stream.Stream<Response, ObserverError> =>
  Stream.unwrap(
    Effect.gen(function* () {
      const { feed, options } = shared
      const session = make()
      const clock = yield* Clock.Clock
      const fail = (why: string) => new ObserverError({ where, reason: new ResourceExhausted({ why }) })
      let flood: ObserverError | undefined
      let tokens = options.commandBurst
      let refilledMs = yield* Clock.currentTimeMillis
      const takeCommands = Effect.fnUntraced(function* (
        requests: ReadonlyArray<{ readonly command: Command | null }>
      ) {
        const nowMs = yield* Clock.currentTimeMillis
        tokens = Math.min(
          options.commandBurst,
          tokens + ((nowMs - refilledMs) * options.commandsPerSecond) / 1000
        )
        refilledMs = nowMs
        if (tokens < requests.length)
          flood = fail(`more than ${options.commandsPerSecond} commands per second`)
        tokens -= requests.length
        for (const { command } of requests) {
          if (command === null) yield* Metric.update(Metrics.emptyCommands, 1)
          else session.command(command)
        }
        session.wake?.()
      })
      // The end of the commands is not a stop (a half-closed call goes on), so the fiber's end means nothing.
      yield* Stream.runForEachArray(commands, takeCommands).pipe(Effect.forkScoped)
      const ready = () => flood !== undefined || feed.state !== "open" || session.ready()
      /** What must be done before the next response. */
      let first: Effect.Effect<void, ObserverError> | undefined
      const collect = (nowMs: number): Pull.Pull<readonly [Response, ...Array<Response>], ObserverError> => {
        if (flood !== undefined) return Effect.fail(flood)
        if (feed.state === "closing") {
          const reason = new Unavailable({ why: "the publisher is shutting down" })
          return Effect.fail(new ObserverError({ where, reason }))
        }
        const responses: Array<Response> = []
        let bytes = 0
        let excessive = 0
        while (responses.length < together.responses && bytes < together.bytes) {
          const next = session.poll(nowMs)
          if (next === undefined) break
          if (Effect.isEffect(next)) {
            first = next
            break
          }
          responses.push(next)
          bytes += session.bytes
          if (session.bytes > excessiveBytes) excessive++
        }
        if (responses.length > 0) {
          made.responses += responses.length
          made.excessive += excessive
          return Effect.succeed(responses as unknown as readonly [Response, ...Array<Response>])
        }
        if (first === undefined && feed.state === "ended") return Cause.done()
        return Effect.andThen(first === undefined ? feed.wait(session, ready) : Effect.void, pull)
      }
      const now = Effect.suspend(() => collect(clock.currentTimeMillisUnsafe()))
      const pull: Pull.Pull<readonly [Response, ...Array<Response>], ObserverError> = Effect.suspend(() => {
        if (first === undefined) return now
        const before = first
        first = undefined
        return Effect.andThen(before, now)
      })
      return Stream.fromPull(Effect.succeed(pull))
    })
  )

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

const make = Effect.fnUntraced(function* (given: Partial<PublisherOptions>) {
  const source = yield* BlockSource
  const options = { ...defaults, ...given }
  const events = yield* source.subscribe
  const feed = new Feed(options.ringBlocks, yield* source.tip)
  yield* Effect.addFinalizer(() => Effect.sync(() => feed.end("closing")))
  yield* Stream.runForEach(events, (event) => Effect.map(source.tip, (tip) => feed.publish(event, tip))).pipe(
    Effect.ensuring(Effect.sync(() => feed.end("ended"))),
    Effect.forkScoped
  )
  const made = { blocks: new Made(), commits: new Made() }
  const count = Effect.andThen(
    made.blocks.settle(Metrics.blockResponses),
    made.commits.settle(Metrics.commitResponses)
  )
  yield* Effect.addFinalizer(() => count)
  // One ticker wakes whoever is due a heartbeat: no timer per subscriber.
  const heartbeats = Effect.map(Clock.currentTimeMillis, (nowMs) => feed.wakeDue(nowMs))
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
    commits: new SharedResponses(options.sharedBytes / 2)
  }
  const open = { streams: 0 }
  const upstream: Stream.Stream<Path> = source.path ?? Stream.succeed([])
  const api: Service & Pathed = {
    path: Stream.map(upstream, (path) => extend(options.identity, path)),
    streamBlocks: (commands) =>
      Stream.unwrap(
        Effect.as(
          counted(open, "StreamBlocks", options.maxStreams, Metrics.blockStreams),
          drive(shared, "StreamBlocks", made.blocks, commands, (): BlockSession => makeBlockSession(shared))
        )
      ),
    streamCommits: (commands) =>
      Stream.unwrap(
        Effect.as(
          counted(open, "StreamCommits", options.maxStreams, Metrics.commitStreams),
          drive(shared, "StreamCommits", made.commits, commands, (): CommitSession =>
            makeCommitSession(shared)
          )
        )
      ),
    fetchBlocks: (refs) => fetchBlocks(shared, refs),
    replayInfo: Effect.sync(() => {
      const { earliestCommitIndex, highestCommitIndex } = feed.tip
      return { earliestCommitIndex, highestCommitIndex }
    })
  }
  return api
})

/** Serves the observer protocol from a source. Options default to `defaults`. */
export const layer = (
  options: Partial<PublisherOptions> = {}
): Layer.Layer<ObserverApi, never, BlockSource> => Layer.effect(ObserverApi, make(options))

/** The same as an effect, for callers that manage scopes themselves. */
export const makeApi = (
  options: Partial<PublisherOptions> = {}
): Effect.Effect<Service & Pathed, never, BlockSource | Scope.Scope> => make(options)
