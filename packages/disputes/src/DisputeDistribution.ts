/**
 * Dispute distribution: pushes pairs of votes to the validators of a dispute's session until each has taken them, and
 * takes what others push, gathered into batches.
 */
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { Network } from "@ephor/network"
import { DisputeCoordinator, DisputeDistribution, type Overseer, type Signal } from "@ephor/overseer"
import { Deferred, Effect, type Layer } from "effect"
import { maxPerAuthority } from "./AuthorityQueues.ts"
import { Disputes } from "./Disputes.ts"
import * as Receiver from "./distribution/Receiver.ts"
import * as Sender from "./distribution/Sender.ts"
import type { State } from "./distribution/State.ts"
import * as Batches from "./VoteBatches.ts"

export { DisputeDistribution }

/** Options of distribution. */
export interface Options extends Batches.BatchLimits {
  /** Time between two new sends, so that a storm of disputes does not become a storm of requests. */
  readonly sendIntervalMs: number
  /** Sends of disputes that may wait for their turn; the oldest go first, further ones are dropped and counted. */
  readonly sendQueueCapacity: number
  /** Sends at work at a time, each with one pair of votes for all validators. */
  readonly activeSends: number
  /** Validators that one send asks at a time. */
  readonly parallelRequests: number
  /**
   * Validators that did not take a pair of votes are asked again with each new leaf, as long as the dispute is open; with
   * a finite number also after this pause without one.
   */
  readonly retryDelayMs: number
  /** Requests of one authority that may wait for a round; further ones are refused without cost. */
  readonly requestsPerAuthority: number
  /** Time between two rounds, each of which takes at most one request of each authority. */
  readonly roundMs: number
  /** Requests of a round whose signatures are checked at a time. */
  readonly parallelChecks: number
  /** Requests that may wait for their answer at a time; the network refuses further ones. */
  readonly requests: number
}

/** Options as the reference has them. */
export const defaults: Options = {
  ...Batches.defaults,
  sendIntervalMs: 150,
  sendQueueCapacity: 1024,
  activeSends: 1024,
  parallelRequests: 64,
  retryDelayMs: Number.POSITIVE_INFINITY,
  requestsPerAuthority: maxPerAuthority,
  roundMs: 100,
  parallelChecks: 256,
  requests: 4096
}

type Needs = DisputeCoordinator | Disputes | Network.Network | RuntimeApi.RuntimeApi | Keystore.Keystore

/** Brings distribution to life. Nothing that a peer sends or fails to answer can end it. */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, never, DisputeDistribution | Overseer.Overseer | Needs> =>
  DisputeDistribution.toLayer(make({ ...defaults, ...options }))

const make = Effect.fnUntraced(function* (options: Options) {
  const state: State = {
    options,
    network: yield* Network.Network,
    runtime: yield* RuntimeApi.RuntimeApi,
    keystore: yield* Keystore.Keystore,
    disputes: yield* Disputes,
    coordinator: yield* DisputeCoordinator,
    leaf: undefined,
    nextLeaf: Deferred.makeUnsafe()
  }
  const tell = yield* Sender.make(state)
  yield* Receiver.make(state)
  return {
    signal: (signal: Signal.Signal) =>
      Effect.suspend(() => {
        if (signal._tag !== "ActiveLeaves" || signal.activated === null) return Effect.void
        state.leaf = signal.activated.hash
        const { nextLeaf } = state
        state.nextLeaf = Deferred.makeUnsafe()
        return Deferred.succeed(nextLeaf, undefined).pipe(Effect.asVoid)
      }),
    message: DisputeDistribution.match({ SendDispute: ({ request }) => tell(request) })
  }
})
