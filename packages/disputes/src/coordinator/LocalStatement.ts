/** Voting ourselves. */
import type { IssueLocalStatement } from "@ephor/overseer"
import { type DisputeStatement, disputeStatementPayload } from "@ephor/types"
import { Effect, Metric } from "effect"
import * as Metrics from "../Metrics.ts"
import { isAncient } from "../SessionWindow.ts"
import type { CheckedVote } from "../VoteImport.ts"
import { keyOf, sessionInfoOf, type State, votesOf, withoutVote } from "./State.ts"
import { importVotes } from "./Importing.ts"
import { tellOthers } from "./OwnVotes.ts"

/** Keeps a judgement for the next leaf, unless its session is past; the oldest gives way when there are too many. */
const keep = Effect.fnUntraced(function* (state: State, message: IssueLocalStatement, why: string) {
  const { highest, options, unvoted } = state
  yield* Effect.logWarning("our judgement is not voted yet", { candidate: message.candidateHash, why })
  if (isAncient(message.session, highest, options.disputeWindow, options.era)) return
  unvoted.set(keyOf(message.session, message.candidateHash), message)
  if (unvoted.size <= options.unvotedJudgements) return
  unvoted.delete(unvoted.keys().next().value!)
  yield* Metric.update(Metrics.judgementsDropped, 1)
})

/** Tries again what could not be voted before. */
export const issueAgain = Effect.fnUntraced(function* (state: State) {
  const waiting = [...state.unvoted.values()]
  state.unvoted.clear()
  for (const message of waiting) yield* issueLocalStatement(state, message)
})

/**
 * Signs our judgement with each key that has not voted, puts it on disk, and tells the others. What only a passing state
 * forbids (an unknown session, a key that cannot sign, spam slots that are full) is tried again with each leaf.
 */
export const issueLocalStatement = Effect.fn("DisputeCoordinator.issueLocalStatement")(function* (
  state: State,
  message: IssueLocalStatement
) {
  const { candidate, candidateHash, session, valid } = message
  const info = yield* sessionInfoOf(state, session, candidate)
  if (info === undefined) return yield* keep(state, message, "the session is not known")
  const before = yield* votesOf(state, session, candidateHash)
  const votes = before ?? { candidateReceipt: candidate, valid: [], invalid: [] }
  const statement: DisputeStatement = { _tag: valid ? "Valid" : "Invalid", value: { _tag: "Explicit" } }
  const payload = disputeStatementPayload(statement, candidateHash, session)!
  const own: Array<CheckedVote> = []
  for (const validatorIndex of withoutVote(yield* state.keystore.owned(info.validators), votes)) {
    yield* state.keystore.sign(info.validators[validatorIndex]!, payload).pipe(
      Effect.map((signature) => void own.push({ statement, validatorIndex, signature })),
      Effect.catch((error) => keep(state, message, error.message))
    )
  }
  if (own.length === 0) return
  yield* importVotes(state, { session, candidateHash, candidate, votes: own }, (refusal) =>
    refusal === undefined
      ? tellOthers(state, session, votes, own)
      : refusal.reason._tag === "Spam"
        ? keep(state, message, refusal.message)
        : Effect.void
  )
})
