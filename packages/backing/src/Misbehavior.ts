/**
 * Whether a report of misbehaviour proves anything, besides its signatures. (Overseer protocol, "Misbehavior
 * Arbitration Message".)
 */
import type { MisbehaviorReportMessage } from "@ephor/overseer"
import { candidateHash, type SignedFullStatement, statementCandidate } from "@ephor/types"

/** The statements a report consists of. */
export const statementsOf = (report: MisbehaviorReportMessage): ReadonlyArray<SignedFullStatement> =>
  report._tag === "CandidateValidityDisagreement" ? report.statements : [report.first, report.second]

/**
 * What is wrong with a report, or nothing. Two equal statements prove nothing, and neither do statements of two
 * validators.
 */
export const fault = (report: MisbehaviorReportMessage): string | undefined => {
  const reported = candidateHash(report.receipt)
  if (report._tag === "CandidateValidityDisagreement") {
    if (report.statements.length === 0) return "there is no statement"
    return report.statements.some(({ payload }) => statementCandidate(payload) !== reported)
      ? "a statement is about another candidate"
      : undefined
  }
  const { first, second } = report
  if (first.validatorIndex !== second.validatorIndex) return "the statements are of two validators"
  const candidates = [statementCandidate(first.payload), statementCandidate(second.payload)] as const
  if (report._tag === "SelfContradiction") {
    if (candidates.some((candidate) => candidate !== reported))
      return "a statement is about another candidate"
    return first.payload._tag === second.payload._tag ? "the statements agree" : undefined
  }
  if (first.payload._tag !== "Seconded" || second.payload._tag !== "Seconded")
    return "a statement seconds nothing"
  if (candidates[0] === candidates[1]) return "both statements second the same candidate"
  return candidates.includes(reported) ? undefined : "neither statement is about the candidate"
}

/** Reports with the same key tell the author the same. */
export const keyOf = (report: MisbehaviorReportMessage): string =>
  report._tag === "CandidateValidityDisagreement"
    ? `${report.relayParent}/${report._tag}/${candidateHash(report.receipt)}`
    : `${report.relayParent}/${report._tag}/${report.first.validatorIndex}`
