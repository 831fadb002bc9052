/**
 * The life of a subscriber: one publisher after the other, each for as long as it is useful.
 */
import { Clock, Effect, Metric, Queue, Random, Stream } from "effect"
import type { BlockStreamRequest, CommitStreamRequest } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import type { Service } from "../ObserverApi.ts"
import { HistoryUnavailable, ObserverError, Protocol, Stalled, Unavailable } from "../ObserverError.ts"
import type { Peer } from "../Subscriber.ts"
import type { SubscriberConfig } from "../SubscriberConfig.ts"
import type { Command } from "../SubscriberMode.ts"
import type { Observer } from "./Observer.ts"

// Of the commands that wait only the last one counts, so a few places suffice.
const waitingCommands = 8
/** Missing ancestors that are fetched at a time: what publishers answer at once. */
const fetchedBlocks = 100

/** Sends commands with positions as they are now, and remembers when each stream was last heard of. */
class Session {
  readonly blocks: Queue.Queue<BlockStreamRequest>
  readonly commits: Queue.Queue<CommitStreamRequest>
  readonly #observer: Observer
  /** When the stream was started or spoke last. To ask once more, as repairs do, is not to hear. */
  readonly heardMs = { blocks: 0, commits: 0 }
  /** Streams that we do not read at the moment: their silence is our own doing. */
  readonly busy = { blocks: false, commits: false }
  #repairedMs = 0

  /** As long as the publisher seems to offer it. */
  #fetchBlocks: Service["fetchBlocks"]

  constructor(
    observer: Observer,
    { fetchBlocks }: Service,
    blocks: Session["blocks"],
    commits: Session["commits"]
  ) {
    this.#observer = observer
    this.#fetchBlocks = fetchBlocks
    this.blocks = blocks
    this.commits = commits
  }

  send(commands: ReadonlyArray<Command>, nowMs: number): void {
    const { deriver } = this.#observer
    for (const command of commands) {
      if (command === "StartBlocks") {
        this.heardMs.blocks = nowMs
        this.startBlocks(deriver.rounds())
      } else if (command === "StopBlocks") {
        Queue.offerUnsafe(this.blocks, { command: { _tag: "Stop" } })
      } else if (command === "StartCommits") {
        this.heardMs.commits = nowMs
        const value = { lastCommitIndex: deriver.next }
        Queue.offerUnsafe(this.commits, { command: { _tag: "Start", value } })
      } else Queue.offerUnsafe(this.commits, { command: { _tag: "Stop" } })
    }
  }

  startBlocks(rounds: ReadonlyArray<number>): void {
    const value = { highestRoundPerAuthority: rounds }
    Queue.offerUnsafe(this.blocks, { command: { _tag: "Start", value } })
  }

  /** Asks again for ancestors that have been missing for a while: by name if that is offered, else from their rounds on. */
  repair(nowMs: number): Effect.Effect<void, ObserverError> {
    const { config, deriver, state } = this.#observer
    const beforeMs = nowMs - config.repairMs
    if (!state.blocksOn || this.#repairedMs > beforeMs) return Effect.void
    const repair = deriver.repair(beforeMs)
    if (repair === undefined) return Effect.void
    this.#repairedMs = nowMs
    const again = Effect.sync(() => this.startBlocks(repair.rounds))
    if (this.#fetchBlocks === undefined) return again
    return this.#fetchBlocks(repair.refs.slice(0, fetchedBlocks)).pipe(
      Effect.timeout(config.repairMs),
      Effect.matchEffect({
        onFailure: () => {
          this.#fetchBlocks = undefined
          return again
        },
        onSuccess: (blocks) => (blocks.length === 0 ? again : this.#observer.onFetched(blocks))
      })
    )
  }

  /** Name of a stream that should speak and does not. */
  silent(nowMs: number): string | undefined {
    const { config, state } = this.#observer
    const { busy, heardMs } = this
    if (state.blocksOn && !busy.blocks && nowMs - heardMs.blocks > config.silenceMs) return "block"
    if (state.commitsOn && !busy.commits && nowMs - heardMs.commits > config.silenceMs) return "commit"
    return undefined
  }
}

/** One session with one publisher. Only ever fails. */
const runSession = Effect.fnUntraced(function* (
  observer: Observer,
  peer: Peer
): Effect.fn.Return<never, ObserverError> {
  const { config } = observer
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const api = yield* peer.connect
      const session = new Session(
        observer,
        api,
        yield* Queue.sliding<BlockStreamRequest>(waitingCommands),
        yield* Queue.sliding<CommitStreamRequest>(waitingCommands)
      )
      observer.beginSession(peer.name, yield* Clock.currentTimeMillis)
      const evaluate = Effect.gen(function* () {
        const nowMs = yield* Clock.currentTimeMillis
        session.send(yield* observer.evaluate(nowMs), nowMs)
      })
      // Reading goes on only when there is room for more.
      const handled = (stream: "blocks" | "commits", work: Effect.Effect<void, ObserverError>) =>
        Effect.gen(function* () {
          session.busy[stream] = true
          yield* work
          yield* evaluate
          yield* observer.commits.room
          yield* observer.blocks.room
          session.busy[stream] = false
          session.heardMs[stream] = yield* Clock.currentTimeMillis
        })
      const ended = Effect.fail(
        observer.error(new Unavailable({ why: "the publisher has ended the stream" }))
      )
      const blocks = Stream.runForEach(api.streamBlocks(Stream.fromQueue(session.blocks)), (response) =>
        handled("blocks", observer.onBlocks(response))
      )
      const commits = Stream.runForEach(api.streamCommits(Stream.fromQueue(session.commits)), (response) =>
        handled("commits", observer.onCommits(response))
      )
      const tick = Effect.gen(function* () {
        yield* Effect.sleep(config.evaluateIntervalMs)
        yield* evaluate
        const nowMs = yield* Clock.currentTimeMillis
        yield* session.repair(nowMs)
        const silent = session.silent(nowMs)
        if (silent === undefined) return undefined
        const why = `nothing came on the ${silent} stream for ${config.silenceMs} ms`
        return yield* observer.error(new Stalled({ why }))
      })
      session.send(yield* observer.connected(), yield* Clock.currentTimeMillis)
      return yield* Effect.raceAllFirst([
        Effect.andThen(blocks, ended),
        Effect.andThen(commits, ended),
        Effect.forever(tick)
      ])
    })
  ).pipe(Effect.ensuring(Effect.sync(() => observer.endSession())))
})

/** Reasons that trying again will not change. */
const hopeless: ReadonlySet<ObserverError["reason"]["_tag"]> = new Set([
  "Unimplemented",
  "Refused",
  "Misconfigured",
  "InvalidArgument"
])

/** How long to wait before the next attempt: nothing at first, then exponentially longer, fully jittered. */
export const backoff = (attempt: number, config: SubscriberConfig): Effect.Effect<number> => {
  const step = attempt - config.immediateRetries
  if (step < 0) return Effect.succeed(0)
  const longest = Math.min(config.maxBackoffMs, config.backoffMs * 2 ** Math.min(step, 30))
  return Effect.map(Random.next, (random) => Math.ceil(random * longest))
}

const giveUp = (observer: Observer, error: ObserverError) =>
  Effect.andThen(
    Effect.logError("the subscriber gives up", error.message),
    Effect.sync(() => {
      observer.commits.fail(error)
      observer.blocks.fail(error)
    })
  )

/** Follows publishers until no one of them can help; then the subscriber's streams fail. */
export const follow = (observer: Observer, peers: ReadonlyArray<Peer>): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { config } = observer
    const useless = new Map<number, ObserverError>()
    let attempt = 0
    for (let turn = 0; ; turn++) {
      const index = turn % peers.length
      yield* observer.commits.room
      const before = observer.delivered
      const error = yield* Effect.flip(runSession(observer, peers[index]!))
      yield* Metric.update(Metrics.sessionsEnded, 1)
      yield* Effect.logInfo("session with publisher ended", {
        peer: peers[index]!.name,
        why: error.reason.message
      })
      if (observer.delivered > before) {
        attempt = 0
        useless.clear()
      }
      const { reason } = error
      if (reason._tag === "OutOfRange" || hopeless.has(reason._tag)) useless.set(index, error)
      else useless.delete(index)
      if (useless.size === peers.length)
        return yield* giveUp(observer, verdict(observer, [...useless.values()]))
      attempt++
      if (config.maxFruitlessSessions > 0 && attempt >= config.maxFruitlessSessions)
        return yield* giveUp(observer, error)
      yield* Effect.sleep(yield* backoff(attempt - 1, config))
    }
  }).pipe(
    Effect.catchDefect((defect) => {
      const why = `internal error: ${defect instanceof Error ? (defect.stack ?? defect.message) : String(defect)}`
      return giveUp(observer, new ObserverError({ where: "Subscriber", reason: new Protocol({ why }) }))
    })
  )

/** What to say when no publisher can help: that history is gone if that is what all of them say. */
const verdict = (observer: Observer, errors: ReadonlyArray<ObserverError>): ObserverError => {
  const earliest = errors.flatMap(({ reason }) => (reason._tag === "OutOfRange" ? [reason.earliest] : []))
  if (earliest.length < errors.length) return errors.find(({ reason }) => reason._tag !== "OutOfRange")!
  const reason = new HistoryUnavailable({
    wanted: observer.deriver.next + 1,
    earliest: Math.min(...earliest)
  })
  return new ObserverError({ where: "Subscriber", reason })
}
