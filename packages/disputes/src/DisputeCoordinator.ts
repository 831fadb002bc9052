/**
 * The dispute coordinator: keeps the votes of all validators about candidates, finds out what is disputed, and makes
 * our own votes heard (dispute-coordinator).
 */
import { Chain, Keystore, RuntimeApi, Store } from "@ephor/chain"
import {
  DisputeCoordinator,
  DisputeDistribution,
  type DisputeCoordinatorMessage,
  type DisputeEntry,
  DisputeParticipation,
  type ImportStatements,
  type ImportStatementsResult,
  type IssueLocalStatement,
  type Overseer,
  Signal
} from "@ephor/overseer"
import {
  type CandidateHash,
  candidateHash as hashOf,
  type CandidateReceipt,
  type CandidateVotes,
  type DisputeRequest,
  type DisputeStatement,
  disputeStatementPayload,
  type Hash,
  type SessionIndex,
  type SessionInfo,
  type ValidatorIndex
} from "@ephor/types"
import { Clock, Deferred, Effect, type Layer, Metric, Option } from "effect"
import { DisputeError, StoreFailed } from "./DisputeError.ts"
import { Disputes } from "./Disputes.ts"
import { isInactive } from "./DisputeStatus.ts"
import * as Metrics from "./Metrics.ts"
import * as Scraping from "./Scraping.ts"
import { disputeWindow, isAncient, oldestSession } from "./SessionWindow.ts"
import { maxPerValidator, SpamSlots } from "./SpamSlots.ts"
import { determine } from "./UndisputedChain.ts"
import { type RecentDispute, VotesDb } from "./VotesDb.ts"
import { apply, type CheckedVote, type Outcome } from "./VoteImport.ts"

export { DisputeCoordinator, type DisputeCoordinatorMessage }

/** Options of the coordinator. */
export interface Options {
  /** Sessions that count, the highest one included. */
  readonly disputeWindow: number
  /** Unconfirmed disputes that one validator may have open in one session. */
  readonly spamSlots: number
  readonly scraping: Scraping.ScrapingLimits
}

/** Options as the reference has them. */
export const defaults: Options = { disputeWindow, spamSlots: maxPerValidator, scraping: Scraping.defaults }

type Needs =
  | DisputeParticipation
  | DisputeDistribution
  | Disputes
  | VotesDb
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Chain.Chain

/** Brings the coordinator to life. */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, DisputeError, DisputeCoordinator | Overseer.Overseer | Needs> =>
  DisputeCoordinator.toLayer(make({ ...defaults, ...options }))

const keyOf = (session: SessionIndex, candidate: CandidateHash) => `${session}/${candidate}`
const storeFailed = (cause: Store.StoreError) => new DisputeError({ reason: new StoreFailed({ cause }) })
const seconds = Effect.map(Clock.currentTimeMillis, (ms) => Math.floor(ms / 1000))

const make = Effect.fnUntraced(function* (options: Options) {
  const runtime = yield* RuntimeApi.RuntimeApi
  const keystore = yield* Keystore.Keystore
  const disputes = yield* Disputes
  const db = yield* VotesDb
  const participation = yield* DisputeParticipation
  const distribution = yield* DisputeDistribution
  const scraper = yield* Scraping.make(options.scraping)
  const slots = new SpamSlots(options.spamSlots)
  const recent = new Map<string, RecentDispute>()
  for (const dispute of yield* Effect.mapError(db.recentDisputes, storeFailed)) {
    recent.set(keyOf(dispute.session, dispute.candidateHash), dispute)
  }
  let highest: SessionIndex = 0
  let leaf: Hash | undefined

  const activeDisputes = Effect.map(seconds, (now) =>
    [...recent.values()].filter(({ status }) => !isInactive(status, now))
  )
  const tellActive = Effect.flatMap(activeDisputes, (active) =>
    Effect.andThen(disputes.setActive(active), Metric.update(Metrics.active, active.length))
  )
  const ownIndices = (info: SessionInfo) => keystore.owned(info.validators)
  const withoutVote = (own: ReadonlyArray<ValidatorIndex>, votes: CandidateVotes) => {
    const voted = new Set([...votes.valid, ...votes.invalid].map(([, index]) => index))
    return own.filter((index) => !voted.has(index))
  }

  /** Asks for an opinion of our own, unless every key of ours has spoken. */
  const participate = Effect.fnUntraced(function* (
    session: SessionIndex,
    votes: CandidateVotes,
    info: SessionInfo
  ) {
    if (withoutVote(yield* ownIndices(info), votes).length === 0) return
    const candidateHash = hashOf(votes.candidateReceipt)
    yield* participation.sendNow({
      _tag: "Participate",
      candidateHash,
      candidate: votes.candidateReceipt,
      session,
      nValidators: info.validators.length,
      priority: scraper.includedIn(candidateHash).length > 0 ? "Priority" : "BestEffort"
    })
  })

  /** Whether the dispute may go on: it has nothing to do with spam, or somebody had a slot left for it. */
  const paySlots = (session: SessionIndex, candidate: CandidateHash, outcome: Outcome): boolean => {
    if (!outcome.potentialSpam) {
      slots.clear(session, candidate)
      return true
    }
    if (outcome.newInvalidVoters.length === 0) return true
    return outcome.newInvalidVoters.map((voter) => slots.add(session, candidate, voter)).includes(true)
  }

  const persist = Effect.fnUntraced(function* (
    session: SessionIndex,
    candidateHash: CandidateHash,
    outcome: Outcome,
    info: SessionInfo
  ) {
    const key = keyOf(session, candidateHash)
    const before = recent.get(key)?.status
    const statusChanged =
      outcome.status !== undefined && JSON.stringify(before) !== JSON.stringify(outcome.status)
    if (statusChanged) recent.set(key, { session, candidateHash, status: outcome.status! })
    if (!outcome.changed && !statusChanged) return
    yield* db
      .commit({
        record: { session, candidateHash, votes: outcome.votes },
        voters: outcome.newVoters.map((validatorIndex) => ({
          session,
          validatorIndex,
          validatorId: info.validators[validatorIndex]!
        })),
        recent: statusChanged ? [...recent.values()] : undefined
      })
      .pipe(Effect.mapError(storeFailed))
    if (statusChanged) yield* tellActive
  })

  const announce = Effect.fnUntraced(function* (
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
    yield* disputes.conclude({
      session,
      candidateHash,
      candidate: outcome.votes.candidateReceipt,
      valid,
      including: scraper.includedIn(candidateHash)
    })
  })

  const refuse = Effect.as(Metric.update(Metrics.refused, 1), "InvalidImport" as const)

  /** Imports checked votes; whatever it answers is on disk. */
  const importVotes = Effect.fn("DisputeCoordinator.import")(function* (
    session: SessionIndex,
    candidateHash: CandidateHash,
    given: CandidateReceipt | undefined,
    votes: ReadonlyArray<CheckedVote>
  ): Effect.fn.Return<ImportStatementsResult, DisputeError> {
    if (leaf === undefined || isAncient(session, highest, options.disputeWindow)) return yield* refuse
    const stored = Option.getOrUndefined(
      yield* Effect.mapError(db.votes(session, candidateHash), storeFailed)
    )
    const candidate = given ?? stored?.candidateReceipt
    const info = yield* Effect.option(runtime.sessionInfo(leaf, session))
    if (candidate === undefined || Option.isNone(info)) return yield* refuse
    const known = votes.filter(({ validatorIndex }) => validatorIndex < info.value.validators.length)
    const disabled = yield* runtime.disabledValidators(leaf).pipe(Effect.orElseSucceed(() => []))
    const outcome = apply(
      {
        candidate,
        session,
        votes: stored,
        status: recent.get(keyOf(session, candidateHash))?.status,
        info: info.value,
        disabled: new Set(disabled),
        seenOnChain: scraper.isOnChain(candidateHash)
      },
      known,
      yield* seconds
    )
    if (!paySlots(session, candidateHash, outcome)) return yield* refuse
    yield* persist(session, candidateHash, outcome, info.value)
    yield* Metric.update(Metrics.importedInvalid, outcome.newInvalidVoters.length)
    yield* Metric.update(Metrics.importedValid, outcome.newVoters.length - outcome.newInvalidVoters.length)
    if (outcome.assessment.disputed && outcome.changed) yield* participate(session, outcome.votes, info.value)
    yield* announce(session, candidateHash, outcome)
    return "ValidImport"
  })

  const issueLocalStatement = Effect.fn("DisputeCoordinator.issueLocalStatement")(function* (
    message: IssueLocalStatement
  ) {
    if (leaf === undefined) return
    const { candidate, candidateHash, session, valid } = message
    const found = yield* Effect.option(runtime.sessionInfo(leaf, session))
    if (Option.isNone(found)) return
    const info = found.value
    const votes = Option.getOrElse(
      yield* Effect.mapError(db.votes(session, candidateHash), storeFailed),
      () => ({
        candidateReceipt: candidate,
        valid: [],
        invalid: []
      })
    )
    const statement: DisputeStatement = { _tag: valid ? "Valid" : "Invalid", value: { _tag: "Explicit" } }
    const payload = disputeStatementPayload(statement, candidateHash, session)!
    const own: Array<CheckedVote> = []
    for (const validatorIndex of withoutVote(yield* ownIndices(info), votes)) {
      const signature = yield* Effect.orDie(keystore.sign(info.validators[validatorIndex]!, payload))
      own.push({ statement, validatorIndex, signature })
    }
    if (own.length === 0) return
    yield* importVotes(session, candidateHash, candidate, own)
    for (const vote of own) {
      const request = disputeRequest(session, votes, vote)
      if (request !== undefined) yield* distribution.sendNow({ _tag: "SendDispute", request })
    }
  })

  const onLeaf = Effect.fnUntraced(function* (activated: Signal.Leaf) {
    const first = leaf === undefined
    leaf = activated.hash
    const session = yield* Effect.option(runtime.sessionIndexForChild(activated.hash))
    if (Option.isSome(session) && session.value > highest) {
      highest = session.value
      const oldest = oldestSession(highest, options.disputeWindow)
      slots.prune(oldest)
      for (const [key, dispute] of recent) if (dispute.session < oldest) recent.delete(key)
      yield* Effect.mapError(db.prune(oldest), storeFailed)
    }
    const scraped = yield* scraper.scrape(activated).pipe(
      Effect.tapError((error) => Effect.logDebug("cannot read the votes of a leaf", error)),
      Effect.orElseSucceed((): Scraping.Scraped => ({ votes: [], included: [] }))
    )
    for (const { candidate, candidateHash, session: at, votes } of scraped.votes) {
      yield* importVotes(at, candidateHash, candidate, votes)
    }
    if (first) yield* recover
    yield* tellActive
  })

  /** After a restart: goes on with the disputes that were open. */
  const recover = Effect.suspend(() =>
    Effect.forEach(
      [...recent.values()],
      Effect.fnUntraced(function* ({ candidateHash, session, status }) {
        if (isInactive(status, yield* seconds)) return
        const votes = yield* Effect.mapError(db.votes(session, candidateHash), storeFailed)
        const info = yield* Effect.option(runtime.sessionInfo(leaf!, session))
        if (Option.isNone(votes) || Option.isNone(info)) return
        yield* participate(session, votes.value, info.value)
        const own = new Set(yield* ownIndices(info.value))
        for (const vote of ownVotes(votes.value, own)) {
          const request = disputeRequest(session, votes.value, vote)
          if (request !== undefined) yield* distribution.sendNow({ _tag: "SendDispute", request })
        }
      }),
      { discard: true }
    )
  )

  const importMessage = Effect.fnUntraced(function* (message: ImportStatements) {
    const result = yield* importVotes(
      message.session,
      hashOf(message.candidateReceipt),
      message.candidateReceipt,
      message.statements
    )
    if (message.pendingConfirmation !== undefined)
      yield* Deferred.succeed(message.pendingConfirmation, result)
  })
  const entries = (list: Iterable<RecentDispute>): ReadonlyArray<DisputeEntry> =>
    [...list].sort((a, b) => a.session - b.session || (a.candidateHash < b.candidateHash ? -1 : 1))

  return {
    signal: (signal: Signal.Signal) =>
      signal._tag === "ActiveLeaves" && signal.activated !== null ? onLeaf(signal.activated) : Effect.void,
    message: DisputeCoordinator.match({
      ImportStatement: ({ candidateHash, session, signature, statement, validatorIndex }) =>
        Effect.asVoid(
          importVotes(session, candidateHash, undefined, [{ statement, validatorIndex, signature }])
        ),
      ImportStatements: importMessage,
      RecentDisputes: ({ reply }) => Effect.asVoid(Deferred.succeed(reply, entries(recent.values()))),
      ActiveDisputes: ({ reply }) =>
        Effect.flatMap(activeDisputes, (active) => Effect.asVoid(Deferred.succeed(reply, entries(active)))),
      QueryCandidateVotes: Effect.fnUntraced(function* ({ candidates, reply }) {
        const found = yield* Effect.forEach(candidates, ({ candidateHash, session }) =>
          Effect.map(Effect.mapError(db.votes(session, candidateHash), storeFailed), (votes) =>
            Option.isSome(votes) ? [{ session, candidateHash, votes: votes.value }] : []
          )
        )
        yield* Deferred.succeed(reply, found.flat())
      }),
      IssueLocalStatement: issueLocalStatement,
      DetermineUndisputedChain: ({ base, descriptions, reply }) =>
        Effect.asVoid(
          Deferred.succeed(
            reply,
            determine(
              base,
              descriptions,
              (session, candidate) => recent.get(keyOf(session, candidate))?.status
            )
          )
        )
    })
  }
})

const ownVotes = (votes: CandidateVotes, own: ReadonlySet<ValidatorIndex>): ReadonlyArray<CheckedVote> => [
  ...votes.valid
    .filter(([kind, index]) => own.has(index) && kind._tag === "Explicit")
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
  vote: CheckedVote
): DisputeRequest | undefined => {
  const { signature, statement, validatorIndex } = vote
  const common = { candidateReceipt: votes.candidateReceipt, sessionIndex: session }
  if (statement._tag === "Valid") {
    const other = votes.invalid[0]
    return other === undefined
      ? undefined
      : {
          ...common,
          validVote: { validatorIndex, signature, kind: statement.value },
          invalidVote: { kind: other[0], validatorIndex: other[1], signature: other[2] }
        }
  }
  const other = votes.valid[0]
  return other === undefined
    ? undefined
    : {
        ...common,
        invalidVote: { validatorIndex, signature, kind: statement.value },
        validVote: { kind: other[0], validatorIndex: other[1], signature: other[2] }
      }
}
