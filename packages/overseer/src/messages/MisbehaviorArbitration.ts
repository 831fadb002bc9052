/**
 * Misbehaviour arbitration: judges reports against validators and passes on what holds.
 */
import type { CandidateReceipt, Hash, SignedFullStatement } from "@ephor/types"
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

/**
 * What misbehaviour arbitration listens to (overseer protocol, "Misbehavior Arbitration Message"): the reports of
 * `MisbehaviorReport`, with the relay parent whose signing context the statements belong to.
 */
export type MisbehaviorArbitrationMessage = CandidateValidityDisagreement | SelfContradiction | DoubleVote

/** Address of misbehaviour arbitration. */
export class MisbehaviorArbitration extends Subsystem.Service<
  MisbehaviorArbitration,
  MisbehaviorArbitrationMessage
>()("@ephor/overseer/MisbehaviorArbitration", { sends: () => [Provisioner] }) {}
