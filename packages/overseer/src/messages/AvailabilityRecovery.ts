/**
 * Availability recovery: brings together the data of a candidate from whoever has it.
 */
import type { AvailableData, CandidateReceipt, SessionIndex, ValidatorIndex } from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityStore } from "./AvailabilityStore.ts"

/** Recover the data of a candidate of a session, asking `backers` first if they are known. */
export interface RecoverAvailableData {
  readonly _tag: "RecoverAvailableData"
  readonly candidate: CandidateReceipt
  readonly session: SessionIndex
  readonly backers?: ReadonlyArray<ValidatorIndex> | undefined
  readonly reply: Deferred.Deferred<RecoveryOutcome>
}

/** `Unavailable`: nobody had it, so no vote. `InvalidData`: what was recovered is not what the descriptor commits to. */
export type RecoveryOutcome =
  | { readonly _tag: "Recovered"; readonly data: AvailableData }
  | { readonly _tag: "Unavailable" }
  | { readonly _tag: "InvalidData" }

/** What availability recovery listens to. */
export type AvailabilityRecoveryMessage = RecoverAvailableData

/** Address of availability recovery. */
export class AvailabilityRecovery extends Subsystem.Service<
  AvailabilityRecovery,
  AvailabilityRecoveryMessage
>()("@ephor/overseer/AvailabilityRecovery", { sends: () => [AvailabilityStore] }) {}
