/**
 * Importing checked votes: the way of every vote into the database. What an import comes to is decided in the order of
 * messages; what follows from it waits, in the same order, until it is on disk.
 */
import { type ImportStatementsResult, Subsystem } from "@ephor/overseer"
import type { Jobs } from "@ephor/overseer/Jobs"
import type {
  BlockRef,
  CandidateHash,
  CandidateReceipt,
  SessionIndex,
  SessionInfo,
  ValidatorIndex
} from "@ephor/types"
import { Deferred, Effect, Metric, Queue } from "effect"
import { AncientSession, DisputeError, Spam, UnknownCandidate, UnknownSession } from "../DisputeError.ts"
import type { DisputeConclusion } from "../Disputes.ts"
import * as Metrics from "../Metrics.ts"
import { isAncient, oldestSession } from "../SessionWindow.ts"
import { byzantine } from "../Thresholds.ts"
import { apply, belongsTo, type CheckedVote, type Outcome } from "../VoteImport.ts"
import type { RecentDispute } from "../VotesDb.ts"
import { openDispute, withApprovals } from "./Approvals.ts"
import {
  disabledFor,
  keyOf,
  noteLosers,
  seconds,
  sessionInfoOf,
  type State,
  storeFailed,
  tellActive,
  votesOf
} from "./State.ts"
import { hear } from "./Hearings.ts"
import { participate } from "./OwnVotes.ts"

/** Votes about one candidate. Without the receipt, the one on record counts. */
export interface Votes {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly candidate: CandidateReceipt | undefined
  readonly votes: ReadonlyArray<CheckedVote>
}

/** An import that was decided; `durable` completes when it is on disk. */
interface Staged {
  readonly outcome: Outcome
  readonly info: SessionInfo
  readonly statusChanged: boolean
  readonly conclusion: DisputeConclusion | undefined
  readonly durable: Effect.Effect<void, DisputeError>
}

const refused = (reason: DisputeError["reason"]) =>
  Effect.as(Metric.update(Metrics.refused, 1), new DisputeError({ reason }))

/**
 * Imports checked votes, and does `then` with the outcome: the refusal, or nothing once they are on disk and all that
 * follows was done. Returns when the import is decided. Votes of strangers to the session are skipped.
 */
export const importVotes = Effect.fn("DisputeCoordinator.import")(function* (
  state: State,
  votes: Votes,
  then: (refusal: DisputeError | undefined) => Effect.Effect<unknown, DisputeError, Jobs> = () => Effect.void
): Effect.fn.Return<void, DisputeError, Jobs> {
  const staged = yield* stage(state, votes)
  if (staged instanceof DisputeError) {
    yield* Effect.logDebug("votes are refused", staged.message)
    return void (yield* then(staged))
  }
  yield* Queue.offer(
    state.finishing,
    staged.durable.pipe(
      Effect.andThen(finish(state, votes, staged)),
      Effect.andThen(Effect.suspend(() => then(undefined)))
    )
  )
})

/** What the messages of today answer with. */
export const resultOf = (refusal: DisputeError | undefined): ImportStatementsResult =>
  refusal === undefined ? "ValidImport" : "InvalidImport"

/** Waits until everything imported so far is on disk, and all that follows from it was done. */
export const settle = Effect.fnUntraced(function* ({ finishing }: State) {
  const done = yield* Deferred.make<void>()
  yield* Queue.offer(finishing, Deferred.succeed(done, undefined))
  yield* Deferred.await(done)
})

const stage = Effect.fnUntraced(function* (
  state: State,
  { candidate: given, candidateHash, session, votes }: Votes
): Effect.fn.Return<Staged | DisputeError, DisputeError> {
  const { highest, options } = state
  if (isAncient(session, highest, options.disputeWindow, options.era)) {
    const oldest = oldestSession(highest, options.disputeWindow, options.era)
    return yield* refused(new AncientSession({ session, oldest }))
  }
  const stored = yield* votesOf(state, session, candidateHash)
  const candidate = given ?? stored?.candidateReceipt ?? receiptOf(state, candidateHash)
  if (candidate === undefined) return yield* refused(new UnknownCandidate({ candidateHash }))
  const info = yield* sessionInfoOf(state, session, candidate)
  if (info === undefined) return yield* refused(new UnknownSession({ session }))
  const disabled = yield* disabledFor(state, session, info, candidate)
  const before = state.recent.get(keyOf(session, candidateHash))?.status
  const outcome = apply(
    {
      candidate,
      session,
      votes: stored,
      status: before,
      info,
      disabled,
      seenOnChain: state.scraper.isOnChain(candidateHash)
    },
    votes.filter((vote) => belongsTo(info, vote)),
    yield* seconds,
    options.era
  )
  if (!paySlots(state, session, candidateHash, outcome)) return yield* refused(new Spam({ candidateHash }))
  const { status } = outcome
  const statusChanged =
    status !== undefined &&
    (before?._tag !== status._tag ||
      ("value" in before && "value" in status && before.value !== status.value))
  const conclusion = yield* conclusionOf(state, session, candidateHash, outcome)
  if (!outcome.changed && !statusChanged)
    return { outcome, info, statusChanged, conclusion, durable: Effect.void }
  if (statusChanged) state.recent.set(keyOf(session, candidateHash), { session, candidateHash, status })
  noteLosers(state, session, status, outcome.votes)
  const dropped = conclusion === undefined ? 0 : yield* dropRaisedByDisabled(state, session, info)
  const durable = yield* state.db.stage({
    record: { session, candidateHash, votes: outcome.votes },
    voters: outcome.newVoters.map((validatorIndex) => voter(session, info, validatorIndex)),
    recent: statusChanged || dropped > 0 ? [...state.recent.values()] : undefined,
    conclusion
  })
  return { outcome, info, statusChanged, conclusion, durable: Effect.mapError(durable, storeFailed) }
})

/** The seed's votes come by hash alone: whatever the chain has shown of the candidate counts. */
const receiptOf = ({ options, scraper }: State, candidateHash: CandidateHash) =>
  options.era === "seed" ? scraper.receiptOf(candidateHash) : undefined

const voter = (session: SessionIndex, info: SessionInfo, validatorIndex: ValidatorIndex) => ({
  session,
  validatorIndex,
  validatorId: info.validators[validatorIndex]!
})

/**
 * How a dispute ended. Blocks that included the candidate long ago are found by the runtime, which remembers them for longer
 * than we look back.
 */
const conclusionOf = Effect.fnUntraced(function* (
  { runtime, scraper }: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  { freshlyConcluded, votes }: Outcome
) {
  if (freshlyConcluded === undefined) return undefined
  const candidate = votes.candidateReceipt
  const seen = scraper.includedIn(candidateHash)
  const remembered = yield* runtime.inclusions(candidate).pipe(
    Effect.tapError((error) =>
      Effect.logWarning("blocks with a judged candidate may be missed", error.message)
    ),
    Effect.orElseSucceed((): ReadonlyArray<BlockRef> => [])
  )
  const including = [...seen, ...remembered.filter(({ hash }) => seen.every((block) => block.hash !== hash))]
  const valid = freshlyConcluded === "valid"
  const conclusion: DisputeConclusion = { session, candidateHash, candidate, valid, including }
  return conclusion
})

/** False if none of those who say invalid had a spam slot left: the dispute is not taken in. */
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

/**
 * Once a dispute is decided, those who were wrong are not listened to alone: what only they raised is dropped. Nothing is
 * looked at again while nobody else is disabled: what comes from the disabled alone opens no dispute.
 */
const dropRaisedByDisabled = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  info: SessionInfo
) {
  // What the chain holds against somebody at a relay parent never changes: only who lost a dispute is news.
  const losers = state.offchainDisabled.disabled(session, [], byzantine(info.validators.length))
  const name = [...losers].sort((a, b) => a - b).join()
  if (losers.size === 0 || state.droppedFor.get(session) === name) return 0
  state.droppedFor.set(session, name)
  const dropped: Array<string> = []
  for (const [key, dispute] of state.recent) {
    if (dispute.session !== session || dispute.status._tag !== "Active") continue
    const votes = yield* votesOf(state, session, dispute.candidateHash)
    if (votes === undefined) continue
    const disabled = yield* disabledFor(state, session, info, votes.candidateReceipt)
    if (votes.invalid.every(([, validator]) => disabled.has(validator))) dropped.push(key)
  }
  for (const key of dropped) state.recent.delete(key)
  if (dropped.length > 0)
    yield* Effect.logInfo("disputes that only disabled validators raised are dropped", { disputes: dropped })
  return dropped.length
})

/** What follows from an import that is on disk. */
const finish = Effect.fnUntraced(function* (
  state: State,
  { candidateHash, session }: Votes,
  { conclusion, info, outcome, statusChanged }: Staged
) {
  const { status } = outcome
  if (statusChanged) yield* tellActive(state)
  yield* Metric.update(Metrics.importedInvalid, outcome.newInvalidVoters.length)
  yield* Metric.update(Metrics.importedValid, outcome.newValidVoters.length)
  yield* announce(state, session, candidateHash, outcome, conclusion)
  yield* followUp(state, session, candidateHash, outcome, info)
  if (status === undefined || !outcome.changed) return
  const dispute: RecentDispute = { session, candidateHash, status }
  yield* hear(state, dispute, outcome.votes, info.validators.length)
})

const announce = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  outcome: Outcome,
  conclusion: DisputeConclusion | undefined
) {
  if (outcome.freshlyDisputed) {
    yield* Metric.update(Metrics.opened, 1)
    yield* Effect.logInfo("a candidate is disputed", { session, candidateHash })
    const raisers = outcome.newInvalidVoters.length > 0 ? outcome.newInvalidVoters : outcome.newValidVoters
    yield* state.disputes.detect({ session, candidateHash, raisers })
  }
  if (outcome.freshlyByzantineAgainst && state.options.era === "current") {
    const including = state.scraper.includedIn(candidateHash)
    if (including.length > 0) yield* state.disputes.revert({ session, candidateHash, including })
  }
  if (conclusion === undefined) return
  const { valid } = conclusion
  yield* Metric.update(valid ? Metrics.concludedValid : Metrics.concludedInvalid, 1)
  yield* Effect.logInfo("a dispute is concluded", { session, candidateHash, valid })
  yield* state.disputes.conclude(conclusion)
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
  if (outcome.freshlyDisputed) {
    const told = [...outcome.newValidVoters, ...outcome.newInvalidVoters]
    return yield* openDispute(state, session, candidateHash, outcome.votes, told)
  }
  if (outcome.freshlyConcluded !== undefined) {
    yield* Subsystem.spawn(Effect.asVoid(withApprovals(state, session, candidateHash, outcome.votes)))
  }
  if (!outcome.assessment.disputed || outcome.potentialSpam || !outcome.changed || state.opening.has(key))
    return
  yield* participate(state, session, outcome.votes, info)
})
