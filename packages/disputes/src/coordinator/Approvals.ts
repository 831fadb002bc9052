/** Approvals in disputes: who approved a candidate before it was disputed has voted. */
import { type ApprovalSignature, type ImportStatementsResult, Subsystem } from "@ephor/overseer"
import type {
  CandidateHash,
  CandidateVotes,
  DisputeStatement,
  SessionIndex,
  ValidatorIndex
} from "@ephor/types"
import { Effect } from "effect"
import { keyOf, sessionInfoOf, type State, votesOf } from "./State.ts"
import { ownVotes, reconsider, tellOthers } from "./OwnVotes.ts"

const statementOf = (candidates: ReadonlyArray<CandidateHash>): DisputeStatement => ({
  _tag: "Valid",
  value:
    candidates.length === 1
      ? { _tag: "ApprovalChecking" }
      : { _tag: "ApprovalCheckingMultipleCandidates", value: candidates }
})

/**
 * Asks approval voting for its signatures and imports them. Runs beside the handlers of the coordinator, and with a
 * limit: approval voting may be waiting for us.
 */
export const withApprovals = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  votes: CandidateVotes
) {
  const signatures = yield* state.approvals
    .ask<ReadonlyArray<ApprovalSignature>>((reply) => ({
      _tag: "ApprovalStatements",
      candidateHash,
      session,
      reply
    }))
    .pipe(
      Effect.timeoutOrElse({
        duration: state.options.approvalsTimeoutMs,
        orElse: () => Effect.as(Effect.logWarning("approval voting does not answer", { candidateHash }), [])
      })
    )
  const info = yield* sessionInfoOf(state, session, votes.candidateReceipt)
  const statements = signatures.flatMap(({ candidates, signature, validatorIndex }) => {
    const validatorId = info?.validators[validatorIndex]
    return validatorId === undefined
      ? []
      : [{ statement: statementOf(candidates), validatorIndex, validatorId, signature }]
  })
  if (statements.length === 0) return
  yield* state.self.ask<ImportStatementsResult>((pendingConfirmation) => ({
    _tag: "ImportStatements",
    candidateReceipt: votes.candidateReceipt,
    session,
    statements,
    pendingConfirmation
  }))
})

/**
 * A fresh dispute: takes in approvals, tells others what we said before, and only then asks for an opinion of our own.
 * What we said with this very import (`told`) is told by whoever said it.
 */
export const openDispute = (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  votes: CandidateVotes,
  told: ReadonlyArray<ValidatorIndex>
) =>
  Effect.suspend(() => {
    const key = keyOf(session, candidateHash)
    state.opening.add(key)
    return Subsystem.spawn(
      withApprovals(state, session, candidateHash, votes).pipe(
        Effect.ensuring(Effect.sync(() => state.opening.delete(key))),
        Effect.andThen(tellEarlier(state, session, candidateHash, new Set(told))),
        Effect.andThen(reconsider(state, session, candidateHash))
      )
    )
  })

const tellEarlier = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  told: ReadonlySet<ValidatorIndex>
) {
  const votes = yield* votesOf(state, session, candidateHash)
  const info = yield* sessionInfoOf(state, session, votes?.candidateReceipt)
  if (votes === undefined || info === undefined) return
  const own = new Set(yield* state.keystore.owned(info.validators))
  const earlier = ownVotes(votes, own).filter(({ validatorIndex }) => !told.has(validatorIndex))
  yield* tellOthers(state, session, votes, earlier)
})
