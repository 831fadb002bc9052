/**
 * Observes a chain: follows publishers by blocks or by commits, whichever is right at the moment, and hands over what
 * the committee has certified (observer-streaming, "Subscriber-Controlled Flow").
 */
import { Config, Context, Effect, Layer, type Scope, Stream, type SubscriptionRef } from "effect"
import { BlockVerifier, type ObservedBlock } from "./BlockVerifier.ts"
import type { ObservedCommit } from "./CommitDeriver.ts"
import type { Equivocation } from "./subscriber/Equivocations.ts"
import { Observer } from "./subscriber/Observer.ts"
import { follow } from "./subscriber/Follow.ts"
import * as ObserverApi from "./ObserverApi.ts"
import { Misconfigured, ObserverError } from "./ObserverError.ts"
import * as SubscriberConfig from "./SubscriberConfig.ts"
import type { Mode } from "./SubscriberMode.ts"

export type { Equivocation } from "./subscriber/Equivocations.ts"

/** What a subscriber has done so far. */
export interface Stats {
  /** Commits certified and handed over. */
  readonly commits: number
  /** Loose blocks accepted. */
  readonly blocks: number
  /** Bytes of blocks received, duplicates included. */
  readonly bytes: number
  /** Signatures checked. */
  readonly verified: number
  /** Blocks that did not verify. */
  readonly rejected: number
  /** Blocks received although they were known. */
  readonly duplicates: number
  /** Second blocks that an author has signed for one round. */
  readonly equivocations: number
  /** Sessions with publishers that were opened. */
  readonly sessions: number
  readonly paused: boolean
  /** Name of the publisher in use. */
  readonly peer: string
}

/** A publisher to choose from. */
export interface Peer {
  /** How errors and logs call it. */
  readonly name: string
  /** Opens it for one session; the scope closes it. It may tell its path beside the protocol (`Relay.Pathed`). */
  readonly connect: Effect.Effect<ObserverApi.Service, ObserverError, Scope.Scope>
  /** Opens it beside another one, when only its blocks are wanted. Default: as `connect`. */
  readonly connectBeside?: Effect.Effect<ObserverApi.Service, ObserverError, Scope.Scope>
}

/** Why a subscriber gave up: the package's one error. Lost connections are not among the reasons, they are retried. */
export type SubscriberError = ObserverError

/** Shape of a subscriber. Each stream is for one consumer at a time, and goes on where the last one stopped. */
export interface Service {
  /**
   * Every commit after `config.from` once, in order, certified. A commit counts as processed when the next one is
   * pulled: not pulling is the backpressure.
   */
  readonly commits: Stream.Stream<ObservedCommit, SubscriberError>
  /** Verified blocks as they are accepted, ancestors first, from the moment of running on; before, none are kept. */
  readonly blocks: Stream.Stream<ObservedBlock, SubscriberError>
  /** Authors who have signed two blocks for one round, with both as proof. Without a committee nothing is proven, or told. */
  readonly equivocations: Stream.Stream<Equivocation>
  /**
   * Signatures of randomness that come beside the blocks, if the verifier can tell that they hold (`BlockVerifier.randomness`).
   * Best effort: they are in no history, and the oldest go when nobody takes them.
   */
  readonly randomnessSignatures: Stream.Stream<Uint8Array>
  readonly mode: SubscriptionRef.SubscriptionRef<Mode>
  /** Commits behind the target. */
  readonly lag: Effect.Effect<number>
  /** The last commit that the application has processed: store it, and give it as `from` after a restart. */
  readonly position: Effect.Effect<SubscriberConfig.Position>
  readonly stats: Effect.Effect<Stats>
}

/** An observer of a chain. */
export class Subscriber extends Context.Service<Subscriber, Service>()("@ephor/streaming/Subscriber") {}

/** Makes a subscriber that follows the first publisher that works, in the given order; others may bring blocks beside it. */
export const make = Effect.fnUntraced(function* (
  peers: ReadonlyArray<Peer>,
  options: SubscriberConfig.Options = {}
): Effect.fn.Return<Service, SubscriberError, BlockVerifier | Scope.Scope> {
  const config = yield* SubscriberConfig.make(options)
  if (peers.length === 0) {
    const why = "there is no publisher to follow: give at least one peer"
    return yield* new ObserverError({ where: "Subscriber", reason: new Misconfigured({ why }) })
  }
  const observer = yield* Observer.make(config, yield* BlockVerifier)
  yield* follow(observer, peers).pipe(Effect.forkScoped)
  return {
    commits: Stream.fromPull(Effect.succeed(observer.commits.pull)).pipe(
      Stream.ensuring(Effect.sync(() => observer.commits.settle()))
    ),
    blocks: Stream.unwrap(
      Effect.sync(() => {
        observer.blocks.attached = true
        return Stream.fromPull(Effect.succeed(observer.blocks.pull)).pipe(
          Stream.ensuring(Effect.sync(() => observer.blocks.settle()))
        )
      })
    ),
    equivocations: Stream.fromQueue(observer.witness.queue),
    randomnessSignatures: Stream.fromQueue(observer.randomness.queue),
    mode: observer.mode,
    lag: Effect.sync(() => observer.lag() ?? 0),
    position: Effect.sync(() => observer.position),
    stats: Effect.sync(() => observer.stats())
  }
})

/** A subscriber of one publisher. */
export const layer = (
  options: SubscriberConfig.Options = {}
): Layer.Layer<Subscriber, SubscriberError, ObserverApi.ObserverApi | BlockVerifier> =>
  Layer.effect(
    Subscriber,
    Effect.flatMap(ObserverApi.ObserverApi, (api) =>
      make([{ name: "publisher", connect: Effect.succeed(api) }], options)
    )
  )

/** A subscriber that fails over between publishers, one at a time, in the given order. */
export const layerPeers = (
  peers: ReadonlyArray<Peer>,
  options: SubscriberConfig.Options = {}
): Layer.Layer<Subscriber, SubscriberError, BlockVerifier> => Layer.effect(Subscriber, make(peers, options))

/** `layer` with options from configuration. */
export const layerConfig = (
  options: Config.Wrap<SubscriberConfig.Options>
): Layer.Layer<Subscriber, SubscriberError | Config.ConfigError, ObserverApi.ObserverApi | BlockVerifier> =>
  Layer.unwrap(Effect.map(Config.unwrap(options), layer))
