/**
 * The messages of the votes database (votes-db, "Messages"): registering gossiped votes, asking what a validator voted
 * about, and being told when a dispute begins and how it ends.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import type { Store } from "@ephor/store"
import {
  DisputeCoordinator,
  type ImportRefusal,
  type RegisterVotesResult,
  type SignedDisputeStatement
} from "@ephor/overseer"
import {
  type CandidateHash,
  type DisputeGossipMessage,
  disputeStatementPayload,
  type SessionIndex,
  type SessionInfo,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Layer, Metric, Option, Semaphore, Stream } from "effect"
import {
  AncientSession,
  DisputeError,
  InvalidSignature,
  Malformed,
  Spam,
  StoreFailed,
  UnknownCandidate,
  UnknownSession
} from "./DisputeError.ts"
import { type DisputeDetection, Disputes } from "./Disputes.ts"
import * as GossipMessage from "./GossipMessage.ts"
import * as Metrics from "./Metrics.ts"
import { VotesDb } from "./VotesDb.ts"

/** `Stored`: on disk. `Late`: the dispute was decided before; only who voted in this message is judged. */
export type Registered = "Stored" | "Late"

/** What the database tells (votes-db, "DisputeMessage"), with the candidate that it is about. */
export type DisputeMessage =
  | {
      /** A validator's vote made a candidate disputed; `hashes` are those that it voted about earlier in the session. */
      readonly _tag: "Detection"
      readonly identification: readonly [SessionIndex, ValidatorIndex]
      readonly candidateHash: CandidateHash
      readonly hashes: ReadonlyArray<CandidateHash>
    }
  | {
      /** A supermajority has decided. */
      readonly _tag: "Resolution"
      readonly session: SessionIndex
      readonly candidateHash: CandidateHash
      readonly valid: boolean
    }

/** Shape of the register. */
export interface Service {
  /**
   * Validates a message and its signatures. If a supermajority has decided before, only the validators of the message
   * are judged; else its votes are stored, and everybody who voted is judged once the dispute is decided, with all its
   * effects. Returns when that is on disk.
   */
  readonly registerVote: (message: DisputeGossipMessage) => Effect.Effect<Registered, DisputeError>
  /** Candidates that a validator voted about in a session. */
  readonly queryByValidatorAndSessionIndex: (
    identification: readonly [SessionIndex, ValidatorIndex]
  ) => Effect.Effect<ReadonlyArray<CandidateHash>, DisputeError>
  /** Candidates that a key voted about in any session that is kept. */
  readonly queryByValidatorId: (
    identification: ValidatorId
  ) => Effect.Effect<ReadonlyArray<CandidateHash>, DisputeError>
  /** `Detection` and `Resolution` from the moment of subscription on; fails when the database does. */
  readonly messages: Stream.Stream<DisputeMessage, DisputeError>
}

/** The register of votes. */
export class VoteRegister extends Context.Service<VoteRegister, Service>()("@ephor/disputes/VoteRegister") {}

/** Bounds of the register. */
export interface Limits {
  /** Messages that are checked and stored at a time; further ones wait. */
  readonly parallelRegistrations: number
  /** Validators that are told as those who began one dispute. */
  readonly detectionsPerDispute: number
}

/** Bounds that apply where none are given. */
export const defaults: Limits = { parallelRegistrations: 64, detectionsPerDispute: 16 }

const storeFailed = (cause: Store.StoreError) => new DisputeError({ reason: new StoreFailed({ cause }) })
const failed = (reason: DisputeError["reason"]) => Effect.fail(new DisputeError({ reason }))

const refusalOf = (refusal: ImportRefusal): DisputeError["reason"] => {
  switch (refusal._tag) {
    case "AncientSession":
      return new AncientSession(refusal)
    case "UnknownSession":
      return new UnknownSession(refusal)
    case "UnknownCandidate":
      return new UnknownCandidate(refusal)
    case "Spam":
      return new Spam(refusal)
  }
}

const make = Effect.fnUntraced(function* (limits: Limits) {
  const chain = yield* Chain.Chain
  const runtime = yield* RuntimeApi.RuntimeApi
  const keystore = yield* Keystore.Keystore
  const coordinator = yield* DisputeCoordinator
  const disputes = yield* Disputes
  const db = yield* VotesDb
  const permits = yield* Semaphore.make(limits.parallelRegistrations)

  const infoOf = Effect.fnUntraced(function* (session: SessionIndex) {
    const { hash } = yield* chain.head("LocalUnsafe")
    const info = yield* Effect.option(runtime.sessionInfo(hash, session))
    return Option.isSome(info) ? info.value : yield* failed(new UnknownSession({ session }))
  })
  /** A candidate is in a block above its relay parent, as far as that one is known here. */
  const checkNumber = Effect.fnUntraced(function* ({ blockNumber, candidate }: DisputeGossipMessage) {
    const { relayParent } = candidate.descriptor
    const parent = yield* Effect.orElseSucceed(chain.block(relayParent), Option.none)
    if (Option.isNone(parent) || blockNumber > parent.value.number) return
    const why = `block ${blockNumber} is not above the relay parent of the candidate, ${parent.value.number}`
    return yield* failed(new Malformed({ why }))
  })
  const verify = Effect.fnUntraced(function* (
    info: SessionInfo,
    session: SessionIndex,
    { candidateHash, votes }: GossipMessage.GossipedVotes
  ) {
    const statements = votes.map((vote): SignedDisputeStatement => ({
      ...vote,
      validatorId: info.validators[vote.validatorIndex]!
    }))
    const verdicts = yield* keystore.verifyAll(
      statements.map(({ signature, statement, validatorId }) => ({
        key: validatorId,
        payload: disputeStatementPayload(statement, candidateHash, session)!,
        signature
      }))
    )
    const bad = statements[verdicts.indexOf(false)]
    if (bad !== undefined)
      return yield* failed(new InvalidSignature({ candidateHash, validatorIndex: bad.validatorIndex }))
    return statements
  })
  const registerVote = Effect.fn("VoteRegister.registerVote")(function* (message: DisputeGossipMessage) {
    const session = message.sessionIndex
    const info = yield* infoOf(session)
    yield* checkNumber(message)
    const gossiped = yield* Effect.fromResult(GossipMessage.read(message, info.validators.length))
    const statements = yield* verify(info, session, gossiped)
    const result = yield* coordinator.ask<RegisterVotesResult>((reply) => ({
      _tag: "RegisterVotes",
      candidateReceipt: gossiped.candidate,
      session,
      statements,
      reply
    }))
    yield* Metric.update(Metrics.registrations(result._tag), 1)
    if (result._tag === "Refused") return yield* failed(refusalOf(result.reason))
    return result._tag
  }, permits.withPermits(1))
  const detectionsOf = ({ candidateHash, raisers, session }: DisputeDetection) =>
    Effect.forEach(raisers.slice(0, limits.detectionsPerDispute), (validator) =>
      db.queryByValidatorAndSessionIndex(session, validator).pipe(
        Effect.map((hashes): DisputeMessage => ({
          _tag: "Detection",
          identification: [session, validator],
          candidateHash,
          hashes: hashes.filter((hash) => hash !== candidateHash)
        }))
      )
    )
  return VoteRegister.of({
    registerVote,
    queryByValidatorAndSessionIndex: ([session, validator]) =>
      Effect.mapError(db.queryByValidatorAndSessionIndex(session, validator), storeFailed),
    queryByValidatorId: (validator) => Effect.mapError(db.queryByValidatorId(validator), storeFailed),
    messages: Stream.merge(
      disputes.detections.pipe(
        Stream.mapEffect(detectionsOf),
        Stream.flatMap((found) => Stream.fromIterable(found)),
        Stream.mapError(storeFailed)
      ),
      disputes.conclusions.pipe(
        Stream.map(({ candidateHash, session, valid }): DisputeMessage => ({
          _tag: "Resolution",
          session,
          candidateHash,
          valid
        }))
      )
    )
  })
})

type Needs = Chain.Chain | RuntimeApi.RuntimeApi | Keystore.Keystore | DisputeCoordinator | Disputes | VotesDb

/** The register in front of the coordinator of the same program. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<VoteRegister, never, Needs> =>
  Layer.effect(VoteRegister, make({ ...defaults, ...options }))
