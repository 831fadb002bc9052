/**
 * Candidate validation: runs the parachain's validation function and answers. It issues no statement: who asks signs.
 */
import type {
  CandidateCommitments,
  CandidateReceipt,
  Hash,
  PersistedValidationData,
  PoV,
  UMPSignalFault,
  ValidatorIndex
} from "@ephor/types"
import type { Deferred } from "effect"
import * as Subsystem from "../Subsystem.ts"
import { AvailabilityRecovery } from "./AvailabilityRecovery.ts"

/** Where the proof of validity comes from: here it is, or it has to be fetched from a peer, `backers` first if they are known. */
export type PoVOrigin =
  | { readonly _tag: "Included"; readonly pov: PoV }
  | {
      readonly _tag: "Network"
      readonly receipt: CandidateReceipt
      readonly backers?: ReadonlyArray<ValidatorIndex> | undefined
    }

/** Why a candidate is executed: it sets the time limit (2 s for backing, 12 s else) and the priority. */
export type ValidationKind = "Backing" | "Approval" | "Dispute"

/** Validate a candidate in the context of a relay parent. What is not given is read from the chain's state. */
export interface Validate {
  readonly _tag: "Validate"
  readonly candidate: CandidateReceipt
  readonly relayParent: Hash
  readonly povOrigin: PoVOrigin
  readonly kind: ValidationKind
  readonly persistedValidationData?: PersistedValidationData | undefined
  readonly validationCode?: Uint8Array | undefined
  readonly reply: Deferred.Deferred<ValidationOutcome>
}

/** Why a candidate is invalid: everybody who looks must come to the same result. */
export type InvalidReason =
  /** The validation function trapped, or broke its interface. */
  | { readonly _tag: "ExecutionError"; readonly why: string }
  /** The runtime refuses the outputs. */
  | { readonly _tag: "InvalidOutputs" }
  /** It ran longer than its kind allows. */
  | { readonly _tag: "Timeout" }
  | { readonly _tag: "ParamsTooLarge"; readonly size: number }
  | { readonly _tag: "CodeTooLarge"; readonly size: number }
  | { readonly _tag: "PoVDecompressionFailure" }
  /** The result does not decode. */
  | { readonly _tag: "BadReturn" }
  /** No persisted validation data of the relay parent has the hash in the descriptor. */
  | { readonly _tag: "BadParent" }
  | { readonly _tag: "PoVHashMismatch" }
  /** The collator's signature does not verify: a rule of 2020, that today's validators do not have. */
  | { readonly _tag: "BadSignature" }
  | { readonly _tag: "ParaHeadHashMismatch" }
  | { readonly _tag: "CodeHashMismatch" }
  | { readonly _tag: "CommitmentsHashMismatch" }
  /** The descriptor names another session than the relay parent's. */
  | { readonly _tag: "InvalidSessionIndex" }
  /** Signals among the upward messages contradict the descriptor. */
  | { readonly _tag: "InvalidUMPSignals"; readonly fault: UMPSignalFault }

/** The judgement; `Failed` is our own trouble (no PoV, no state, a dead worker): abstain, never vote invalid. */
export type ValidationOutcome =
  | {
      readonly _tag: "Valid"
      readonly commitments: CandidateCommitments
      readonly persistedValidationData: PersistedValidationData
      /** The proof, if it was fetched from the network. */
      readonly pov?: PoV | undefined
    }
  | { readonly _tag: "Invalid"; readonly reason: InvalidReason }
  | {
      readonly _tag: "Failed"
      readonly why: string
      /** What nobody gave: somebody else, or a later try, may. */
      readonly missing?: "PoV" | undefined
    }

/** What candidate validation listens to (overseer protocol, "Validation Request Type"). */
export type CandidateValidationMessage = Validate

/** Address of candidate validation. */
export class CandidateValidation extends Subsystem.Service<CandidateValidation, CandidateValidationMessage>()(
  "@ephor/overseer/CandidateValidation",
  { sends: () => [AvailabilityRecovery] }
) {}
