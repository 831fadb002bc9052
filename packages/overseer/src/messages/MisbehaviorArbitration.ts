/**
 * Misbehaviour arbitration: judges reports against validators and passes on what holds.
 */
import type {
  CandidateHash,
  CandidateReceipt,
  DisputeStatementSet,
  Hash,
  SessionIndex,
  SignedFullStatement,
  ValidatorIndex
} from "@ephor/types"
import * as Subsystem from "../Subsystem.ts"
import { Provisioner } from "./Provisioner.ts"

/** These validators (or we ourselves) disagree about whether the candidate is valid. Statements in arbitrary order. */
export interface CandidateValidityDisagreement {
  readonly _tag: "CandidateValidityDisagreement"
  readonly relayParent: Hash
  readonly receipt: CandidateReceipt
  readonly statements: ReadonlyArray<SignedFullStatement>
}

/** One validator contradicts itself about one candidate. */
export interface SelfContradiction {
  readonly _tag: "SelfContradiction"
  readonly relayParent: Hash
  readonly receipt: CandidateReceipt
  readonly first: SignedFullStatement
  readonly second: SignedFullStatement
}

/** One validator seconded more than one candidate at the relay parent. */
export interface DoubleVote {
  readonly _tag: "DoubleVote"
  readonly relayParent: Hash
  readonly receipt: CandidateReceipt
  readonly first: SignedFullStatement
  readonly second: SignedFullStatement
}

/** All validators of the session were called in about a candidate; this is how those voted that came. */
export interface Hearing {
  readonly _tag: "Hearing"
  /** The head at which it was held: its authors learn of the verdicts. */
  readonly relayParent: Hash
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  /** What more than two thirds agree upon. */
  readonly isValid: boolean
  readonly validatorCount: number
  readonly valid: ReadonlyArray<ValidatorIndex>
  readonly invalid: ReadonlyArray<ValidatorIndex>
  /** Nobody else is waited for. Until then, who has not voted may still do so, and another hearing follows. */
  readonly isClosed: boolean
  /** Their votes with signatures: what proves a verdict to others. */
  readonly votes?: DisputeStatementSet["statements"]
}

/**
 * What misbehaviour arbitration listens to (overseer protocol, "Misbehavior Arbitration Message"): the reports of
 * `MisbehaviorReport`, and what became of those that all validators were called in for.
 */
export type MisbehaviorArbitrationMessage =
  | CandidateValidityDisagreement
  | SelfContradiction
  | DoubleVote
  | Hearing

/** A report, with the relay parent whose signing context its statements belong to. */
export type MisbehaviorReportMessage = Exclude<MisbehaviorArbitrationMessage, Hearing>

/** Address of misbehaviour arbitration. */
export class MisbehaviorArbitration extends Subsystem.Service<
  MisbehaviorArbitration,
  MisbehaviorArbitrationMessage
>()("@ephor/overseer/MisbehaviorArbitration", { sends: () => [Provisioner] }) {}
