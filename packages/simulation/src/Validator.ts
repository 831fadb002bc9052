/**
 * One validator of a simulated committee: the subsystems of a node over the machine that the world gives it.
 */
import { FinalityVote, Provisioner, Subsystems } from "@ephor/backing"
import { DevAuthor, DevFinality } from "@ephor/devchain"
import type { Malus, Pvf } from "@ephor/backing"
import { Chain, type RuntimeApi } from "@ephor/chain"
import type { DevChain } from "@ephor/devchain"
import { Keystore } from "@ephor/keystore"
import { Store } from "@ephor/store"
import {
  DisputeCoordinator,
  DisputeDistribution,
  type DisputeError,
  DisputeParticipation,
  Disputes,
  Enforcement,
  VotesDb
} from "@ephor/disputes"
import { MemoryNetwork, type NetworkError } from "@ephor/network"
import { ApprovalVoting, CandidateSelection, Overseer } from "@ephor/overseer"
import type { ValidatorIndex } from "@ephor/types"
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import type { Disk, Session } from "./Disk.ts"
import * as Trap from "./duties/Trap.ts"
import * as Signatures from "./Signatures.ts"

const addresses = [
  ...Subsystems.addresses,
  DisputeCoordinator.DisputeCoordinator,
  DisputeParticipation.DisputeParticipation,
  DisputeDistribution.DisputeDistribution
] as const

/** Pause between two tries to tell a peer about a dispute. */
const disputeRetryDelayMs = 1000

/** What a validator shares with the others of its machine. */
export type Ground =
  | Chain.Chain
  | RuntimeApi.RuntimeApi
  | DevChain.DevChain
  | MemoryNetwork.MemoryNetwork
  | Pvf.Pvf

/** What the world asks of a running validator. */
export type Parts =
  | Overseer.Overseer
  | ApprovalVoting
  | CandidateSelection
  | Disputes.Disputes
  | VotesDb.VotesDb

/** A validator. */
export interface Options {
  readonly index: ValidatorIndex
  /** Secret phrase of its key. */
  readonly secret: string
  /** Set: it calls the garbage of a faulty collator valid. */
  readonly malus: Malus.Options | undefined
  /** Set: it dies (`die`) where the trap says. */
  readonly trapped: { readonly trap: Trap.Trap; readonly die: Effect.Effect<void> } | undefined
}

/** A running validator. */
export interface Running {
  readonly parts: Context.Context<Parts>
  /** Kills it: nothing more is written to its disk, then its fibers end. */
  readonly crash: Effect.Effect<void>
}

/** Name of a validator in the network and in traces. */
export const nameOf = (index: ValidatorIndex): string => `validator-${index}`

const page = (
  { index, malus, secret, trapped }: Options,
  session: Session
): Layer.Layer<Parts, DisputeError | Keystore.KeystoreError | NetworkError | Store.StoreError, Ground> => {
  const keys = Signatures.layerSr25519({ secrets: [Redacted.make(secret)] })
  const peer = Layer.unwrap(
    Effect.map(Keystore.Keystore, ({ publicKeys }) =>
      MemoryNetwork.layerPeer({ peer: nameOf(index), authority: publicKeys[0]! })
    )
  )
  const overseer = Overseer.layer(addresses)
  // Nothing more gets on its disk from the very moment on.
  const die = Effect.andThen(session.kill, trapped?.die ?? Effect.void)
  return Layer.mergeAll(
    Subsystems.layer(malus === undefined ? {} : { malus }),
    DevAuthor.layer(index, Provisioner.inherents),
    DevFinality.layer(FinalityVote.make),
    DisputeCoordinator.layer(),
    DisputeParticipation.layer(),
    DisputeDistribution.layer({ retryDelayMs: disputeRetryDelayMs })
  ).pipe(
    Layer.provideMerge(Enforcement.layer),
    Layer.provideMerge([
      trapped === undefined ? Disputes.layer : Trap.disputes(trapped.trap, die),
      VotesDb.layer
    ]),
    Layer.provideMerge(trapped === undefined ? overseer : Trap.watch(addresses, trapped.trap, die)(overseer)),
    Layer.provide(peer),
    Layer.provide([keys, Layer.succeed(Store.Store, session.store)])
  )
}

/** Starts a validator from what its disk holds; it ends with the surrounding scope at the latest. */
export const start = Effect.fnUntraced(function* (options: Options, disk: Disk) {
  const session = disk.open(`${nameOf(options.index)}/`)
  const scope = yield* Effect.acquireRelease(Scope.make(), (scope, exit) => Scope.close(scope, exit))
  // Fresh: the layers of two validators are the same constants, but must not share what they build.
  const parts = yield* Layer.buildWithScope(Layer.fresh(page(options, session)), scope)
  const running: Running = {
    parts,
    crash: Effect.andThen(session.kill, Scope.close(scope, Exit.void))
  }
  return running
})
