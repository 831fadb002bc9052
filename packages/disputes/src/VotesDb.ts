/**
 * Votes of all validators for a window of sessions, durable. One `commit` is one batch: what it has returned for is on
 * disk. Keys are those of polkadot-sdk's coordinator; the two tables by validator are the votes database's own.
 */
import { Store, Table } from "@ephor/chain"
import {
  CandidateHash,
  CandidateVotes,
  type DisputeStatus,
  fromHex,
  RecentDisputes,
  Scale,
  SessionIndex,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Context, Effect, Layer, Option, Schema, Stream } from "effect"

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
}

/** Shape of the database. */
export interface Service {
  readonly votes: (
    session: SessionIndex,
    candidate: CandidateHash
  ) => Effect.Effect<Option.Option<CandidateVotes>, Store.StoreError>
  readonly recentDisputes: Effect.Effect<ReadonlyArray<RecentDispute>, Store.StoreError>
  /** Writes everything of a change, or nothing. */
  readonly commit: (change: Change) => Effect.Effect<void, Store.StoreError>
  /**
   * Forgets sessions below `oldest`: their recent disputes at once, their votes at most `pruneSessionsPerWrite`
   * sessions at a time, from where the last cleaning ended.
   */
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
}

/** The votes database. */
export class VotesDb extends Context.Service<VotesDb, Service>()("@ephor/disputes/VotesDb") {}

/** Sessions whose votes one cleaning removes, so that a node that was away for long does not stall. */
export const pruneSessionsPerWrite = 300

const ascii = (text: string) => new TextEncoder().encode(text)
const votesPrefix = ascii("candidate-votes")
const recentKey = ascii("recent-disputes")
const earliestKey = ascii("earliest-session")
const watermarkKey = ascii("cleaned-votes-watermark")

/** Key of the votes of a session: 15 bytes of text and the session, big-endian. */
export const sessionKey = (session: SessionIndex): Uint8Array => {
  const key = new Uint8Array(votesPrefix.length + 4)
  key.set(votesPrefix)
  new DataView(key.buffer).setUint32(votesPrefix.length, session)
  return key
}

/** Key of the votes about a candidate: 51 bytes. */
export const candidateVotesKey = (session: SessionIndex, candidate: CandidateHash): Uint8Array => {
  const prefix = sessionKey(session)
  const key = new Uint8Array(prefix.length + 32)
  key.set(prefix)
  key.set(fromHex(candidate)!, prefix.length)
  return key
}

const byValidator = Table.make({
  name: "votes-by-validator",
  key: [Table.u32, Table.u32, Table.hash],
  value: Schema.Null
})
const byIdentity = Table.make({
  name: "sessions-by-identity",
  key: [Table.hash, Table.u32, Table.u32],
  value: Schema.Null
})

const encodeVotes = Scale.encode(CandidateVotes)
const decodeVotes = Scale.decode(CandidateVotes)
const encodeRecent = Scale.encode(RecentDisputes)
const decodeRecent = Scale.decode(RecentDisputes)
const encodeSession = Scale.encode(SessionIndex)
const decodeSession = Scale.decode(SessionIndex)

const decoded = <A>(decode: (bytes: Uint8Array) => A, key: string, bytes: Uint8Array) =>
  Effect.try({
    try: () => decode(bytes),
    catch: (cause) =>
      new Store.StoreError({
        operation: "get",
        path: "votes database",
        reason: new Store.StoreCorrupt({ key, why: cause instanceof Error ? cause.message : String(cause) })
      })
  })

const recentBytes = (recent: ReadonlyArray<RecentDispute>): Uint8Array =>
  encodeRecent(
    recent
      .toSorted((a, b) => a.session - b.session || (a.candidateHash < b.candidateHash ? -1 : 1))
      .map(({ candidateHash, session, status }) => [[session, candidateHash], status] as const)
  )

/** The database over the surrounding store. */
export const layer: Layer.Layer<VotesDb, never, Store.Store> = Layer.effect(
  VotesDb,
  Effect.gen(function* () {
    const store = yield* Store.Store
    const session = Effect.fnUntraced(function* (key: Uint8Array, name: string) {
      const bytes = yield* store.get(key)
      return Option.isNone(bytes) ? 0 : yield* decoded(decodeSession, name, bytes.value)
    })
    const recentDisputes = Effect.gen(function* () {
      const bytes = yield* store.get(recentKey)
      if (Option.isNone(bytes)) return []
      const entries = yield* decoded(decodeRecent, "recent-disputes", bytes.value)
      return entries.map(([[at, candidateHash], status]): RecentDispute => ({
        session: at,
        candidateHash,
        status
      }))
    })
    const candidatesOf = (at: SessionIndex, validator: ValidatorIndex) =>
      byValidator.iterate(store, [at, validator]).pipe(
        Stream.map(([[, , candidate]]) => candidate),
        Stream.runCollect
      )
    return VotesDb.of({
      votes: Effect.fnUntraced(function* (at, candidate) {
        const key = candidateVotesKey(at, candidate)
        const bytes = yield* store.get(key)
        return Option.isNone(bytes)
          ? Option.none()
          : Option.some(
              yield* decoded(
                decodeVotes,
                `candidate-votes of session ${at}, candidate ${candidate}`,
                bytes.value
              )
            )
      }),
      recentDisputes,
      commit: Effect.fn("VotesDb.commit")(function* ({ recent, record, voters }) {
        const { candidateHash, session: at, votes } = record
        yield* store.batch([
          Store.put(candidateVotesKey(at, candidateHash), encodeVotes(votes)),
          ...voters.flatMap((voter) => [
            byValidator.put([voter.session, voter.validatorIndex, candidateHash], null),
            byIdentity.put([voter.validatorId, voter.session, voter.validatorIndex], null)
          ]),
          ...(recent === undefined ? [] : [Store.put(recentKey, recentBytes(recent))])
        ])
      }),
      prune: Effect.fn("VotesDb.prune")(function* (oldest) {
        const from = yield* session(watermarkKey, "cleaned-votes-watermark")
        const to = Math.min(oldest, from + pruneSessionsPerWrite)
        const writes: Array<Store.Write> = []
        for (let at = from; at < to; at++) {
          yield* Stream.runForEach(store.iterate(sessionKey(at)), ({ key }) =>
            Effect.sync(() => writes.push(Store.remove(key)))
          )
          yield* Stream.runForEach(byValidator.iterate(store, [at]), ([key]) =>
            Effect.sync(() => writes.push(byValidator.delete(key)))
          )
        }
        const recent = (yield* recentDisputes).filter((dispute) => dispute.session >= oldest)
        writes.push(
          Store.put(earliestKey, encodeSession(oldest)),
          Store.put(watermarkKey, encodeSession(Math.max(from, to))),
          Store.put(recentKey, recentBytes(recent))
        )
        yield* store.batch(writes)
      }),
      queryByValidatorAndSessionIndex: candidatesOf,
      queryByValidatorId: Effect.fnUntraced(function* (validator) {
        const positions = yield* byIdentity.iterate(store, [validator]).pipe(Stream.runCollect)
        const found = yield* Effect.forEach(positions, ([[, at, index]]) => candidatesOf(at, index))
        return [...new Set(found.flat())]
      })
    })
  })
)
