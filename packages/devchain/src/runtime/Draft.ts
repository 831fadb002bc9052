/** A state in the making. */
import type { CandidateEvent, ScrapedOnChainVotes, SessionIndex, ValidatorIndex } from "@ephor/types"
import type { DisputeRecord, ParaState, PendingCandidate } from "../DevRuntime.ts"

/** What the parts of an inherent change on the way to the next state. */
export interface Draft {
  readonly number: number
  readonly session: SessionIndex
  /** Validators that this block is made without. */
  readonly disabled: ReadonlySet<ValidatorIndex>
  readonly paras: Array<ParaState>
  readonly cores: Array<PendingCandidate | null>
  disputes: ReadonlyArray<DisputeRecord>
  readonly events: Array<CandidateEvent>
  readonly backing: Array<ScrapedOnChainVotes["backingValidatorsPerCandidate"][number]>
  readonly codes: Array<Uint8Array>
}
