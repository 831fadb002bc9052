/** Our own votes: having them made, and telling others. */
import {
  type CandidateHash,
  type CandidateVotes,
  candidateHash as hashOf,
  type DisputeRequest,
  type SessionIndex,
  type SessionInfo,
  type ValidatorIndex
} from "@ephor/types"
import { Effect } from "effect"
import { isInactive } from "../DisputeStatus.ts"
import type { CheckedVote } from "../VoteImport.ts"
import { isSpam, keyOf, seconds, sessionInfoOf, type State, votesOf, withoutVote } from "./State.ts"

/** Asks for an opinion of our own, unless every key of ours has spoken. */
export const participate = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  votes: CandidateVotes,
  info: SessionInfo
) {
  if (withoutVote(yield* state.keystore.owned(info.validators), votes).length === 0) return
  const candidateHash = hashOf(votes.candidateReceipt)
  yield* state.participation.sendNow({
    _tag: "Participate",
    candidateHash,
    candidate: votes.candidateReceipt,
    session,
    nValidators: info.validators.length,
    priority: state.scraper.includedIn(candidateHash).length > 0 ? "Priority" : "BestEffort"
  })
})

/** Tells others of these votes of ours, each with the first vote of the other side. */
export const tellOthers = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  votes: CandidateVotes,
  own: ReadonlyArray<CheckedVote>
) {
  for (const vote of own) {
    const request = disputeRequest(session, votes, vote)
    if (request !== undefined) yield* state.distribution.sendNow({ _tag: "SendDispute", request })
  }
})

/** Looks again at a dispute whose circumstances changed: it may be no spam any more, or more urgent. */
export const reconsider = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash
) {
  const dispute = state.recent.get(keyOf(session, candidateHash))
  if (dispute === undefined || isInactive(dispute.status, yield* seconds)) return
  const votes = yield* votesOf(state, session, candidateHash)
  const info = yield* sessionInfoOf(state, session, votes?.candidateReceipt)
  if (votes === undefined || info === undefined) return
  if (yield* isSpam(state, session, candidateHash, votes, info)) return
  state.slots.clear(session, candidateHash)
  if (!state.opening.has(keyOf(session, candidateHash))) yield* participate(state, session, votes, info)
})

/** Votes that we made after the candidate was backed. Backing votes are on chain: nobody has to be told. */
export const ownVotes = (
  votes: CandidateVotes,
  own: ReadonlySet<ValidatorIndex>
): ReadonlyArray<CheckedVote> => [
  ...votes.valid
    .filter(([kind, index]) => own.has(index) && !kind._tag.startsWith("Backing"))
    .map(([value, validatorIndex, signature]): CheckedVote => ({
      statement: { _tag: "Valid", value },
      validatorIndex,
      signature
    })),
  ...votes.invalid
    .filter(([, index]) => own.has(index))
    .map(([value, validatorIndex, signature]): CheckedVote => ({
      statement: { _tag: "Invalid", value },
      validatorIndex,
      signature
    }))
]

/** Our vote with the first vote of the other side, for telling others; nothing while nobody voted on the other side. */
const disputeRequest = (
  session: SessionIndex,
  votes: CandidateVotes,
  { signature, statement, validatorIndex }: CheckedVote
): DisputeRequest | undefined => {
  const common = { candidateReceipt: votes.candidateReceipt, sessionIndex: session }
  if (statement._tag === "Valid") {
    const other = votes.invalid[0]
    if (other === undefined) return undefined
    return {
      ...common,
      validVote: { validatorIndex, signature, kind: statement.value },
      invalidVote: { kind: other[0], validatorIndex: other[1], signature: other[2] }
    }
  }
  const other = votes.valid[0]
  if (other === undefined) return undefined
  return {
    ...common,
    invalidVote: { validatorIndex, signature, kind: statement.value },
    validVote: { kind: other[0], validatorIndex: other[1], signature: other[2] }
  }
}
