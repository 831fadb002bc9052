/**
 * The dispute coordinator: keeps the votes of all validators about candidates, finds out what is disputed, and makes
 * our own votes heard (dispute-coordinator).
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import {
  ApprovalVoting,
  DisputeCoordinator,
  type DisputeCoordinatorMessage,
  DisputeDistribution,
  type DisputeEntry,
  DisputeParticipation,
  type ImportStatements,
  MisbehaviorArbitration,
  type Overseer,
  type QueryCandidateVotes,
  type Signal,
  Subsystem
} from "@ephor/overseer"
import { candidateHash as hashOf } from "@ephor/types"
import type { Jobs } from "@ephor/overseer/Jobs"
import { Deferred, Effect, type Layer, Queue, Semaphore } from "effect"
import type { DisputeError } from "./DisputeError.ts"
import { Disputes } from "./Disputes.ts"
import { activeDisputes, keyOf, type State, storeFailed, votesOf } from "./coordinator/State.ts"
import { importVotes, resultOf, settle } from "./coordinator/Importing.ts"
import { onLeaf } from "./coordinator/LeafWork.ts"
import { issueLocalStatement } from "./coordinator/LocalStatement.ts"
import { registerVotes } from "./coordinator/Registration.ts"
import { OffchainDisabled } from "./OffchainDisabled.ts"
import * as Scraping from "./Scraping.ts"
import { disputeWindow } from "./SessionWindow.ts"
import { maxPerValidator, SpamSlots } from "./SpamSlots.ts"
import { determine } from "./UndisputedChain.ts"
import { type RecentDispute, VotesDb } from "./VotesDb.ts"

export { DisputeCoordinator, type DisputeCoordinatorMessage }

/** Options of the coordinator. */
export interface Options {
  /** Sessions that count, the highest one included. */
  readonly disputeWindow: number
  /** Unconfirmed disputes that one validator may have open in one session. */
  readonly spamSlots: number
  readonly scraping: Scraping.ScrapingLimits
  /**
   * Whose rules decide which votes are kept: today's, or those of the seed ("On ImportStatement"), with which the window
   * has one session more, a record begins with a backing or approval vote, and a validator's first vote on a side stays.
   */
  readonly era: "current" | "seed"
  /** Imports that may be on their way to the disk before the next message waits. */
  readonly importsInFlight: number
  /** Judgements of ours that may wait for the state in which they can be voted; the oldest gives way. */
  readonly unvotedJudgements: number
  /** How long approval voting may take to name the approvals of a candidate that is disputed. */
  readonly approvalsTimeoutMs: number
}

/** Options as the reference has them. */
export const defaults: Options = {
  disputeWindow,
  spamSlots: maxPerValidator,
  scraping: Scraping.defaults,
  era: "current",
  importsInFlight: 4096,
  unvotedJudgements: 1024,
  approvalsTimeoutMs: 5000
}

type Needs =
  | ApprovalVoting
  | DisputeParticipation
  | DisputeDistribution
  | MisbehaviorArbitration
  | Disputes
  | VotesDb
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Chain.Chain

/**
 * Brings the coordinator to life. Votes are answered for when they are on disk. A votes database that fails ends the
 * subsystem, and with it the node; whatever else goes wrong (runtime, keys, messages) is logged, and that vote is not counted.
 */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, DisputeError, DisputeCoordinator | Overseer.Overseer | Needs> =>
  DisputeCoordinator.toLayer(make({ ...defaults, ...options }))

const makeState = Effect.fnUntraced(function* (options: Options) {
  const db = yield* VotesDb
  const disputes = yield* Effect.mapError(db.recentDisputes, storeFailed)
  const recent = new Map(
    disputes.map((dispute) => [keyOf(dispute.session, dispute.candidateHash), dispute] as const)
  )
  const state: State = {
    options,
    db,
    recent,
    unrecovered: new Set(recent.keys()),
    closed: new Set(),
    unvoted: new Map(),
    opening: new Set(),
    runtime: yield* RuntimeApi.RuntimeApi,
    keystore: yield* Keystore.Keystore,
    disputes: yield* Disputes,
    self: yield* DisputeCoordinator,
    approvals: yield* ApprovalVoting,
    participation: yield* DisputeParticipation,
    distribution: yield* DisputeDistribution,
    arbitration: yield* MisbehaviorArbitration,
    finishing: yield* Queue.bounded<Effect.Effect<unknown, DisputeError, Jobs>>(options.importsInFlight),
    cleaning: yield* Semaphore.make(1),
    scraper: yield* Scraping.make(options.scraping),
    slots: new SpamSlots(options.spamSlots),
    offchainDisabled: new OffchainDisabled(),
    droppedFor: new Map(),
    highest: 0,
    leaf: undefined
  }
  return state
})

const make = Effect.fnUntraced(function* (options: Options) {
  const state = yield* makeState(options)
  yield* Subsystem.spawn(Effect.forever(Effect.flatten(Queue.take(state.finishing))))
  return {
    signal: (signal: Signal.Signal) => {
      // The seed flushes its write cache then; here, what is on its way to the disk gets there.
      if (signal._tag === "Conclude") return settle(state)
      return signal._tag === "ActiveLeaves" && signal.activated !== null
        ? onLeaf(state, signal.activated)
        : Effect.void
    },
    message: DisputeCoordinator.match({
      ImportStatement: ({ candidateHash, session, signature, statement, validatorIndex }) =>
        importVotes(state, {
          session,
          candidateHash,
          candidate: undefined,
          votes: [{ statement, validatorIndex, signature }]
        }),
      ImportStatements: (message) => importMessage(state, message),
      RegisterVotes: (message) => registerVotes(state, message),
      RecentDisputes: ({ reply }) =>
        Effect.asVoid(Effect.suspend(() => Deferred.succeed(reply, entries(state.recent.values())))),
      ActiveDisputes: ({ reply }) =>
        Effect.flatMap(activeDisputes(state), (active) =>
          Effect.asVoid(Deferred.succeed(reply, entries(active)))
        ),
      QueryCandidateVotes: (message) => answerVotes(state, message),
      IssueLocalStatement: (message) => issueLocalStatement(state, message),
      DetermineUndisputedChain: ({ base, descriptions, reply }) =>
        Effect.suspend(() => {
          const target = determine(
            base,
            descriptions,
            (session, candidate) => state.recent.get(keyOf(session, candidate))?.status
          )
          return Effect.asVoid(Deferred.succeed(reply, target))
        })
    })
  }
})

const importMessage = (state: State, message: ImportStatements) => {
  const { candidateReceipt, pendingConfirmation, session, statements } = message
  const candidateHash = hashOf(candidateReceipt)
  const votes = { session, candidateHash, candidate: candidateReceipt, votes: statements }
  return importVotes(state, votes, (refusal) =>
    pendingConfirmation === undefined ? Effect.void : Deferred.succeed(pendingConfirmation, resultOf(refusal))
  )
}

const answerVotes = Effect.fnUntraced(function* (state: State, { candidates, reply }: QueryCandidateVotes) {
  const found = yield* Effect.forEach(candidates, ({ candidateHash, session }) =>
    Effect.map(votesOf(state, session, candidateHash), (votes) =>
      votes === undefined ? [] : [{ session, candidateHash, votes }]
    )
  )
  yield* Deferred.succeed(reply, found.flat())
})

const entries = (list: Iterable<RecentDispute>): ReadonlyArray<DisputeEntry> =>
  [...list].sort((a, b) => a.session - b.session || (a.candidateHash < b.candidateHash ? -1 : 1))
