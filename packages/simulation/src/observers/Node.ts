/**
 * An observer as a process: a relay with its publisher and its disk, or a leaf whose application remembers how far it is.
 * It can be killed at any moment, and started again from what it has written.
 */
import { Store } from "@ephor/store"
import {
  type Archive,
  BlockSource,
  type BlockVerifier,
  type ObserverApi,
  Publisher,
  Relay,
  Subscriber,
  type SubscriberConfig
} from "@ephor/streaming"
import type { CommittedSubDag } from "@ephor/types"
import { Clock, Effect, Exit, type Layer, Scope, Stream, SubscriptionRef } from "effect"
import type * as Disk from "../Disk.ts"
import * as Trace from "../Trace.ts"
import type { Account, Judge } from "./Judge.ts"

/** Heartbeats of every publisher. */
export const heartbeatMs = 200

/** Commits that a relay keeps: few, so that the bound is reached. */
export const maxHistoryCommits = 60

/** Thresholds of every observer: small, so that short runs cross them. */
export const config = {
  startCommitSyncLag: 8,
  resumeBlocksLag: 3,
  stopCommitSyncLag: 0,
  pauseBlocksQueueSize: 40,
  resumeBlocksQueueSize: 8,
  maxUncertifiedCommits: 100,
  maxSuspendedBlocks: 100,
  gcDepth: 30,
  evaluateIntervalMs: 100,
  handOverMs: 500,
  maxPauseMs: 800,
  silenceMs: 700,
  progressMs: 2500,
  repairMs: 200,
  stallMs: 800,
  maxBadBlocksPerMinute: 10,
  backoffMs: 20,
  maxBackoffMs: 400
} satisfies SubscriberConfig.Options

/** A publisher that tells its path. */
export type Api = ObserverApi.Service & Relay.Pathed

/** What a node is made of. */
export interface Options {
  readonly name: string
  readonly kind: "relay" | "leaf"
  readonly peers: ReadonlyArray<Subscriber.Peer>
  readonly account: Account
  readonly judge: Judge
  readonly trace: Trace.Trace
  readonly disk: Disk.Disk
  readonly verifier: Layer.Layer<BlockVerifier.BlockVerifier>
  /** Between the subscriber and the application of a leaf: where faults are planted. */
  readonly tamper: (commits: Subscriber.Service["commits"]) => Subscriber.Service["commits"]
  /** Commits that a relay is told to keep. */
  readonly maxHistoryCommits: number
  /** Thresholds of the observer. */
  readonly config: SubscriberConfig.Options
  /** How the publisher of a relay differs from others. */
  readonly publisher?: Partial<Publisher.PublisherOptions> | undefined
  /** Where a relay puts the commits that it keeps no longer. */
  readonly archive?: Archive.Service | undefined
}

/** What a subscriber says about itself. */
type Observed = Pick<Subscriber.Service, "mode" | "lag" | "stats">

/** A node. */
export interface Node {
  readonly name: string
  readonly kind: Options["kind"]
  /** The publisher of a relay that is up. */
  readonly api: () => Api | undefined
  /** What runs now. */
  readonly observed: () => Observed | undefined
  /** The path of a relay that is up. */
  readonly path: Effect.Effect<ReadonlyArray<string>>
  /** Time that the application of a leaf takes for a block. */
  readonly setWork: (ms: number) => void
  readonly start: Effect.Effect<void>
  readonly kill: Effect.Effect<void>
  /** Looks at what must be bounded. */
  readonly survey: Effect.Effect<void>
}

/** What runs in one life. */
interface Parts {
  readonly observed: Observed
  readonly api?: Api
  readonly relay?: Relay.Service
}

interface Life extends Parts {
  readonly scope: Scope.Closeable
  readonly session: Disk.Session
}

const stored = (store: Store.Service, prefix: string) =>
  Effect.orDie(
    Stream.runFold(
      store.iterate(new TextEncoder().encode(prefix)),
      () => 0,
      (sum) => sum + 1
    )
  )

/** A node that is not started yet. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Node, never, Scope.Scope> {
  const { account, disk, judge, kind, name, peers, trace, verifier } = options
  const world = yield* Effect.scope
  const clock = yield* Clock.Clock
  const began = clock.currentTimeMillisUnsafe()
  const say = (what: string) => trace.say(clock.currentTimeMillisUnsafe() - began, name, what)
  let life: Life | undefined
  let workMs = 0
  let taken = 0
  // The application's own record of what it has done: the last commit, with its digest.
  let done: SubscriberConfig.Position = { index: 0 }

  const deliver = (commit: CommittedSubDag, digest?: string) => {
    account.commit(commit, digest)
    say(`commit ${commit.commitIndex} ${Trace.short(commit.leader.digest)}`)
  }
  const failed = (what: string) => (error: { readonly message: string }) =>
    Effect.sync(() => judge.check("alive", false, () => `${name}: ${what}: ${error.message}`))
  const watchMode = (observed: Observed) =>
    Stream.runForEach(SubscriptionRef.changes(observed.mode), (mode) =>
      Effect.sync(() => {
        account.mode(mode)
        say(mode)
      })
    ).pipe(Effect.forkScoped({ startImmediately: true }))

  const startLeaf = Effect.gen(function* () {
    const subscriber = yield* Effect.orDie(
      Effect.provide(Subscriber.make(peers, { ...options.config, from: done }), verifier)
    )
    yield* Stream.runForEach(
      options.tamper(subscriber.commits),
      ({ blocks, digest, index, leader, timestampMs }) =>
        Effect.sync(() => {
          deliver(
            { commitIndex: index, leader, timestampMs, blocks: blocks.map(({ bytes }) => bytes) },
            digest
          )
          done = digest === undefined ? { index } : { index, digest }
        })
    ).pipe(Effect.catch(failed("the commits ended")), Effect.forkScoped({ startImmediately: true }))
    yield* Stream.runForEach(subscriber.blocks, ({ bytes, ref }) =>
      Effect.andThen(
        Effect.sync(() => {
          account.block(ref.digest, bytes)
          taken++
        }),
        workMs === 0 ? Effect.void : Effect.sleep(workMs)
      )
    ).pipe(Effect.catch(failed("the blocks ended")), Effect.forkScoped({ startImmediately: true }))
    return { observed: subscriber }
  })

  const startRelay = Effect.fnUntraced(function* (store: Store.Service) {
    const relay = yield* Effect.orDie(
      Relay.make({
        identity: name,
        peers,
        subscriber: options.config,
        maxHistoryCommits: options.maxHistoryCommits,
        ...(options.archive === undefined ? {} : { archive: options.archive }),
        maxCommits: 20
      }).pipe(Effect.provide(verifier), Effect.provideService(Store.Store, store))
    )
    const publisher = Publisher.makeApi({ heartbeatMs, ...options.publisher })
    const api: Api = yield* Effect.provideService(publisher, BlockSource.BlockSource, relay.source)
    yield* Effect.catch(relay.failure, failed("the relay ended")).pipe(Effect.forkScoped)
    yield* Stream.runForEach(relay.commitsAfter(done.index), (commit) =>
      Effect.sync(() => {
        deliver(commit)
        done = { index: commit.commitIndex }
      })
    ).pipe(Effect.catch(failed("the commits ended")), Effect.forkScoped({ startImmediately: true }))
    const events = yield* relay.source.subscribe
    yield* Stream.runForEach(events, (event) =>
      Effect.sync(() => {
        if (event._tag === "Accepted")
          for (const { bytes, ref } of event.blocks) account.block(ref.digest, bytes)
      })
    ).pipe(Effect.forkScoped({ startImmediately: true }))
    return { observed: relay.subscriber, api, relay }
  })

  const start = Effect.gen(function* () {
    if (life !== undefined) return
    const scope = yield* Scope.fork(world)
    const session = disk.open(name)
    taken = 0
    account.born()
    const starting: Effect.Effect<Parts, never, Scope.Scope> =
      kind === "leaf" ? startLeaf : startRelay(session.store)
    const parts = yield* Scope.provide(starting, scope)
    yield* Scope.provide(watchMode(parts.observed), scope)
    life = { scope, session, ...parts }
    say("started")
  })

  return {
    name,
    kind,
    api: () => life?.api,
    observed: () => life?.observed,
    path: Effect.suspend(() =>
      life?.relay === undefined ? Effect.succeed([]) : SubscriptionRef.get(life.relay.path)
    ),
    setWork: (ms) => void (workMs = ms),
    start,
    kill: Effect.suspend(() => {
      const old = life
      if (old === undefined) return Effect.void
      life = undefined
      say("killed")
      return Effect.andThen(old.session.kill, Scope.close(old.scope, Exit.void))
    }),
    survey: Effect.gen(function* () {
      if (life === undefined) return
      const { observed, relay, session } = life
      if (relay === undefined) return account.queue((yield* observed.stats).blocks - taken)
      const { earliestCommitIndex, highestCommitIndex } = yield* relay.source.tip
      const kept = highestCommitIndex - earliestCommitIndex + 1
      const archived = options.archive?.range()
      if (archived !== undefined)
        judge.check("I7", archived.first === 1, () => `${name} has archived nothing before ${archived.first}`)
      else judge.check("I7", kept <= maxHistoryCommits, () => `${name} keeps ${kept} commits`)
      const records = yield* stored(session.store, "c")
      judge.check("I7", records <= maxHistoryCommits + 16, () => `${name} stores ${records} commits`)
      const loose = yield* stored(session.store, "b")
      const window = (config.gcDepth + 40) * 5
      judge.check("I7", loose <= window, () => `${name} stores ${loose} loose blocks`)
    })
  }
})
