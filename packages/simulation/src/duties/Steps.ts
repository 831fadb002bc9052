/**
 * The steps of a validator's duties at which it may die: each is named after what was done and what was not.
 */
import type { Word } from "./Trap.ts"

/** A step, and the word before which the validator dies. */
export interface Step {
  readonly name: string
  readonly to: string
  readonly tag: string
  /** What else must hold of the message. */
  readonly if?: (message: any) => boolean
}

const step = (name: string, to: string, tag: string, only?: Step["if"]): Step => ({
  name,
  to: to === "Disputes" ? to : `@ephor/overseer/${to}`,
  tag,
  ...(only === undefined ? {} : { if: only })
})

/** From the collator's offer to the verdicts of arbitration. */
export const steps: ReadonlyArray<Step> = [
  step("an offer was selected, not seconded", "CandidateBacking", "Second"),
  step("a candidate was executed, its data not stored", "AvailabilityStore", "StoreAvailableData"),
  step("a statement was signed, not shared", "StatementDistribution", "Share"),
  step(
    "a block backed a candidate, its data was not fetched",
    "AvailabilityRecovery",
    "RecoverAvailableData"
  ),
  step("data is here, the bitfield was not told", "BitfieldDistribution", "Distribute"),
  step(
    "a block included a candidate, its data was not recovered",
    "AvailabilityRecovery",
    "RecoverAvailableData",
    ({ backers }) => backers === undefined
  ),
  step(
    "data was recovered, not executed",
    "CandidateValidation",
    "Validate",
    ({ kind }) => kind === "Approval"
  ),
  step("a candidate was found invalid, not voted about", "DisputeCoordinator", "IssueLocalStatement"),
  step("a dispute was imported, approvals were not gathered", "ApprovalVoting", "ApprovalStatements"),
  step("our vote was imported, not distributed", "DisputeDistribution", "SendDispute"),
  step("a verdict is on disk, its blocks were not left", "Disputes", "Revert"),
  step("a verdict is on disk, nobody was told", "Disputes", "Conclude"),
  step("a dispute was decided, not heard", "MisbehaviorArbitration", "Hearing"),
  step(
    "verdicts were given, not provided",
    "Provisioner",
    "ProvisionableData",
    ({ data }) => data._tag === "Verdicts"
  ),
  step(
    "a chain was approved, its disputes were not asked for",
    "DisputeCoordinator",
    "DetermineUndisputedChain"
  )
]

/** Whether this is the word before which the step has the validator die. */
export const isAt = (step: Step, { message, to }: Word): boolean =>
  step.to === to && step.tag === message._tag && step.if?.(message) !== false
