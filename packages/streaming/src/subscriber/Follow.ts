/**
 * The life of a subscriber: one publisher after the other, each for as long as it is useful.
 */
import { Elapsed } from "@ephor/types"
import { Effect, Metric, Queue, Stream } from "effect"
import type { BlockStreamRequest, CommitStreamRequest } from "../Messages.ts"
import * as Metrics from "../Metrics.ts"
import type { Service } from "../ObserverApi.ts"
import { HistoryUnavailable, ObserverError, Protocol, Stalled, Unavailable } from "../ObserverError.ts"
import type { Peer } from "../Subscriber.ts"
import type { Command } from "../SubscriberMode.ts"
import { type Final, Refusals } from "../subscriber/Refusals.ts"
import { backoff } from "./Backoff.ts"
import { besides, InUse } from "./Beside.ts"
import type { Observer } from "./Observer.ts"

// Of the commands that wait only the last one counts, so a few places suffice.
const waitingCommands = 8

/** Which peers have shown a heartbeat, in this session or an earlier one: only their silence says something. */
type Heartbeats = Set<Peer>

/** A stream, as its session sees it. */
interface Heard {
  /** When it was started or spoke last. To ask once more, as repairs do, is not to hear. */
  atMs: number
  /** We do not read it at the moment: its silence is our own doing. */
  busy: boolean
  /** The last highest index since the last start; nothing before the answer to it. */
  index: number | undefined
}
const unheard = (): Heard => ({ atMs: 0, busy: false, index: undefined })

/** Missing ancestors that are fetched at a time: what publishers answer at once. */
const fetchedBlocks = 100

/** Sends commands with positions as they are now, and remembers when each stream was last heard of. */
class Session {
  readonly blocks: Queue.Queue<BlockStreamRequest>
  readonly commits: Queue.Queue<CommitStreamRequest>
  readonly #observer: Observer
  readonly heard = { blocks: unheard(), commits: unheard() }
  readonly #peer: Peer
  readonly #heartbeats: Heartbeats
  /** Since when blocks that were asked for again are owed. */
  #owedSinceMs: number | undefined
  #repairedMs = Number.NEGATIVE_INFINITY

  /** As long as the publisher seems to offer it. */
  #fetchBlocks: Service["fetchBlocks"]

  constructor(
    observer: Observer,
    { fetchBlocks }: Service,
    { heartbeats, peer }: { readonly peer: Peer; readonly heartbeats: Heartbeats },
    blocks: Session["blocks"],
    commits: Session["commits"]
  ) {
    this.#observer = observer
    this.#fetchBlocks = fetchBlocks
    this.#peer = peer
    this.#heartbeats = heartbeats
    this.blocks = blocks
    this.commits = commits
  }

  send(commands: ReadonlyArray<Command>, nowMs: number): void {
    const { deriver } = this.#observer
    for (const command of commands) {
      if (command === "StartBlocks") {
        this.heard.blocks.atMs = nowMs
        this.startBlocks(deriver.rounds())
      } else if (command === "StopBlocks") {
        Queue.offerUnsafe(this.blocks, { command: { _tag: "Stop" } })
      } else if (command === "StartCommits") {
        this.heard.commits.atMs = nowMs
        this.heard.commits.index = undefined
        const value = { lastCommitIndex: deriver.next }
        Queue.offerUnsafe(this.commits, { command: { _tag: "Start", value } })
      } else Queue.offerUnsafe(this.commits, { command: { _tag: "Stop" } })
    }
  }

  startBlocks(rounds: ReadonlyArray<number>): void {
    this.heard.blocks.index = undefined
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
    const again = Effect.sync(() => {
      this.#owedSinceMs ??= nowMs
      this.startBlocks(repair.rounds)
    })
    if (this.#fetchBlocks === undefined) return again
    return this.#fetchBlocks(repair.refs.slice(0, fetchedBlocks)).pipe(
      Effect.timeout(config.repairMs),
      Effect.matchEffect({
        onFailure: (error) => {
          // Whatever else goes wrong may go well the next time.
          if ("reason" in error && error.reason._tag === "Unimplemented") this.#fetchBlocks = undefined
          return again
        },
        onSuccess: (blocks) => (blocks.length === 0 ? again : this.#observer.onFetched(blocks))
      })
    )
  }

  /** A response came. An empty one that answers no start and tells nothing new is a heartbeat. */
  hear(stream: "blocks" | "commits", isEmpty: boolean, highestCommitIndex: number): void {
    const heard = this.heard[stream]
    if (stream === "blocks") this.#owedSinceMs = undefined
    if (isEmpty && heard.index === highestCommitIndex) this.#heartbeats.add(this.#peer)
    heard.index = highestCommitIndex
  }

  /**
   * Why the publisher's silence means that it is gone, if it does. One that knows no heartbeat (the protocol asks for
   * none) may be quiet for as long as it likes: whether it lives, the transport knows.
   */
  silence(nowMs: number, hasOthers: boolean): string | undefined {
    const { config, state } = this.#observer
    const since = ({ atMs, busy }: Heard) => (busy ? 0 : nowMs - atMs)
    if (this.#heartbeats.has(this.#peer)) {
      const name =
        state.blocksOn && since(this.heard.blocks) > config.silenceMs
          ? "block"
          : state.commitsOn && since(this.heard.commits) > config.silenceMs
            ? "commit"
            : undefined
      return name === undefined ? undefined : `nothing came on the ${name} stream for ${config.silenceMs} ms`
    }
    if (this.#owedSinceMs !== undefined && nowMs - this.#owedSinceMs > config.progressMs)
      return `blocks that are missing were asked for, and nothing came for ${config.progressMs} ms`
    const running = [
      ...(state.blocksOn ? [since(this.heard.blocks)] : []),
      ...(state.commitsOn ? [since(this.heard.commits)] : [])
    ]
    // Where there are others, it costs little to ask one of them whether there is news.
    return hasOthers && running.length > 0 && Math.min(...running) > config.progressMs
      ? `nothing came for ${config.progressMs} ms, and there are other publishers`
      : undefined
  }
}

/** One session with one publisher. Only ever fails. */
const runSession = Effect.fnUntraced(function* (
  observer: Observer,
  peer: Peer,
  heartbeats: Heartbeats,
  hasOthers: boolean
): Effect.fn.Return<never, ObserverError> {
  const { config } = observer
  return yield* Effect.scoped(
    Effect.gen(function* () {
      const api = yield* peer.connect
      const session = new Session(
        observer,
        api,
        { peer, heartbeats },
        yield* Queue.sliding<BlockStreamRequest>(waitingCommands),
        yield* Queue.sliding<CommitStreamRequest>(waitingCommands)
      )
      observer.beginSession(peer.name, yield* Elapsed.ms)
      const evaluate = Effect.gen(function* () {
        const nowMs = yield* Elapsed.ms
        session.send(yield* observer.evaluate(nowMs), nowMs)
      })
      // Reading goes on only when there is room for more.
      const handled = (stream: "blocks" | "commits", work: Effect.Effect<void, ObserverError>) =>
        Effect.gen(function* () {
          const heard = session.heard[stream]
          heard.busy = true
          yield* work
          yield* evaluate
          yield* observer.commits.room
          yield* observer.blocks.room
          heard.busy = false
          heard.atMs = yield* Elapsed.ms
        })
      const ended = Effect.fail(
        observer.error(new Unavailable({ why: "the publisher has ended the stream" }))
      )
      const blocks = Stream.runForEach(api.streamBlocks(Stream.fromQueue(session.blocks)), (response) => {
        const isEmpty = response.blocks.length === 0 && response.auxiliaryData === undefined
        session.hear("blocks", isEmpty, response.highestCommitIndex)
        return handled("blocks", observer.onBlocks(response))
      })
      const commits = Stream.runForEach(api.streamCommits(Stream.fromQueue(session.commits)), (response) => {
        const isEmpty = response.commits.length === 0 && response.certifierBlocks === undefined
        session.hear("commits", isEmpty, response.highestCommitIndex)
        return handled("commits", observer.onCommits(response))
      })
      const tick = Effect.gen(function* () {
        yield* Effect.sleep(config.evaluateIntervalMs)
        yield* evaluate
        const nowMs = yield* Elapsed.ms
        yield* session.repair(nowMs)
        const why = session.silence(nowMs, hasOthers)
        return why === undefined ? undefined : yield* observer.error(new Stalled({ why }))
      })
      session.send(yield* observer.connected(), yield* Elapsed.ms)
      return yield* Effect.raceAllFirst([
        Effect.andThen(blocks, ended),
        Effect.andThen(commits, ended),
        Effect.forever(tick)
      ])
    })
  ).pipe(Effect.ensuring(Effect.sync(() => observer.endSession())))
})

const giveUp = (observer: Observer, error: ObserverError) =>
  Effect.andThen(
    Effect.logError("the subscriber gives up", error.message),
    Effect.sync(() => {
      observer.commits.fail(error)
      observer.blocks.fail(error)
    })
  )

/** Follows publishers until no one of them can help; then the subscriber's streams fail. */
export const follow = (observer: Observer, peers: ReadonlyArray<Peer>): Effect.Effect<void> => {
  const inUse = new InUse()
  const following = followEach(observer, peers, inUse)
  return observer.config.blockPublishers < 2
    ? following
    : Effect.raceFirst(following, Effect.andThen(besides(observer, peers, inUse), Effect.never))
}

const followEach = (observer: Observer, peers: ReadonlyArray<Peer>, inUse: InUse): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { config } = observer
    const refusals = new Refusals(config.giveUpMs)
    const names = peers.map(({ name }) => name)
    const heartbeats: Heartbeats = new Set()
    let attempt = 0
    for (let turn = 0; ; turn++) {
      const index = turn % peers.length
      yield* observer.commits.room
      const before = observer.delivered
      inUse.followed = peers[index]
      const error = yield* Effect.flip(runSession(observer, peers[index]!, heartbeats, peers.length > 1))
      yield* Metric.update(Metrics.sessionsEnded, 1)
      yield* Effect.logInfo("session with publisher ended", {
        peer: peers[index]!.name,
        why: error.reason.message
      })
      if (observer.delivered > before) {
        attempt = 0
        refusals.clear()
      }
      const nowMs = yield* Elapsed.ms
      refusals.note(index, error, nowMs)
      const finals = refusals.verdict(names, nowMs)
      if (finals !== undefined) return yield* giveUp(observer, verdict(observer, names, finals))
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
const verdict = (
  observer: Observer,
  names: ReadonlyArray<string>,
  finals: ReadonlyArray<Final>
): ObserverError => {
  const earliest = finals.flatMap(({ error: { reason } }) =>
    reason._tag === "OutOfRange" ? [reason.earliest] : []
  )
  if (earliest.length < finals.length)
    return finals.find(({ error }) => error.reason._tag !== "OutOfRange")!.error
  const reason = new HistoryUnavailable({
    wanted: observer.deriver.next + 1,
    earliest: Math.min(...earliest)
  })
  return new ObserverError({ where: names.join(", "), reason })
}
