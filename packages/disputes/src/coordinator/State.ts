/** What the parts of the coordinator share. */
import type { Keystore } from "@ephor/keystore"
import type { RuntimeApi } from "@ephor/chain"
import type { Store } from "@ephor/store"
import type {
  ApprovalVotingMessage,
  DisputeCoordinatorMessage,
  DisputeDistributionMessage,
  DisputeParticipationMessage,
  Mailbox,
  MisbehaviorArbitrationMessage
} from "@ephor/overseer"
import type {
  CandidateHash,
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
  /** By session of the window: the disabled validators whose disputes were dropped. */
  readonly droppedFor: Map<SessionIndex, string>
  /** What follows from imports once they are on disk, in their order. */
  readonly finishing: Queue.Queue<Effect.Effect<unknown, DisputeError, Jobs>>
  /** Disputes of the window by `keyOf`: what is on disk, or on its way there. Bounded by the spam slots. */
  readonly recent: Map<string, VotesDb.RecentDispute>
  /** Disputes of an earlier run that were not taken up yet. */
  readonly unrecovered: Set<string>
  /** Decided disputes in which nobody's vote is waited for any more. */
  readonly closed: Set<string>
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

/** The validators of a session; nothing while the runtime does not know them. */
export const sessionInfoOf = (state: State, session: SessionIndex) =>
  state.leaf === undefined
    ? Effect.undefined
    : state.runtime.sessionInfo(state.leaf, session).pipe(Effect.option, Effect.map(Option.getOrUndefined))

/** Validators of a session whose word alone opens no dispute. */
export const disabledIn = (state: State, session: SessionIndex, info: SessionInfo) =>
  (state.leaf === undefined ? Effect.succeed([]) : state.runtime.disabledValidators(state.leaf)).pipe(
    Effect.orElseSucceed(() => []),
    Effect.map((onChain) =>
      state.offchainDisabled.disabled(session, onChain, byzantine(info.validators.length))
    )
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
  const disabled = yield* disabledIn(state, session, info)
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
