/**
 * Evidence in a block: what it proves, and what follows. Whatever does not hold is left out, as if it had not been there;
 * so is what changes nothing, because it is known.
 */
import { fractionPerbill } from "@ephor/chain/Slash"
import {
  candidateHash,
  type Contradiction,
  type DisputeOffenceKind,
  disputeStatementPayload,
  type DisputeStatementSet,
  type Evidence,
  type ProvenVerdicts,
  type SessionIndex,
  type SignedFullStatement,
  statementCandidate,
  statementPayload,
  toCompact,
  type ValidatorIndex
} from "@ephor/types"
import type { Context } from "../DevRuntime.ts"
import * as Books from "./Books.ts"
import { faulty } from "./Disputes.ts"

interface Block {
  readonly number: number
  readonly session: SessionIndex
}

const isKnown = ({ options }: Context, session: SessionIndex, block: Block) =>
  session <= block.session && session + options.disputePeriod >= block.session

const isSigned = (
  { options, verify }: Context,
  { relayParent, session }: Contradiction,
  { payload, signature, validatorIndex }: SignedFullStatement
): boolean => {
  const key = options.validators[validatorIndex]
  const context = { sessionIndex: session, parentHash: relayParent }
  return key !== undefined && verify(key, statementPayload(toCompact(payload), context), signature)
}

/** Why a contradiction proves nothing, or nothing. */
const contradictionFault = (
  context: Context,
  kind: "SelfContradiction" | "DoubleVote",
  given: Contradiction,
  block: Block
): string | undefined => {
  const { first, receipt, second, session } = given
  if (!isKnown(context, session, block)) return "its session is over, or has not begun"
  if (first.validatorIndex !== second.validatorIndex) return "the statements are of two validators"
  const [one, other] = [statementCandidate(first.payload), statementCandidate(second.payload)]
  const about = candidateHash(receipt)
  if (kind === "SelfContradiction") {
    if (one !== about || other !== about) return "a statement is about another candidate"
    if (first.payload._tag === second.payload._tag) return "the statements agree"
  } else {
    if (first.payload._tag !== "Seconded" || second.payload._tag !== "Seconded")
      return "a statement seconds nothing"
    if (one === other) return "both statements second the same candidate"
    if (one !== about && other !== about) return "neither statement is about the candidate"
  }
  return undefined
}

const areSigned = (
  { options, verify }: Context,
  { candidateHash: candidate, session, statements }: DisputeStatementSet
): boolean =>
  statements.every(([statement, validator, signature]) => {
    const key = options.validators[validator]
    const payload = disputeStatementPayload(statement, candidate, session)
    return key !== undefined && payload !== undefined && verify(key, payload, signature)
  })

/** Who was on which side; of those who called it valid, whether by backing it. */
const sidesOf = ({ statements }: DisputeStatementSet) => {
  const valid = new Map<ValidatorIndex, boolean>()
  const invalid = new Set<ValidatorIndex>()
  for (const [statement, validator] of statements) {
    if (statement._tag === "Invalid") invalid.add(validator)
    else valid.set(validator, valid.get(validator) === true || statement.value._tag.startsWith("Backing"))
  }
  return { valid, invalid }
}

const offenceOf = (kind: DisputeOffenceKind["_tag"]) => fractionPerbill({ _tag: kind })

/** The books after verdicts that hold, or why they do not. */
const judge = (
  context: Context,
  books: Books.Books,
  given: ProvenVerdicts,
  block: Block
): Books.Books | string => {
  const { options } = context
  const { candidateHash: candidate, session } = given.votes
  if (!isKnown(context, session, block)) return "its session is over, or has not begun"
  const sides = sidesOf(given.votes)
  const needed = options.validators.length - faulty(options.validators.length)
  const isInvalid = sides.invalid.size >= needed
  if (!isInvalid && sides.valid.size < needed) return "the votes decide nothing"
  const [won, lost] = isInvalid ? [sides.invalid, sides.valid] : [sides.valid, sides.invalid]
  let next = books
  for (const { judgement, validatorIndex } of given.verdicts) {
    if (judgement._tag === "LightSlash") return "that somebody did not vote cannot be proven"
    if (judgement._tag === "Reward") {
      if (!won.has(validatorIndex) || lost.has(validatorIndex))
        return "a reward is for somebody who did not win"
      next = Books.reward(options, next, { session, candidateHash: candidate }, validatorIndex)
      continue
    }
    if (!lost.has(validatorIndex)) return "a slash is for somebody who did not lose"
    const kind = !isInvalid
      ? "AgainstValid"
      : sides.valid.get(validatorIndex) === true
        ? "ForInvalidBacked"
        : "ForInvalidApproved"
    const offence = { session, validatorIndex, perbill: offenceOf(kind) }
    next = Books.penalise(options, next, offence, block.number)
  }
  return next
}

/** The books after one piece of evidence, or why it is left out. Signatures come last: they cost most. */
export const weigh = (
  context: Context,
  books: Books.Books,
  evidence: Evidence,
  block: Block
): Books.Books | string => {
  if (evidence._tag === "Verdicts") {
    const next = judge(context, books, evidence.value, block)
    if (next === books) return "it changes nothing"
    return typeof next === "string" || areSigned(context, evidence.value.votes)
      ? next
      : "a vote has no valid signature"
  }
  const { value } = evidence
  const fault = contradictionFault(context, evidence._tag, value, block)
  if (fault !== undefined) return fault
  const { first, second, session } = value
  const { contradictionPerbill: perbill } = context.options
  const offence = { session, validatorIndex: first.validatorIndex, perbill }
  const next = Books.penalise(context.options, books, offence, block.number)
  if (next === books) return "it changes nothing"
  return isSigned(context, value, first) && isSigned(context, value, second)
    ? next
    : "a signature does not verify"
}

/** Takes in what holds, at most so many pieces as a block may carry. */
export const admit = (
  context: Context,
  before: Books.Books,
  offered: ReadonlyArray<Evidence>,
  block: Block
): { readonly books: Books.Books; readonly accepted: ReadonlyArray<Evidence> } => {
  let books = before
  const accepted: Array<Evidence> = []
  for (const evidence of offered.slice(0, context.options.evidencePerBlock)) {
    const next = weigh(context, books, evidence, block)
    if (typeof next === "string") continue
    books = next
    accepted.push(evidence)
  }
  return { books, accepted }
}
