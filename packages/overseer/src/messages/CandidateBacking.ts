/**
 * Candidate backing: seconds, tallies what peers state, and knows which candidates may enter a block.
 */
import type {
  BackedCandidate,
  CandidateHash,
  CandidateReceipt,
  Hash,
  PoV,
  SignedFullStatement
} from "@ephor/types"
import type { Cause, Deferred, Queue } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityStore } from "./AvailabilityStore.ts"
import { CandidateValidation } from "./CandidateValidation.ts"
import { PoVDistribution } from "./PoVDistribution.ts"
import { StatementDistribution } from "./StatementDistribution.ts"

/**
 * Offer every candidate that becomes backable in a child of the relay parent to `watcher`: those that are already
 * backable at once, then each new one. Backing ends the queue when the relay parent is left.
 */
export interface RegisterBackingWatcher {
  readonly _tag: "RegisterBackingWatcher"
  readonly relayParent: Hash
  readonly watcher: Queue.Enqueue<BackedCandidate, Cause.Done>
}

/** Second this candidate at the relay parent, if it validates. */
export interface Second {
  readonly _tag: "Second"
  readonly relayParent: Hash
  readonly candidate: CandidateReceipt
  readonly pov: PoV
}

/** Whether it makes sense to second this candidate, asked before its proof is fetched from a collator. */
export interface CanSecond {
  readonly _tag: "CanSecond"
  readonly relayParent: Hash
  readonly candidateHash: CandidateHash
  readonly reply: Deferred.Deferred<boolean>
}

/** A peer validator's statement, whose signature backing checks. */
export interface BackingStatement {
  readonly _tag: "Statement"
  readonly relayParent: Hash
  readonly statement: SignedFullStatement
}

/** Which candidates are backable in a child of the relay parent. */
export interface GetBackedCandidates {
  readonly _tag: "GetBackedCandidates"
  readonly relayParent: Hash
  readonly reply: Deferred.Deferred<ReadonlyArray<BackedCandidate>>
}

/** What candidate backing listens to (overseer protocol, "Candidate Backing Message"). */
export type CandidateBackingMessage =
  | RegisterBackingWatcher
  | Second
  | CanSecond
  | BackingStatement
  | GetBackedCandidates

/** Address of candidate backing. */
export class CandidateBacking extends Subsystem.Service<CandidateBacking, CandidateBackingMessage>()(
  "@ephor/overseer/CandidateBacking",
  {
    sends: () => [CandidateValidation, AvailabilityStore, StatementDistribution],
    // Selection, the collator protocol and the provisioner ask backing: what backing tells them must not wait for them.
    sendsNow: () => [
      PoVDistribution,
      "@ephor/overseer/CandidateSelection",
      "@ephor/overseer/CollatorProtocol",
      "@ephor/overseer/Provisioner",
      "@ephor/overseer/MisbehaviorArbitration"
    ]
  }
) {}
