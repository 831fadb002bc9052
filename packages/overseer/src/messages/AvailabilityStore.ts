/**
 * Availability store: keeps the data that makes candidates checkable by others.
 */
import type { AvailableData, CandidateHash } from "@ephor/types"
import type { Deferred, Option } from "effect"
import * as Subsystem from "../Subsystem.ts"

/** Keep the data of a candidate; the reply says whether it is on disk. */
export interface StoreAvailableData {
  readonly _tag: "StoreAvailableData"
  readonly candidateHash: CandidateHash
  readonly data: AvailableData
  readonly reply: Deferred.Deferred<boolean>
}

/** The data of a candidate, if it is here. */
export interface QueryAvailableData {
  readonly _tag: "QueryAvailableData"
  readonly candidateHash: CandidateHash
  readonly reply: Deferred.Deferred<Option.Option<AvailableData>>
}

/** Whether the data of a candidate is here. */
export interface QueryDataAvailability {
  readonly _tag: "QueryDataAvailability"
  readonly candidateHash: CandidateHash
  readonly reply: Deferred.Deferred<boolean>
}

/** What the availability store listens to. */
export type AvailabilityStoreMessage = StoreAvailableData | QueryAvailableData | QueryDataAvailability

/** Address of the availability store. */
export class AvailabilityStore extends Subsystem.Service<AvailabilityStore, AvailabilityStoreMessage>()(
  "@ephor/overseer/AvailabilityStore"
) {}
