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
  ValidatorId,
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
  /** Writes the list of recent disputes anew. */
  readonly replaceRecent: (recent: ReadonlyArray<RecentDispute>) => Effect.Effect<void, Store.StoreError>
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

/** Session, index and candidate; the key of the validator, by which cleaning finds its entry in `byIdentity`. */
const byValidator = Table.make({
  name: "votes-by-validator",
  key: [Table.u32, Table.u32, Table.hash],
  value: ValidatorId
})
/** Key of a validator, session and index. */
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

const sessionAt = Effect.fnUntraced(function* (store: Store.Service, key: Uint8Array, name: string) {
  const bytes = yield* store.get(key)
  return Option.isNone(bytes) ? 0 : yield* decoded(decodeSession, name, bytes.value)
})

const recentOf = Effect.fnUntraced(function* (store: Store.Service) {
  const bytes = yield* store.get(recentKey)
  if (Option.isNone(bytes)) return []
  const entries = yield* decoded(decodeRecent, "recent-disputes", bytes.value)
  return entries.map(([[session, candidateHash], status]): RecentDispute => ({
    session,
    candidateHash,
    status
  }))
})

const votesOf = Effect.fnUntraced(function* (
  store: Store.Service,
  session: SessionIndex,
  candidate: CandidateHash
) {
  const bytes = yield* store.get(candidateVotesKey(session, candidate))
  if (Option.isNone(bytes)) return Option.none()
  const name = `candidate-votes of session ${session}, candidate ${candidate}`
  return Option.some(yield* decoded(decodeVotes, name, bytes.value))
})

const writesOf = ({ recent, record, voters }: Change): ReadonlyArray<Store.Write> => [
  Store.put(candidateVotesKey(record.session, record.candidateHash), encodeVotes(record.votes)),
  ...voters.flatMap(({ session, validatorId, validatorIndex }) => [
    byValidator.put([session, validatorIndex, record.candidateHash], validatorId),
    byIdentity.put([validatorId, session, validatorIndex], null)
  ]),
  ...(recent === undefined ? [] : [Store.put(recentKey, recentBytes(recent))])
]

/** Everything of one session but the list of disputes. */
const removalsOf = Effect.fnUntraced(function* (store: Store.Service, session: SessionIndex) {
  const votes = yield* Stream.runCollect(store.iterate(sessionKey(session)))
  const voters = yield* Stream.runCollect(byValidator.iterate(store, [session]))
  return [
    ...votes.map(({ key }) => Store.remove(key)),
    ...voters.flatMap(([key, id]) => [byValidator.delete(key), byIdentity.delete([id, key[0], key[1]])])
  ]
})

const prune = Effect.fn("VotesDb.prune")(function* (store: Store.Service, oldest: SessionIndex) {
  const from = yield* sessionAt(store, watermarkKey, "cleaned-votes-watermark")
  const earliest = yield* sessionAt(store, earliestKey, "earliest-session")
  const to = Math.min(oldest, from + pruneSessionsPerWrite)
  const writes: Array<Store.Write> = []
  for (let session = from; session < to; session++) writes.push(...(yield* removalsOf(store, session)))
  const recent = (yield* recentOf(store)).filter((dispute) => dispute.session >= oldest)
  writes.push(
    Store.put(earliestKey, encodeSession(Math.max(earliest, oldest))),
    Store.put(watermarkKey, encodeSession(Math.max(from, to))),
    Store.put(recentKey, recentBytes(recent))
  )
  yield* store.batch(writes)
})

/** The database over the surrounding store. */
export const layer: Layer.Layer<VotesDb, never, Store.Store> = Layer.effect(
  VotesDb,
  Effect.map(Store.Store, (store) => {
    const candidatesOf = (session: SessionIndex, validator: ValidatorIndex) =>
      byValidator.iterate(store, [session, validator]).pipe(
        Stream.map(([[, , candidate]]) => candidate),
        Stream.runCollect
      )
    return VotesDb.of({
      votes: (session, candidate) => votesOf(store, session, candidate),
      recentDisputes: recentOf(store),
      commit: Effect.fn("VotesDb.commit")((change) => store.batch(writesOf(change))),
      replaceRecent: (recent) => store.batch([Store.put(recentKey, recentBytes(recent))]),
      prune: (oldest) => prune(store, oldest),
      queryByValidatorAndSessionIndex: candidatesOf,
      queryByValidatorId: Effect.fnUntraced(function* (validator) {
        const positions = yield* byIdentity.iterate(store, [validator]).pipe(Stream.runCollect)
        const found = yield* Effect.forEach(positions, ([[, session, index]]) => candidatesOf(session, index))
        return [...new Set(found.flat())]
      })
    })
  })
)
