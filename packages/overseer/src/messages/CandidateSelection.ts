/**
 * Candidate selection: decides which parablock, of those that collators offer, is worth seconding.
 */
import type { CandidateReceipt, CollatorId, Hash, ParachainBlock, PoV } from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { CandidateBacking } from "./CandidateBacking.ts"
import { CandidateValidation } from "./CandidateValidation.ts"

/** A collator offers a candidate; the receipt is what the collator signed. */
export interface NewCandidate {
  readonly _tag: "NewCandidate"
  readonly relayParent: Hash
  readonly collator: CollatorId
  readonly candidate: CandidateReceipt
  readonly pov: PoV
  readonly block: ParachainBlock
  /** The peer of the network that sent it; nothing, if it comes from this process. */
  readonly peer?: string | undefined
}

/** A candidate that selection recommended turned out to be invalid: penalise whoever offered it. */
export interface InvalidCandidate {
  readonly _tag: "Invalid"
  readonly relayParent: Hash
  readonly candidate: CandidateReceipt
}

/** What candidate selection listens to (overseer protocol, "Candidate Selection Message"). */
export type CandidateSelectionMessage = NewCandidate | InvalidCandidate

/** Address of candidate selection. */
export class CandidateSelection extends Subsystem.Service<CandidateSelection, CandidateSelectionMessage>()(
  "@ephor/overseer/CandidateSelection",
  {
    sends: () => [CandidateValidation, CandidateBacking],
    // The collator protocol hands in candidates here.
    sendsNow: () => ["@ephor/overseer/CollatorProtocol"]
  }
) {}
