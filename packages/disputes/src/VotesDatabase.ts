/**
 * The votes database as a subsystem (votes-db): answers what validators voted about, takes disputes that others gossip, tells
 * others of those that we raise, and keeps disputed candidates with their proofs of validity.
 */
import { RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { Network } from "@ephor/network"
import {
  AvailabilityRecovery,
  type DisputeCoordinator,
  type Overseer,
  type RegisterVote,
  type RegisterVoteResult,
  type Signal,
  Subsystem,
  VotesDatabase
} from "@ephor/overseer"
import {
  type CandidateHash,
  candidateHash as hashOf,
  type SessionIndex,
  type Snapshot as SnapshotValue,
  toPlain
} from "@ephor/types"
import { Deferred, Effect, type Layer, Metric, Option, Result, Semaphore } from "effect"
import * as Escalation from "./database/Escalation.ts"
import * as Gathering from "./database/Gathering.ts"
import type * as Heard from "./database/Heard.ts"
import * as Receiver from "./database/Receiver.ts"
import { type State, stored } from "./database/State.ts"
import { DisputeError } from "./DisputeError.ts"
import { Disputes } from "./Disputes.ts"
import * as Metrics from "./Metrics.ts"
import * as Snapshot from "./Snapshot.ts"
import { VoteRegister } from "./VoteRegister.ts"
import { VotesDb } from "./VotesDb.ts"

export { VotesDatabase }

/** Bounds of the votes database. */
export interface Limits extends Heard.Limits {
  /** Validators that are asked about as those who began one dispute. */
  readonly detectionsPerDispute: number
  /** Disputes that we tell others of at a time; further ones are told by whoever else raised them. */
  readonly maxTelling: number
  /** Validators that one dispute is told to at a time. */
  readonly parallelGossip: number
  /** Disputed candidates whose proofs are waited for at a time; those beyond are kept without. */
  readonly maxGathering: number
  /** Proofs that are recovered at a time. */
  readonly parallelRecoveries: number
  /** Pause before the first new try to tell a validator, or to recover a proof; each further one is twice as long. */
  readonly retryDelayMs: number
  /** The longest pause. */
  readonly retryLimitMs: number
  /** Disputed candidates with proofs that one lookup gives, whatever it asks for: each proof has up to 5 MiB. */
  readonly maxLookup: number
}

/** Bounds that apply where none are given. */
export const defaults: Limits = {
  liesPerValidator: 256,
  messagesPerWindow: 256,
  windowMs: 6000,
  maxHeard: 1024,
  detectionsPerDispute: 16,
  maxTelling: 256,
  parallelGossip: 16,
  maxGathering: 256,
  parallelRecoveries: 2,
  retryDelayMs: 1000,
  retryLimitMs: 30_000,
  maxLookup: 64
}

type Needs =
  | AvailabilityRecovery
  | DisputeCoordinator
  | Disputes
  | Keystore.Keystore
  | Network.Network
  | RuntimeApi.RuntimeApi
  | VoteRegister
  | VotesDb

const refusalOf = (error: DisputeError): Effect.Effect<RegisterVoteResult, DisputeError> => {
  const { reason } = error
  return reason._tag === "Store"
    ? Effect.fail(error)
    : Effect.succeed({ _tag: "Refused", reason: reason._tag, why: error.message })
}

/** Registers beside the handlers, since the coordinator answers when everything is on disk; the register bounds how many. */
const register = (state: State, { message, reply }: RegisterVote) =>
  Subsystem.spawn(
    Effect.gen(function* () {
      const result = yield* state.register.registerVote(message).pipe(
        Effect.map((_tag): RegisterVoteResult => ({ _tag })),
        Effect.catch(refusalOf)
      )
      if (result._tag === "Stored") {
        const { candidate, sessionIndex } = message
        yield* Gathering.gather(state, sessionIndex, hashOf(toPlain(candidate)), candidate)
      }
      yield* Deferred.succeed(reply, result)
    })
  )

const snapshotOf = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash
) {
  const votes = yield* stored(state.db.votes(session, candidateHash))
  if (Option.isNone(votes)) return Option.none<SnapshotValue>()
  const snapshot = Snapshot.take(session, votes.value)
  if (Result.isFailure(snapshot)) {
    yield* Effect.logError("a record of votes names somebody twice", snapshot.failure.message)
    return Option.none<SnapshotValue>()
  }
  yield* Metric.update(Metrics.snapshots, 1)
  return Option.some(snapshot.success)
})

const make = Effect.fnUntraced(function* (limits: Limits) {
  const state: State = {
    limits,
    db: yield* VotesDb,
    register: yield* VoteRegister,
    disputes: yield* Disputes,
    runtime: yield* RuntimeApi.RuntimeApi,
    keystore: yield* Keystore.Keystore,
    network: yield* Network.Network,
    self: yield* VotesDatabase,
    recovery: yield* AvailabilityRecovery,
    gathering: new Set(),
    recovering: yield* Semaphore.make(limits.parallelRecoveries),
    telling: new Set(),
    leaf: undefined
  }
  yield* Receiver.serve(state)
  yield* Escalation.follow(state)
  const { db } = state
  return {
    signal: Effect.fnUntraced(function* (signal: Signal.Signal) {
      if (signal._tag !== "ActiveLeaves" || signal.activated === null) return
      const isFirst = state.leaf === undefined
      state.leaf = signal.activated.hash
      if (isFirst) yield* Subsystem.spawn(Escalation.resume(state))
    }),
    message: VotesDatabase.match({
      QueryByValidatorAndSessionIndex: Effect.fnUntraced(function* ({
        identification: [session, index],
        reply
      }) {
        yield* Deferred.succeed(reply, yield* stored(db.queryByValidatorAndSessionIndex(session, index)))
      }),
      QueryByValidatorId: Effect.fnUntraced(function* ({ identification, reply }) {
        yield* Deferred.succeed(reply, yield* stored(db.queryByValidatorId(identification)))
      }),
      LookupPoVs: Effect.fnUntraced(function* ({ identification, limit, reply }) {
        const most = Math.min(limit, limits.maxLookup)
        yield* Deferred.succeed(reply, yield* stored(db.proofsOf(identification, most)))
      }),
      RegisterVote: (message) => register(state, message),
      Detection: Effect.fnUntraced(function* ({ candidateHash, identification: [session, index], reply }) {
        const all = yield* stored(db.queryByValidatorAndSessionIndex(session, index))
        yield* Deferred.succeed(
          reply,
          all.filter((hash) => hash !== candidateHash)
        )
      }),
      Resolution: Effect.fnUntraced(function* ({ candidateHash, reply, session }) {
        yield* Deferred.succeed(reply, yield* snapshotOf(state, session, candidateHash))
      }),
      TakeSnapshot: Effect.fnUntraced(function* ({ candidateHash, reply, session }) {
        yield* Deferred.succeed(reply, yield* snapshotOf(state, session, candidateHash))
      })
    })
  }
})

/**
 * Brings the votes database to life, in front of the register and the coordinator of the same program. A store that fails ends
 * the subsystem, and with it the node; nothing that a peer sends can.
 */
export const layer = (
  options: Partial<Limits> = {}
): Layer.Layer<never, DisputeError, VotesDatabase | Overseer.Overseer | Needs> =>
  VotesDatabase.toLayer(make({ ...defaults, ...options }))
