/**
 * What importing votes about one candidate changes, decided without any effect: which votes are new, whether that
 * opens, confirms or concludes a dispute, whether it is spam.
 */
import type {
  CandidateReceipt,
  CandidateVotes,
  DisputeStatement,
  DisputeStatus,
  SessionIndex,
  SessionInfo,
  Signature,
  ValidatorIndex
} from "@ephor/types"
import * as Votes from "./CandidateVotes.ts"

/** A checked vote. */
export interface CheckedVote {
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
}

/** What the coordinator knows before an import. */
export interface Before {
  readonly candidate: CandidateReceipt
  readonly session: SessionIndex
  readonly votes: CandidateVotes | undefined
  readonly status: DisputeStatus | undefined
  readonly info: SessionInfo
  readonly disabled: ReadonlySet<ValidatorIndex>
  /** The candidate was seen backed or included on the chain: it passed anti-spam there. */
  readonly seenOnChain: boolean
}

/** What an import comes to. */
export interface Outcome {
  readonly votes: CandidateVotes
  readonly changed: boolean
  readonly newVoters: ReadonlyArray<ValidatorIndex>
  readonly newInvalidVoters: ReadonlyArray<ValidatorIndex>
  readonly assessment: Votes.Assessment
  readonly status: DisputeStatus | undefined
  readonly freshlyDisputed: boolean
  readonly freshlyConcluded: "valid" | "invalid" | undefined
  /** Nothing but the word of a few speaks for the dispute: it must pay with spam slots. */
  readonly potentialSpam: boolean
}

/** Applies checked votes to a record, at a time in seconds. */
export const apply = (before: Before, votes: ReadonlyArray<CheckedVote>, now: number): Outcome => {
  const old: Votes.Sides = before.votes ?? Votes.none
  const voted = new Set([...old.valid, ...old.invalid].map(([, validator]) => validator))
  let sides = old
  const newVoters = new Set<ValidatorIndex>()
  const newInvalidVoters: Array<ValidatorIndex> = []
  for (const { signature, statement, validatorIndex } of votes) {
    const step = Votes.add(sides, statement, validatorIndex, signature)
    sides = step.sides
    if (step.added !== "new") continue
    if (!voted.has(validatorIndex)) newVoters.add(validatorIndex)
    if (statement._tag === "Invalid") newInvalidVoters.push(validatorIndex)
  }
  const n = before.info.validators.length
  const assessment = Votes.assess(sides, n, before.disabled)
  const status = Votes.statusAfter(before.status, assessment, now)
  const onlyDisabledRaise = sides.invalid.every(([, validator]) => before.disabled.has(validator))
  return {
    votes: { candidateReceipt: before.candidate, valid: sides.valid, invalid: sides.invalid },
    changed: sides !== old,
    newVoters: [...newVoters],
    newInvalidVoters,
    assessment,
    status,
    freshlyDisputed: before.status === undefined && status !== undefined,
    freshlyConcluded: conclusion(before.status, status),
    potentialSpam:
      sides.invalid.length > 0 &&
      !assessment.confirmed &&
      ((assessment.disputed && !before.seenOnChain) || onlyDisabledRaise)
  }
}

const conclusion = (
  before: DisputeStatus | undefined,
  after: DisputeStatus | undefined
): "valid" | "invalid" | undefined => {
  if (after === undefined || after._tag === before?._tag) return undefined
  return after._tag === "ConcludedFor" ? "valid" : after._tag === "ConcludedAgainst" ? "invalid" : undefined
}
