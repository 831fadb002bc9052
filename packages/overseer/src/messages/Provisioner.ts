/**
 * Provisioner: collects what may go into the next relay-chain block, and hands it to its author.
 */
import type { Hash, InherentData, ProvisionableData } from "@ephor/types"
import type { Cause, Deferred, Queue } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { CandidateBacking } from "./CandidateBacking.ts"
import { DisputeCoordinator } from "./DisputeCoordinator.ts"

/** Keep a possible author of a child of the relay parent updated: data so far, then each new datum. */
export interface RequestBlockAuthorshipData {
  readonly _tag: "RequestBlockAuthorshipData"
  readonly relayParent: Hash
  readonly sender: Queue.Enqueue<ProvisionableData, Cause.Done>
}

/** What to put into a child of the relay parent, chosen and ordered. The author adds the parent's header. */
export interface RequestInherentData {
  readonly _tag: "RequestInherentData"
  readonly relayParent: Hash
  readonly reply: Deferred.Deferred<ProvisionerInherentData>
}

/** The provisioner's part of the parachains inherent. */
export type ProvisionerInherentData = Pick<InherentData, "bitfields" | "backedCandidates" | "disputes">

/** This should become part of a block that builds upon the relay parent. */
export interface ProvideData {
  readonly _tag: "ProvisionableData"
  readonly relayParent: Hash
  readonly data: ProvisionableData
}

/** What the provisioner listens to (overseer protocol, "Provisioner Message"). */
export type ProvisionerMessage = RequestBlockAuthorshipData | RequestInherentData | ProvideData

/** Address of the provisioner. */
export class Provisioner extends Subsystem.Service<Provisioner, ProvisionerMessage>()(
  "@ephor/overseer/Provisioner",
  { sends: () => [CandidateBacking, DisputeCoordinator] }
) {}
