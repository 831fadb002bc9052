/** What the parts of the coordinator share. */
import type { Keystore } from "@ephor/keystore"
import type { RuntimeApi } from "@ephor/chain"
import type { Store } from "@ephor/store"
import type {
  ApprovalVotingMessage,
  DisputeCoordinatorMessage,
  DisputeDistributionMessage,
  DisputeParticipationMessage,
  IssueLocalStatement,
  Mailbox,
  MisbehaviorArbitrationMessage
} from "@ephor/overseer"
import type {
  CandidateHash,
  CandidateReceipt,
  CandidateVotes,
  DisputeStatus,
  Hash,
  SessionIndex,
  SessionInfo,
  ValidatorIndex
} from "@ephor/types"
import type { Jobs } from "@ephor/overseer/Jobs"
import { Clock, Effect, Metric, Option, type Queue, type Semaphore } from "effect"
import { assess } from "../CandidateVotes.ts"
import type { Options } from "../DisputeCoordinator.ts"
import { DisputeError, StoreFailed } from "../DisputeError.ts"
import type * as Disputes from "../Disputes.ts"
import { isInactive } from "../DisputeStatus.ts"
import * as Metrics from "../Metrics.ts"
import { losersOf } from "../Losers.ts"
import type { OffchainDisabled } from "../OffchainDisabled.ts"
import type { Scraper } from "../Scraping.ts"
import type { SpamSlots } from "../SpamSlots.ts"
import { byzantine } from "../Thresholds.ts"
import { isPotentialSpam } from "../VoteImport.ts"
import type * as VotesDb from "../VotesDb.ts"

/** Services of one coordinator, and what it remembers. */
export interface State {
  readonly options: Options
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly disputes: Disputes.Service
  readonly db: VotesDb.Service
  readonly self: Mailbox.Mailbox<DisputeCoordinatorMessage>
  readonly approvals: Mailbox.Mailbox<ApprovalVotingMessage>
  readonly participation: Mailbox.Mailbox<DisputeParticipationMessage>
  readonly distribution: Mailbox.Mailbox<DisputeDistributionMessage>
  readonly arbitration: Mailbox.Mailbox<MisbehaviorArbitrationMessage>
  readonly scraper: Scraper
  /** One cleaning of old sessions at a time. */
  readonly cleaning: Semaphore.Semaphore
  readonly slots: SpamSlots
  readonly offchainDisabled: OffchainDisabled
  /** By session of the window: the losers of disputes whose own were dropped. */
  readonly droppedFor: Map<SessionIndex, string>
  /** What follows from imports once they are on disk, in their order. */
  readonly finishing: Queue.Queue<Effect.Effect<unknown, DisputeError, Jobs>>
  /** Disputes of the window by `keyOf`: what is on disk, or on its way there. Bounded by the spam slots. */
  readonly recent: Map<string, VotesDb.RecentDispute>
  /** Disputes of an earlier run that were not taken up yet. */
  readonly unrecovered: Set<string>
  /** Decided disputes in which nobody's vote is waited for any more. */
  readonly closed: Set<string>
  /** Judgements of ours that could not be voted yet, by `keyOf`, the oldest first. */
  readonly unvoted: Map<string, IssueLocalStatement>
  /** Fresh disputes for which approvals are being gathered. */
  readonly opening: Set<string>
  highest: SessionIndex
  leaf: Hash | undefined
}

export const keyOf = (session: SessionIndex, candidate: CandidateHash) => `${session}/${candidate}`

export const storeFailed = (cause: Store.StoreError) =>
  new DisputeError({ reason: new StoreFailed({ cause }) })

/** The time in seconds. */
export const seconds = Effect.map(Clock.currentTimeMillis, (ms) => Math.floor(ms / 1000))

export const votesOf = (state: State, session: SessionIndex, candidate: CandidateHash) =>
  state.db.votes(session, candidate).pipe(Effect.mapError(storeFailed), Effect.map(Option.getOrUndefined))

/**
 * The validators of a session; nothing while the runtime does not know them. A leaf on another branch may be of an earlier
 * session than a candidate: then the candidate's relay parent knows.
 */
export const sessionInfoOf = Effect.fnUntraced(function* (
  { leaf, runtime }: State,
  session: SessionIndex,
  candidate?: CandidateReceipt
) {
  if (leaf === undefined) return undefined
  const known = yield* Effect.option(runtime.sessionInfo(leaf, session))
  if (Option.isSome(known) || candidate === undefined) return Option.getOrUndefined(known)
  const there = yield* Effect.option(runtime.sessionInfo(candidate.descriptor.relayParent, session))
  return Option.getOrUndefined(there)
})

/** Whom the chain has disabled for a session, as it stood at a block; nobody if that block begins another session. */
const disabledAt = Effect.fnUntraced(
  function* (runtime: RuntimeApi.Service, session: SessionIndex, at: Hash) {
    const named = yield* runtime.disabledValidators(at)
    // Indices mean nothing outside their session.
    if (named.length === 0 || (yield* runtime.sessionIndexForChild(at)) === session) return named
    return []
  },
  Effect.orElseSucceed(() => [])
)

/**
 * Validators of a session whose word alone opens no dispute about a candidate: those that the chain had disabled where the
 * candidate began, then those that lost disputes. A relay parent that is not known has disabled nobody.
 */
export const disabledFor = (
  { offchainDisabled, runtime }: State,
  session: SessionIndex,
  info: SessionInfo,
  { descriptor }: CandidateReceipt
) =>
  Effect.map(disabledAt(runtime, session, descriptor.relayParent), (onChain) =>
    offchainDisabled.disabled(session, onChain, byzantine(info.validators.length))
  )

export const activeDisputes = (state: State) =>
  Effect.map(seconds, (now) => [...state.recent.values()].filter(({ status }) => !isInactive(status, now)))

/** Tells everybody which disputes are open. */
export const tellActive = (state: State) =>
  Effect.flatMap(activeDisputes(state), (active) =>
    Effect.andThen(state.disputes.setActive(active), Metric.update(Metrics.active, active.length))
  )

/** Whether a recorded dispute looks like spam now. */
export const isSpam = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  votes: CandidateVotes,
  info: SessionInfo
) {
  const disabled = yield* disabledFor(state, session, info, votes.candidateReceipt)
  const assessment = assess(votes, info.validators.length, disabled)
  return isPotentialSpam(votes, assessment, disabled, state.scraper.isOnChain(candidateHash))
})

/** Those of our validators that have not voted on either side. */
export const withoutVote = (own: ReadonlyArray<ValidatorIndex>, votes: CandidateVotes) => {
  const voted = new Set([...votes.valid, ...votes.invalid].map(([, index]) => index))
  return own.filter((index) => !voted.has(index))
}

/** Remembers who was wrong in a dispute that is decided. */
export const noteLosers = (
  { offchainDisabled }: State,
  session: SessionIndex,
  status: DisputeStatus | undefined,
  votes: CandidateVotes
): void => {
  for (const [offence, validator] of losersOf(status, votes))
    offchainDisabled.add(session, offence, validator)
}
