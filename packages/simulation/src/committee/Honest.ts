/** An honest validator of a large committee: the subsystems of backing over its network, and what its author learns. */
import {
  AvailabilityRecovery,
  AvailabilityStore,
  CandidateBacking,
  CandidateValidation,
  MisbehaviorArbitration,
  type Pvf,
  PoVDistribution,
  Provisioner,
  StatementDistribution
} from "@ephor/backing"
import type { RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import { MemoryNetwork, Network } from "@ephor/network"
import * as Overseer from "@ephor/overseer"
import type { Hash, ProvisionableData, ValidatorIndex } from "@ephor/types"
import { type Cause, Context, Effect, Layer, Queue, type Scope, Stream } from "effect"
import * as Keys from "./Keys.ts"
import { keyOf } from "./Keys.ts"
import { type Leaf, nameOf, type Offer } from "./Setting.ts"

const addresses = [
  Overseer.CollatorProtocol,
  Overseer.CandidateSelection,
  Overseer.CandidateBacking,
  Overseer.CandidateValidation,
  Overseer.StatementDistribution,
  Overseer.PoVDistribution,
  Overseer.MisbehaviorArbitration,
  Overseer.Provisioner,
  Overseer.AvailabilityStore,
  Overseer.AvailabilityRecovery,
  Overseer.DisputeCoordinator
] as const

/** A running validator. */
export interface Honest {
  readonly index: ValidatorIndex
  readonly network: Network.Service
  readonly activate: (leaf: Leaf, old: Hash | undefined) => Effect.Effect<void>
  /** Gives a candidate to backing, as candidate selection would. */
  readonly second: (leaf: Leaf, offer: Offer) => Effect.Effect<void>
  /** What an author at this leaf is told, to the end of the scope. */
  readonly authorship: (
    leaf: Leaf,
    tell: (data: ProvisionableData) => void
  ) => Effect.Effect<void, never, Scope.Scope>
}

/** Starts a validator; it ends with the scope. */
export const start = Effect.fnUntraced(function* (
  index: ValidatorIndex,
  ground: Context.Context<MemoryNetwork.MemoryNetwork | RuntimeApi.RuntimeApi | Pvf.Pvf>
) {
  const app = Layer.mergeAll(
    CandidateBacking.layer(),
    CandidateValidation.layer(),
    StatementDistribution.layer(),
    PoVDistribution.layer(),
    MisbehaviorArbitration.layer(),
    Provisioner.layer(),
    AvailabilityStore.layer(),
    AvailabilityRecovery.layer(),
    Overseer.Subsystem.layerDummy(Overseer.CandidateSelection),
    Overseer.Subsystem.layerDummy(Overseer.CollatorProtocol),
    Overseer.Subsystem.layerDummy(Overseer.DisputeCoordinator)
  ).pipe(
    Layer.provideMerge(Overseer.Overseer.layerManual(addresses)),
    Layer.provideMerge(MemoryNetwork.layerPeer({ peer: nameOf(index), authority: keyOf(nameOf(index)) })),
    Layer.provide([Keys.layer(nameOf(index)), Layer.fresh(Store.layerMemory)])
  )
  const parts = yield* Effect.provideContext(Layer.build(Layer.fresh(app)), ground)
  const overseer = Context.get(parts, Overseer.Overseer.Overseer)
  const backing = Context.get(parts, Overseer.CandidateBacking)
  const provisioner = Context.get(parts, Overseer.Provisioner)
  const honest: Honest = {
    index,
    network: Context.get(parts, Network.Network),
    activate: (leaf, old) =>
      Effect.orDie(overseer.broadcast(Overseer.Signal.activeLeaves(leaf, old === undefined ? [] : [old]))),
    second: ({ hash }, { candidate, pov }) =>
      backing.send({ _tag: "Second", relayParent: hash, candidate, pov }),
    authorship: Effect.fnUntraced(function* (leaf, tell) {
      const sender = yield* Queue.unbounded<ProvisionableData, Cause.Done>()
      yield* provisioner.send({ _tag: "RequestBlockAuthorshipData", relayParent: leaf.hash, sender })
      yield* Stream.fromQueue(sender).pipe(
        Stream.runForEach((data) => Effect.sync(() => tell(data))),
        Effect.forkScoped({ startImmediately: true })
      )
    })
  }
  return honest
})
