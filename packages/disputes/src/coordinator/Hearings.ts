/** Telling arbitration how everybody voted, once a dispute is decided. */
import type { CandidateVotes, DisputeStatementSet } from "@ephor/types"
import { Effect } from "effect"
import { isInactive } from "../DisputeStatus.ts"
import type { CheckedVote } from "../VoteImport.ts"
import type { RecentDispute } from "../VotesDb.ts"
import { keyOf, seconds, sessionInfoOf, type State, votesOf } from "./State.ts"

/** All votes with their signatures. */
const statementsOf = (votes: CandidateVotes): DisputeStatementSet["statements"] => [
  ...votes.valid.map(
    ([value, index, signature]) => [{ _tag: "Valid" as const, value }, index, signature] as const
  ),
  ...votes.invalid.map(
    ([value, index, signature]) => [{ _tag: "Invalid" as const, value }, index, signature] as const
  )
]

/** Holds a hearing about a decided dispute; of others nothing is said. The last one is that at which all have voted. */
export const hear = Effect.fnUntraced(function* (
  state: State,
  { candidateHash, session, status }: RecentDispute,
  votes: CandidateVotes,
  validatorCount: number,
  isOver = false
) {
  const { arbitration, closed, leaf } = state
  const key = keyOf(session, candidateHash)
  if (leaf === undefined || !status._tag.startsWith("Concluded") || closed.has(key)) return
  const valid = votes.valid.map(([, index]) => index)
  const invalid = votes.invalid.map(([, index]) => index)
  const isClosed = isOver || new Set([...valid, ...invalid]).size === validatorCount
  if (isClosed) closed.add(key)
  yield* arbitration.sendNow({
    _tag: "Hearing",
    relayParent: leaf,
    session,
    candidateHash,
    isValid: status._tag === "ConcludedFor",
    validatorCount,
    valid,
    invalid,
    isClosed,
    votes: statementsOf(votes)
  })
})

/** A hearing about the authors of these votes alone, which came when the dispute was decided (votes-db). */
export const hearLate = Effect.fnUntraced(function* (
  state: State,
  { candidateHash, session, status }: RecentDispute,
  votes: ReadonlyArray<CheckedVote>,
  validatorCount: number
) {
  const { arbitration, leaf } = state
  if (leaf === undefined) return
  const known = yield* votesOf(state, session, candidateHash)
  const late = votes.map(
    ({ signature, statement, validatorIndex }) => [statement, validatorIndex, signature] as const
  )
  const votersOf = (side: "Valid" | "Invalid") =>
    votes.flatMap(({ statement, validatorIndex }) => (statement._tag === side ? [validatorIndex] : []))
  yield* arbitration.sendNow({
    _tag: "Hearing",
    relayParent: leaf,
    session,
    candidateHash,
    isValid: status._tag === "ConcludedFor",
    validatorCount,
    valid: votersOf("Valid"),
    invalid: votersOf("Invalid"),
    isClosed: false,
    votes: [...(known === undefined ? [] : statementsOf(known)), ...late]
  })
})

/** Closes the hearings about disputes that are no longer active: who has not voted by now has abstained. */
export const closeHearings = Effect.fnUntraced(function* (state: State) {
  const now = yield* seconds
  for (const key of state.closed) if (!state.recent.has(key)) state.closed.delete(key)
  for (const [key, dispute] of state.recent) {
    if (state.closed.has(key) || !isInactive(dispute.status, now)) continue
    const votes = yield* votesOf(state, dispute.session, dispute.candidateHash)
    const info = yield* sessionInfoOf(state, dispute.session, votes?.candidateReceipt)
    if (votes !== undefined && info !== undefined)
      yield* hear(state, dispute, votes, info.validators.length, true)
  }
})
