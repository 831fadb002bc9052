/** Importing checked votes: the way of every vote into the database. */
import { type ImportStatementsResult, Subsystem } from "@ephor/overseer"
import type { Jobs } from "@ephor/overseer/Jobs"
import type { CandidateHash, CandidateReceipt, SessionIndex, SessionInfo } from "@ephor/types"
import { Effect, Metric } from "effect"
import { AncientSession, DisputeError, Spam, UnknownCandidate, UnknownSession } from "../DisputeError.ts"
import * as Metrics from "../Metrics.ts"
import { isAncient, oldestSession } from "../SessionWindow.ts"
import { apply, belongsTo, type CheckedVote, type Outcome } from "../VoteImport.ts"
import { openDispute, withApprovals } from "./approvals.ts"
import {
  disabledIn,
  keyOf,
  noteLosers,
  seconds,
  sessionInfoOf,
  type State,
  storeFailed,
  tellActive,
  votesOf
} from "./coordinatorState.ts"
import { hear } from "./hearings.ts"
import { participate } from "./ownVotes.ts"

const refuse = (reason: DisputeError["reason"]) => {
  const error = new DisputeError({ reason })
  return Effect.logDebug("votes are refused", error.message).pipe(
    Effect.andThen(Metric.update(Metrics.refused, 1)),
    Effect.as("InvalidImport" as const)
  )
}

/** Imports checked votes. Whatever it says is valid is on disk; votes of strangers to the session are skipped. */
export const importVotes = Effect.fn("DisputeCoordinator.import")(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  given: CandidateReceipt | undefined,
  votes: ReadonlyArray<CheckedVote>
): Effect.fn.Return<ImportStatementsResult, DisputeError, Jobs> {
  const { highest, options } = state
  if (isAncient(session, highest, options.disputeWindow)) {
    const oldest = oldestSession(highest, options.disputeWindow)
    return yield* refuse(new AncientSession({ session, oldest }))
  }
  const stored = yield* votesOf(state, session, candidateHash)
  const candidate = given ?? stored?.candidateReceipt
  if (candidate === undefined) return yield* refuse(new UnknownCandidate({ candidateHash }))
  const info = yield* sessionInfoOf(state, session)
  if (info === undefined) return yield* refuse(new UnknownSession({ session }))
  const disabled = yield* disabledIn(state, session, info)
  const outcome = apply(
    {
      candidate,
      session,
      votes: stored,
      status: state.recent.get(keyOf(session, candidateHash))?.status,
      info,
      disabled,
      seenOnChain: state.scraper.isOnChain(candidateHash)
    },
    votes.filter((vote) => belongsTo(info, vote)),
    yield* seconds
  )
  if (!paySlots(state, session, candidateHash, outcome)) return yield* refuse(new Spam({ candidateHash }))
  yield* persist(state, session, candidateHash, outcome, info)
  yield* Metric.update(Metrics.importedInvalid, outcome.newInvalidVoters.length)
  yield* Metric.update(Metrics.importedValid, outcome.newValidVoters.length)
  yield* announce(state, session, candidateHash, outcome)
  yield* disableLosers(state, session, outcome)
  yield* followUp(state, session, candidateHash, outcome, info)
  const dispute = state.recent.get(keyOf(session, candidateHash))
  if (dispute !== undefined && outcome.changed)
    yield* hear(state, dispute, outcome.votes, info.validators.length)
  return "ValidImport"
})

/** Whether the dispute may go on: it has nothing to do with spam, or somebody had a slot left for it. */
const paySlots = (
  { slots }: State,
  session: SessionIndex,
  candidate: CandidateHash,
  outcome: Outcome
): boolean => {
  if (!outcome.potentialSpam) {
    slots.clear(session, candidate)
    return true
  }
  if (outcome.newInvalidVoters.length === 0) return true
  return outcome.newInvalidVoters.map((voter) => slots.add(session, candidate, voter)).includes(true)
}

const persist = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  outcome: Outcome,
  info: SessionInfo
) {
  const key = keyOf(session, candidateHash)
  const { status } = outcome
  const before = state.recent.get(key)?.status
  const statusChanged =
    status !== undefined &&
    (before?._tag !== status._tag ||
      ("value" in before && "value" in status && before.value !== status.value))
  if (!outcome.changed && !statusChanged) return
  const recent = statusChanged
    ? new Map(state.recent).set(key, { session, candidateHash, status })
    : undefined
  yield* state.db
    .commit({
      record: { session, candidateHash, votes: outcome.votes },
      voters: outcome.newVoters.map((validatorIndex) => ({
        session,
        validatorIndex,
        validatorId: info.validators[validatorIndex]!
      })),
      recent: recent === undefined ? undefined : [...recent.values()]
    })
    .pipe(Effect.mapError(storeFailed))
  if (!statusChanged) return
  state.recent.set(key, { session, candidateHash, status })
  yield* tellActive(state)
})

const announce = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  outcome: Outcome
) {
  if (outcome.freshlyDisputed) {
    yield* Metric.update(Metrics.opened, 1)
    yield* Effect.logInfo("a candidate is disputed", { session, candidateHash })
  }
  if (outcome.freshlyConcluded === undefined) return
  const valid = outcome.freshlyConcluded === "valid"
  yield* Metric.update(valid ? Metrics.concludedValid : Metrics.concludedInvalid, 1)
  yield* Effect.logInfo("a dispute is concluded", { session, candidateHash, valid })
  yield* state.disputes.conclude({
    session,
    candidateHash,
    candidate: outcome.votes.candidateReceipt,
    valid,
    including: state.scraper.includedIn(candidateHash)
  })
})

/** Once a dispute is decided, those who were wrong are not listened to alone; what only they raised is dropped. */
const disableLosers = Effect.fnUntraced(function* (state: State, session: SessionIndex, outcome: Outcome) {
  noteLosers(state, session, outcome.status, outcome.votes)
  if (outcome.freshlyConcluded === undefined) return
  const info = yield* sessionInfoOf(state, session)
  if (info === undefined) return
  const disabled = yield* disabledIn(state, session, info)
  const dropped: Array<string> = []
  for (const [key, dispute] of state.recent) {
    if (dispute.session !== session || dispute.status._tag !== "Active") continue
    const votes = yield* votesOf(state, session, dispute.candidateHash)
    if (votes?.invalid.every(([, validator]) => disabled.has(validator)) === true) dropped.push(key)
  }
  if (dropped.length === 0) return
  const recent = new Map(state.recent)
  for (const key of dropped) recent.delete(key)
  yield* Effect.mapError(state.db.replaceRecent([...recent.values()]), storeFailed)
  for (const key of dropped) state.recent.delete(key)
  yield* Effect.logInfo("disputes that only disabled validators raised are dropped", { disputes: dropped })
  yield* tellActive(state)
})

/** Has an opinion of our own formed where it is wanted; a fresh dispute first takes in what was approved before. */
const followUp = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  outcome: Outcome,
  info: SessionInfo
) {
  const key = keyOf(session, candidateHash)
  if (outcome.freshlyDisputed) return yield* openDispute(state, session, candidateHash, outcome.votes)
  if (outcome.freshlyConcluded !== undefined) {
    yield* Subsystem.spawn(Effect.asVoid(withApprovals(state, session, candidateHash, outcome.votes)))
  }
  if (!outcome.assessment.disputed || outcome.potentialSpam || !outcome.changed || state.opening.has(key))
    return
  yield* participate(state, session, outcome.votes, info)
})
