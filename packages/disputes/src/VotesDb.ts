/**
 * Votes of all validators for a window of sessions, durable. What `commit` has returned for is on disk; changes that come
 * together are written together. Keys are those of polkadot-sdk's coordinator; the tables by validator are the votes
 * database's own (votes-db, "Storage").
 */
import { Store } from "@ephor/store"
import type {
  CandidateHash,
  CandidateVotes,
  DisputeStatus,
  SessionIndex,
  ValidatorId,
  ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Layer, Option, Stream } from "effect"
import type { DisputeConclusion } from "./Disputes.ts"
import { makeKeeper, type ProofRecord, proofs } from "./votes/Proofs.ts"
import { clean, forgetRecent } from "./votes/Pruning.ts"
import {
  byIdentity,
  byValidator,
  candidateVotesKey,
  conclusions,
  decodeVotes,
  readRecent,
  readVotesKey,
  sorted,
  votesPrefix
} from "./votes/Tables.ts"
import { VotesWriter } from "./votes/Writer.ts"

export type { ProofRecord } from "./votes/Proofs.ts"
export { candidateVotesKey, family, sessionKey } from "./votes/Tables.ts"

/** Votes about a candidate of a session. */
export interface VotesRecord {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly votes: CandidateVotes
}

/** A dispute and where it stands. */
export interface RecentDispute {
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
  readonly status: DisputeStatus
}

/** Somebody who voted, by position and by key. */
export interface Voter {
  readonly session: SessionIndex
  readonly validatorIndex: ValidatorIndex
  readonly validatorId: ValidatorId
}

/** What one import changes. */
export interface Change {
  readonly record: VotesRecord
  /** Validators whose first vote about this candidate is among the changes. */
  readonly voters: ReadonlyArray<Voter>
  /** All recent disputes after the change, where the change touches them. */
  readonly recent?: ReadonlyArray<RecentDispute> | undefined
  /** How the dispute ended, if it ends with this change. */
  readonly conclusion?: DisputeConclusion | undefined
}

/** Shape of the database. */
export interface Service {
  readonly votes: (
    session: SessionIndex,
    candidate: CandidateHash
  ) => Effect.Effect<Option.Option<CandidateVotes>, Store.StoreError>
  readonly recentDisputes: Effect.Effect<ReadonlyArray<RecentDispute>, Store.StoreError>
  /** Every record on disk, in the order of sessions and candidates. */
  readonly records: Stream.Stream<VotesRecord, Store.StoreError>
  /** How a dispute ended. */
  readonly conclusion: (
    session: SessionIndex,
    candidate: CandidateHash
  ) => Effect.Effect<Option.Option<DisputeConclusion>, Store.StoreError>
  /** Writes everything of a change, or nothing; returns when it is on disk. */
  readonly commit: (change: Change) => Effect.Effect<void, Store.StoreError>
  /**
   * Takes a change: reads see it from now on. The effect inside completes when it is on disk, and only then it may be
   * acknowledged. Changes are written in the order in which they were taken.
   */
  readonly stage: (change: Change) => Effect.Effect<Effect.Effect<void, Store.StoreError>>
  /** Writes how a dispute ended, with what became known since. */
  readonly conclude: (conclusion: DisputeConclusion) => Effect.Effect<void, Store.StoreError>
  /** Writes the list of recent disputes anew. */
  readonly replaceRecent: (recent: ReadonlyArray<RecentDispute>) => Effect.Effect<void, Store.StoreError>
  /** Forgets the recent disputes of sessions below `oldest`, at once. */
  readonly forget: (oldest: SessionIndex) => Effect.Effect<void, Store.StoreError>
  /**
   * Removes the votes of sessions below `oldest`, at most `pruneSessionsPerWrite` sessions at a time, from where the last
   * cleaning ended. Others read and write meanwhile.
   */
  readonly clean: (oldest: SessionIndex) => Effect.Effect<void, Store.StoreError>
  /** `forget` and `clean`. */
  readonly prune: (oldest: SessionIndex) => Effect.Effect<void, Store.StoreError>
  /** Candidates that a validator voted about in a session (votes-db, "QueryByValidatorAndSessionIndex"). */
  readonly queryByValidatorAndSessionIndex: (
    session: SessionIndex,
    validator: ValidatorIndex
  ) => Effect.Effect<ReadonlyArray<CandidateHash>, Store.StoreError>
  /** Candidates that a key voted about in any session (votes-db, "QueryByValidatorId"). */
  readonly queryByValidatorId: (
    validator: ValidatorId
  ) => Effect.Effect<ReadonlyArray<CandidateHash>, Store.StoreError>
  /**
   * Keeps a disputed candidate with its proof for as long as its votes. False, and nothing written, if there are no votes about
   * it (any more), or its session holds as many bytes as it may.
   */
  readonly keepProof: (proof: ProofRecord) => Effect.Effect<boolean, Store.StoreError>
  /** A disputed candidate with its proof. */
  readonly proof: (
    session: SessionIndex,
    candidate: CandidateHash
  ) => Effect.Effect<Option.Option<ProofRecord>, Store.StoreError>
  /** The disputed candidates that a key voted about, at most so many (votes-db, "Lookup all PoVs"). */
  readonly proofsOf: (
    validator: ValidatorId,
    limit: number
  ) => Effect.Effect<ReadonlyArray<ProofRecord>, Store.StoreError>
}

/** The votes database. */
export class VotesDb extends Context.Service<VotesDb, Service>()("@ephor/disputes/VotesDb") {}

/** Bounds of the database. */
export interface Limits {
  /** Sessions whose votes one cleaning removes, so that a node that was away for long does not stall. */
  readonly pruneSessionsPerWrite: number
  /** Rows that one batch of a cleaning removes: as long others wait for the disk. */
  readonly pruneRowsPerWrite: number
  /** Records of votes that stay in memory: the disputes of the hour. */
  readonly cachedRecords: number
  /** Records of votes after which a batch takes no more: as long everything else waits while it is written up. */
  readonly recordsPerWrite: number
  /** Rows by validator after which a batch takes no more. */
  readonly votersPerWrite: number
  /** Bytes of disputed candidates with their proofs that are kept of one session; what comes beyond is not kept. */
  readonly proofBytesPerSession: number
}

/** Sessions whose votes one cleaning removes where nothing else is said. */
export const pruneSessionsPerWrite = 300

/** Bounds that apply where none are given. */
export const defaults: Limits = {
  pruneSessionsPerWrite,
  pruneRowsPerWrite: 128,
  cachedRecords: 128,
  recordsPerWrite: 32,
  votersPerWrite: 512,
  proofBytesPerSession: 256 * 1024 * 1024
}

const readVotes = Effect.fnUntraced(function* (
  store: Store.Service,
  writer: VotesWriter,
  session: SessionIndex,
  candidateHash: CandidateHash
) {
  const known = writer.known(session, candidateHash)
  if (known !== undefined) return Option.some(known)
  while (true) {
    const { version } = writer
    const bytes = yield* store.get(candidateVotesKey(session, candidateHash))
    // A change may have come while the disk was read, and may even have left memory again.
    if (version !== writer.version) {
      const newer = writer.known(session, candidateHash)
      if (newer !== undefined) return Option.some(newer)
      continue
    }
    if (Option.isNone(bytes)) return Option.none<CandidateVotes>()
    const votes = yield* decodeVotes(session, candidateHash, bytes.value)
    if (version === writer.version) writer.remember({ session, candidateHash, votes })
    return Option.some(votes)
  }
})

const make = Effect.fnUntraced(function* (limits: Limits) {
  const store = yield* Store.Store
  const writer = new VotesWriter(store, limits)
  yield* Effect.forkScoped(writer.run)
  const candidatesOf = (session: SessionIndex, validator: ValidatorIndex) =>
    byValidator.iterate(store, [session, validator]).pipe(
      Stream.map(([[, , candidate]]) => candidate),
      Stream.runCollect
    )
  const forget = Effect.fnUntraced(function* (oldest: SessionIndex) {
    yield* writer.flushed
    writer.forget(oldest)
    yield* forgetRecent(store, writer, oldest)
  })
  const isKept = Effect.fnUntraced(function* (session: SessionIndex, candidate: CandidateHash) {
    return session >= writer.floor && Option.isSome(yield* readVotes(store, writer, session, candidate))
  })
  const proof = Effect.fnUntraced(function* (session: SessionIndex, candidateHash: CandidateHash) {
    const found = yield* proofs.get(store, [session, candidateHash])
    return Option.map(found, (known): ProofRecord => ({ session, candidateHash, ...known }))
  })
  const positionsOf = (validator: ValidatorId) =>
    byIdentity.iterate(store, [validator]).pipe(
      Stream.map(([[, session, index]]) => [session, index] as const),
      Stream.runCollect
    )
  return VotesDb.of({
    keepProof: makeKeeper(store, limits, isKept),
    proof,
    proofsOf: Effect.fnUntraced(function* (validator, limit) {
      yield* writer.flushed
      const found: Array<ProofRecord> = []
      for (const [session, index] of yield* positionsOf(validator)) {
        for (const candidateHash of yield* candidatesOf(session, index)) {
          if (found.length >= limit) return found
          found.push(...Option.toArray(yield* proof(session, candidateHash)))
        }
      }
      return found
    }),
    votes: (session, candidate) => readVotes(store, writer, session, candidate),
    recentDisputes: Effect.suspend(() => {
      const { recent } = writer
      return recent === undefined ? readRecent(store) : Effect.succeed(sorted(recent))
    }),
    records: store.iterate(votesPrefix).pipe(
      Stream.mapEffect(
        Effect.fnUntraced(function* ({ key, value }) {
          const [session, candidateHash] = yield* readVotesKey(key)
          return { session, candidateHash, votes: yield* decodeVotes(session, candidateHash, value) }
        })
      )
    ),
    conclusion: (session, candidate) =>
      Effect.andThen(writer.flushed, conclusions.get(store, [session, candidate])),
    commit: Effect.fn("VotesDb.commit")((change) => Effect.suspend(() => writer.stage(change))),
    stage: (change) => Effect.sync(() => writer.stage(change)),
    conclude: (conclusion) => Effect.suspend(() => writer.stage({ conclusion })),
    replaceRecent: (recent) => Effect.suspend(() => writer.stage({ recent })),
    forget,
    clean: (oldest) => clean(store, limits, oldest),
    prune: (oldest) => Effect.andThen(forget(oldest), clean(store, limits, oldest)),
    queryByValidatorAndSessionIndex: (session, validator) =>
      Effect.andThen(writer.flushed, candidatesOf(session, validator)),
    queryByValidatorId: Effect.fnUntraced(function* (validator) {
      yield* writer.flushed
      const found = yield* Effect.forEach(yield* positionsOf(validator), ([session, index]) =>
        candidatesOf(session, index)
      )
      return [...new Set(found.flat())]
    })
  })
})

/** The database over the surrounding store, with bounds of its own. */
export const layerWith = (limits: Partial<Limits> = {}): Layer.Layer<VotesDb, never, Store.Store> =>
  Layer.effect(VotesDb, make({ ...defaults, ...limits }))

/** The database over the surrounding store. */
export const layer: Layer.Layer<VotesDb, never, Store.Store> = layerWith()
