/** Voting ourselves. */
import type { IssueLocalStatement } from "@ephor/overseer"
import { type DisputeStatement, disputeStatementPayload } from "@ephor/types"
import { Effect } from "effect"
import type { CheckedVote } from "../VoteImport.ts"
import { sessionInfoOf, type State, votesOf, withoutVote } from "./State.ts"
import { importVotes } from "./Importing.ts"
import { tellOthers } from "./OwnVotes.ts"

/** Signs our judgement with each key that has not voted, puts it on disk, and tells the others. */
export const issueLocalStatement = Effect.fn("DisputeCoordinator.issueLocalStatement")(function* (
  state: State,
  { candidate, candidateHash, session, valid }: IssueLocalStatement
) {
  const info = yield* sessionInfoOf(state, session)
  if (info === undefined) {
    return yield* Effect.logWarning("our judgement is not voted: the session is not known", { session })
  }
  const before = yield* votesOf(state, session, candidateHash)
  const votes = before ?? { candidateReceipt: candidate, valid: [], invalid: [] }
  const statement: DisputeStatement = { _tag: valid ? "Valid" : "Invalid", value: { _tag: "Explicit" } }
  const payload = disputeStatementPayload(statement, candidateHash, session)!
  const own: Array<CheckedVote> = []
  for (const validatorIndex of withoutVote(yield* state.keystore.owned(info.validators), votes)) {
    yield* state.keystore.sign(info.validators[validatorIndex]!, payload).pipe(
      Effect.map((signature) => void own.push({ statement, validatorIndex, signature })),
      Effect.catch((error) => Effect.logError("our judgement is not voted", error))
    )
  }
  if (own.length === 0) return
  yield* importVotes(state, { session, candidateHash, candidate, votes: own }, (refusal) =>
    refusal === undefined ? tellOthers(state, session, votes, own) : Effect.void
  )
})
