/**
 * An observer that publishes what it has verified, to any depth: a `BlockSource` fed by a subscriber. Commits are
 * stored before they are told, so a restart goes on where it stopped and answers for the same history, in the same
 * bytes. Relays that would feed one another refuse each other by the path that every publisher tells.
 */
import { Store } from "@ephor/store"
import type { CommittedSubDag, DagCommittee } from "@ephor/types"
import {
  Context,
  Deferred,
  Effect,
  Layer,
  Metric,
  Option,
  PubSub,
  type Scope,
  Semaphore,
  Stream,
  SubscriptionRef
} from "effect"
import type { Service as Archive } from "./Archive.ts"
import { BlockSource, type Service as Source, type SourceEvent } from "./BlockSource.ts"
import { BlockVerifier, type ObservedBlock } from "./BlockVerifier.ts"
import type { ObservedCommit } from "./CommitDeriver.ts"
import { BlockLedger } from "./source/BlockLedger.ts"
import { defaultMaxHops, extend, isIdentity, type Path } from "./source/Path.ts"
import { blocksOf, dataOf, RelayHistory } from "./relay/History.ts"
import { guarded } from "./relay/SourceGuard.ts"
import { Misconfigured, ObserverError, OutOfRange } from "./ObserverError.ts"
import * as RelayMetrics from "./RelayMetrics.ts"
import * as Subscriber from "./Subscriber.ts"
import * as SubscriberConfig from "./SubscriberConfig.ts"

export { family } from "./relay/History.ts"
export {
  extend as extendPath,
  maxIdentityLength,
  type Path,
  type Pathed,
  pathOf,
  refusal as pathRefusal
} from "./source/Path.ts"

/** Limits of a relay. */
export interface RelayLimits {
  /** Commits kept on disk. Default 100 000: about two hours at 75 ms. */
  readonly maxHistoryCommits: number
  /** Bytes of commits kept on disk. Default 4 GiB. */
  readonly maxHistoryBytes: number
  /** Commits kept in memory; older ones are read from disk. Default 1000. */
  readonly maxCommits: number
  /** Bytes of blocks in those commits. Default 128 MiB. */
  readonly maxCommitBytes: number
  /** Bytes of commits read from disk at a time. Default 4 MiB. */
  readonly readBytes: number
  /** Blocks that no commit has yet; more of them are not relayed until their commit comes. Default 20 000. */
  readonly maxLooseBlocks: number
  /** Events that may wait for a publisher that does not take them; then the subscriber waits. Default 4096. */
  readonly maxEvents: number
  /** Identities in the path of a source, at most. Default 8. */
  readonly maxHops: number
  /** A source that tells paths must tell the first one within this. Default 2000. */
  readonly pathTimeoutMs: number
}

/** Documented defaults. */
export const defaults: RelayLimits = {
  maxHistoryCommits: 100_000,
  maxHistoryBytes: 4 * 1024 * 1024 * 1024,
  maxCommits: 1000,
  maxCommitBytes: 128 * 1024 * 1024,
  readBytes: 4 * 1024 * 1024,
  maxLooseBlocks: 20_000,
  maxEvents: 4096,
  maxHops: defaultMaxHops,
  pathTimeoutMs: 2000
}

/** What a relay is made of. */
export interface Options extends Partial<RelayLimits> {
  /** Name of this relay in paths, unique among all relays: a public key, say. Letters, digits, `.`, `_`, `:`, `-`. */
  readonly identity: string
  /** Sources, tried in this order. */
  readonly peers: ReadonlyArray<Subscriber.Peer>
  /** Of the subscriber. `from` counts only while the store and the archive are empty. */
  readonly subscriber?: SubscriberConfig.Options
  /** Where commits go that leave the history, and where they are served from then. Default: they are dropped. */
  readonly archive?: Archive
}

/** Shape of a relay. */
export interface Service {
  /** What was verified, for publishers. */
  readonly source: Source
  /** This relay, its source, and so on to the origin; this relay alone while it follows nobody. */
  readonly path: SubscriptionRef.SubscriptionRef<Path>
  /** The subscriber behind it, without the streams, which the relay consumes. */
  readonly subscriber: Pick<Subscriber.Service, "mode" | "lag" | "position" | "stats">
  /** Every certified commit after an index once, in order, from history and then as they come; `OutOfRange` if history begins later. */
  readonly commitsAfter: (index: number) => Stream.Stream<CommittedSubDag, ObserverError>
  /** Fails with what ended the relay: no source has the next commit, or the store failed. */
  readonly failure: Effect.Effect<never, ObserverError>
}

/** An observer that publishes. */
export class Relay extends Context.Service<Relay, Service>()("@ephor/streaming/Relay") {}

/** Blocks and commits of one relay: ordered memory before the store. */
interface State {
  readonly limits: RelayLimits & { readonly gcDepth: number }
  readonly ledger: BlockLedger
  readonly history: RelayHistory
  readonly hub: PubSub.PubSub<SourceEvent>
}

/** Fills the memory with what the store holds: the blocks of the GC window, and those that no commit has yet. */
const restore = Effect.fnUntraced(function* (history: RelayHistory, limits: State["limits"]) {
  const { earliest, position } = history
  const recent: Array<CommittedSubDag> = []
  let gcRound = 0
  for (let index = position.index; index >= earliest; index--) {
    const [commit] = yield* history.read(index - 1, 1, Number.MAX_SAFE_INTEGER)
    if (commit === undefined) break
    if (recent.length === 0) gcRound = Math.max(0, commit.leader.round - limits.gcDepth)
    recent.push(commit)
    if (commit.leader.round <= gcRound) break
  }
  const ledger = new BlockLedger(limits, { highest: position.index, earliest, gcRound })
  for (const commit of recent.toReversed()) ledger.accept(yield* blocksOf(commit))
  ledger.accept(yield* history.readLoose)
  return ledger
})

const makeVerbs = ({ hub, history, ledger, limits }: State) => {
  const accept = Effect.fnUntraced(function* (fresh: ReturnType<BlockLedger["accept"]>) {
    if (fresh.length === 0) return
    yield* Metric.update(RelayMetrics.blocks, fresh.length)
    yield* PubSub.publish(hub, { _tag: "Accepted", blocks: fresh })
  })
  return {
    onBlocks: Effect.fnUntraced(function* (blocks: ReadonlyArray<ObservedBlock>) {
      const room = Math.max(0, limits.maxLooseBlocks - history.looseBlocks)
      const fresh = ledger.accept(blocks.slice(0, room).map(({ bytes, ref }) => ({ bytes, ref })))
      if (blocks.length > room) yield* Metric.update(RelayMetrics.blocksDropped, blocks.length - room)
      if (fresh.length > 0) yield* history.putBlocks(fresh)
      yield* accept(fresh)
    }),
    onCommits: Effect.fnUntraced(function* (observed: ReadonlyArray<ObservedCommit>) {
      const commits = observed.map(dataOf)
      const gcRound = Math.max(
        ledger.tip().gcRound,
        ...commits.map(({ leader }) => leader.round - limits.gcDepth)
      )
      // On disk first: what was told once can be asked for again.
      yield* history.putCommits(observed, commits, gcRound)
      for (const { blocks } of observed) {
        yield* accept(ledger.accept(blocks.map(({ bytes, ref }) => ({ bytes, ref }))))
      }
      ledger.commit(commits)
      yield* PubSub.publish(hub, { _tag: "Committed", commits })
    })
  }
}

const sourceOf = (
  { history, hub, ledger, limits }: State,
  committeeSize: number,
  path: Stream.Stream<Path>
): Source => {
  const earliest = () => Math.max(history.earliest, ledger.tip().earliestCommitIndex)
  return {
    committeeSize,
    path,
    tip: Effect.sync(() => ({ ...ledger.tip(), earliestCommitIndex: earliest() })),
    blocksAfter: (rounds, page) => Effect.sync(() => ledger.blocksAfter(rounds, page)),
    blocksOf: (refs) => Effect.sync(() => ledger.blocksOf(refs)),
    commitsAfter: (index, limit) =>
      Effect.suspend(() => {
        if (index + 1 >= ledger.firstCommitInMemory) return Effect.succeed(ledger.commitsAfter(index, limit))
        const inHistory = ledger.firstCommitInMemory - 1 - index
        return history.read(index, Math.min(limit, inHistory), limits.readBytes)
      }),
    subscribe: Effect.map(PubSub.subscribe(hub), (subscription) => Stream.fromSubscription(subscription))
  }
}

/** Commits read from a source at a time. */
const readCommits = 100

/**
 * Every commit of a source after an index, once and in order: attached before the first read, so that none is missed.
 * Fails with `OutOfRange` where the next one is kept no more.
 */
export const commitsOf = (source: Source, after: number): Stream.Stream<CommittedSubDag, ObserverError> =>
  Stream.unwrap(
    Effect.map(source.subscribe, (events) => {
      let next = after + 1
      const read = Effect.gen(function* () {
        const { earliestCommitIndex: earliest, highestCommitIndex: latest } = yield* source.tip
        if (next < earliest) {
          return yield* new ObserverError({ where: "Relay", reason: new OutOfRange({ earliest, latest }) })
        }
        const found = yield* source.commitsAfter(next - 1, readCommits)
        next += found.length
        return [found, found.length === 0 ? Option.none() : Option.some(undefined)] as const
      })
      const held = Stream.paginate(undefined, () => read)
      const news = Stream.flatMap(events, (event) => (event._tag === "Committed" ? held : Stream.empty))
      return Stream.concat(held, news)
    })
  )

const violation = (options: Options, committee: DagCommittee | undefined): string | undefined => {
  if (!isIdentity(options.identity)) return `${JSON.stringify(options.identity)} cannot stand in a path`
  if (options.peers.length === 0) return "there is no publisher to follow: give at least one peer"
  return committee === undefined
    ? "a relay needs a committee: it publishes only what it has verified"
    : undefined
}

/** Makes a relay; it works for as long as the scope lives. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, ObserverError, Store.Store | BlockVerifier | Scope.Scope> {
  const { committee } = yield* BlockVerifier
  const why = violation(options, committee)
  if (why !== undefined) {
    return yield* new ObserverError({ where: "Relay", reason: new Misconfigured({ why }) })
  }
  const config = yield* SubscriberConfig.make(options.subscriber)
  const limits = { ...defaults, ...options, gcDepth: config.gcDepth }
  const archiving =
    options.archive === undefined ? undefined : { archive: options.archive, committee: committee! }
  const history = yield* RelayHistory.open(yield* Store.Store, limits, config.from, archiving)
  const ledger = yield* restore(history, limits)
  const hub = yield* PubSub.bounded<SourceEvent>(limits.maxEvents)
  yield* Effect.addFinalizer(() => PubSub.shutdown(hub))
  const path = yield* SubscriptionRef.make<Path>([options.identity])
  const follows = (source: Path | undefined) =>
    Effect.andThen(
      Metric.update(RelayMetrics.hops, source?.length ?? 0),
      SubscriptionRef.set(path, extend(options.identity, source ?? []))
    )
  const guard = { ...limits, identity: options.identity, follows }
  const subscriber = yield* Subscriber.make(
    options.peers.map((peer) => guarded(peer, guard)),
    { ...options.subscriber, from: history.position }
  )
  const { onBlocks, onCommits } = makeVerbs({ hub, history, ledger, limits })
  const failure = yield* Deferred.make<never, ObserverError>()
  const gate = yield* Semaphore.make(1)
  // Two streams, one writer: a block is not stored again behind the commit that holds it.
  yield* Effect.raceAllFirst([
    Stream.runForEachArray(subscriber.blocks, (blocks) => gate.withPermits(1)(onBlocks(blocks))),
    Stream.runForEachArray(subscriber.commits, (commits) => gate.withPermits(1)(onCommits(commits))),
    // Never ends by itself, and stores nothing: it waits for nobody.
    Stream.runForEachArray(subscriber.randomnessSignatures, (randomnessSignatures) =>
      PubSub.publish(hub, { _tag: "Auxiliary", randomnessSignatures })
    )
  ]).pipe(
    Effect.tapCause((cause) => Effect.logError("the relay has stopped", cause)),
    Effect.catch((error) => Deferred.fail(failure, error)),
    Effect.ensuring(PubSub.shutdown(hub)),
    Effect.forkScoped({ startImmediately: true })
  )
  const source = sourceOf(
    { hub, history, ledger, limits },
    committee!.authorities.length,
    SubscriptionRef.changes(path)
  )
  const { lag, mode, position, stats } = subscriber
  return {
    source,
    path,
    subscriber: { lag, mode, position, stats },
    commitsAfter: (index) => commitsOf(source, index),
    failure: Deferred.await(failure)
  }
})

/** A relay, and what it publishes: put `Publisher.layer()` and a server on top. */
export const layer = (
  options: Options
): Layer.Layer<Relay | BlockSource, ObserverError, Store.Store | BlockVerifier> =>
  Layer.effectContext(
    Effect.map(make(options), (relay) =>
      Context.make(Relay, relay).pipe(Context.add(BlockSource, relay.source))
    )
  )
