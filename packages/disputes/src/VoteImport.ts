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
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"
import { byzantine } from "./Thresholds.ts"
import * as Votes from "./CandidateVotes.ts"

/** A vote whose signature was verified. */
export interface CheckedVote {
  readonly statement: DisputeStatement
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
  /** The key that it was verified with; votes that came on chain name none. */
  readonly validatorId?: ValidatorId | undefined
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
  /** Validators that had no vote on either side. */
  readonly newVoters: ReadonlyArray<ValidatorIndex>
  /** Validators that had no vote on that side. */
  readonly newValidVoters: ReadonlyArray<ValidatorIndex>
  readonly newInvalidVoters: ReadonlyArray<ValidatorIndex>
  readonly assessment: Votes.Assessment
  readonly status: DisputeStatus | undefined
  readonly freshlyDisputed: boolean
  readonly freshlyConcluded: "valid" | "invalid" | undefined
  /** More than `f` call it invalid, for the first time. */
  readonly freshlyByzantineAgainst: boolean
  /** See `isPotentialSpam`: it must pay with spam slots, and nobody takes part in it. */
  readonly potentialSpam: boolean
}

/** Whether a vote comes from a validator of the session, signed with the key that this session knows it by. */
export const belongsTo = (info: SessionInfo, { validatorId, validatorIndex }: CheckedVote): boolean => {
  const known = info.validators[validatorIndex]
  return known !== undefined && (validatorId === undefined || validatorId === known)
}

/**
 * Whether nothing but the word of a few speaks for a dispute: it is not confirmed, and either the candidate was never
 * seen on the chain, or only disabled validators call it invalid.
 */
export const isPotentialSpam = (
  sides: Votes.Sides,
  assessment: Votes.Assessment,
  disabled: ReadonlySet<ValidatorIndex>,
  seenOnChain: boolean
): boolean =>
  sides.invalid.length > 0 &&
  !assessment.confirmed &&
  ((assessment.disputed && !seenOnChain) || sides.invalid.every(([, validator]) => disabled.has(validator)))

/** Applies checked votes to a record, at a time in seconds. The era says whose rules decide which votes are kept. */
export const apply = (
  before: Before,
  votes: ReadonlyArray<CheckedVote>,
  now: number,
  era: "current" | "seed" = "current"
): Outcome => {
  const old: Votes.Sides = before.votes ?? Votes.none
  const voted = new Set([...old.valid, ...old.invalid].map(([, validator]) => validator))
  let sides = old
  const newVoters = new Set<ValidatorIndex>()
  const newValidVoters: Array<ValidatorIndex> = []
  const newInvalidVoters: Array<ValidatorIndex> = []
  for (const { signature, statement, validatorIndex } of votes) {
    const step = addIn(era, sides, statement, validatorIndex, signature)
    sides = step.sides
    if (step.added !== "new") continue
    if (!voted.has(validatorIndex)) newVoters.add(validatorIndex)
    ;(statement._tag === "Invalid" ? newInvalidVoters : newValidVoters).push(validatorIndex)
  }
  const n = before.info.validators.length
  const assessment = Votes.assess(sides, n, before.disabled)
  const status = Votes.statusAfter(before.status, assessment, now)
  const wasByzantineAgainst = before.status !== undefined && old.invalid.length > byzantine(n)
  return {
    votes: { candidateReceipt: before.candidate, valid: sides.valid, invalid: sides.invalid },
    changed: sides !== old,
    newVoters: [...newVoters],
    newValidVoters,
    newInvalidVoters,
    assessment,
    status,
    freshlyDisputed: before.status === undefined && status !== undefined,
    freshlyConcluded: conclusion(before.status, status),
    freshlyByzantineAgainst: assessment.byzantineAgainst && !wasByzantineAgainst,
    potentialSpam: isPotentialSpam(sides, assessment, before.disabled, before.seenOnChain)
  }
}

const addIn = (
  era: "current" | "seed",
  sides: Votes.Sides,
  statement: DisputeStatement,
  validator: ValidatorIndex,
  signature: Signature
): { readonly sides: Votes.Sides; readonly added: Votes.Added } => {
  if (era === "current") return Votes.add(sides, statement, validator, signature)
  const { sides: next, stored } = Votes.importSeed(sides, statement, validator, signature)
  return { sides: next, added: stored ? "new" : "ignored" }
}

const conclusion = (
  before: DisputeStatus | undefined,
  after: DisputeStatus | undefined
): "valid" | "invalid" | undefined => {
  if (after === undefined || after._tag === before?._tag) return undefined
  return after._tag === "ConcludedFor" ? "valid" : after._tag === "ConcludedAgainst" ? "invalid" : undefined
}
