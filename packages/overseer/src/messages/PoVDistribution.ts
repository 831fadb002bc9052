/**
 * PoV distribution: brings proofs of validity to the validators that wait for them.
 */
import type { CandidateDescriptor, Hash, PoV } from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"

/** Wait for a proof of validity under a relay parent; answered when it is here, or not at all once the leaf is left. */
export interface FetchPoV {
  readonly _tag: "FetchPoV"
  readonly relayParent: Hash
  readonly descriptor: CandidateDescriptor
  readonly reply: Deferred.Deferred<PoV>
}

/** We have a proof of validity: give it to whoever waits for it. */
export interface DistributePoV {
  readonly _tag: "DistributePoV"
  readonly relayParent: Hash
  readonly descriptor: CandidateDescriptor
  readonly pov: PoV
}

/** What PoV distribution listens to (polkadot, autumn 2020). */
export type PoVDistributionMessage = FetchPoV | DistributePoV

/** Address of PoV distribution. */
export class PoVDistribution extends Subsystem.Service<PoVDistribution, PoVDistributionMessage>()(
  "@ephor/overseer/PoVDistribution"
) {}
