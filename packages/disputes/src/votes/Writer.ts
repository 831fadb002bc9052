/**
 * Group commit: changes that come while a batch is on its way to the disk go together into the next ones, and are read
 * as if they were there. Batches are bounded, so that writing one up keeps nobody waiting, and go to the disk in their
 * order. Nothing is acknowledged before its batch has returned.
 */
import { Store } from "@ephor/store"
import type { CandidateHash, CandidateVotes, SessionIndex } from "@ephor/types"
import { Deferred, Effect, Exit, Latch, Metric } from "effect"
import type { DisputeConclusion } from "../Disputes.ts"
import * as Metrics from "../Metrics.ts"
import type { Change, Limits, RecentDispute, Voter, VotesRecord } from "../VotesDb.ts"
import {
  byIdentity,
  byValidator,
  candidateVotesKey,
  conclusions,
  earliestKey,
  encodeSession,
  encodeVotes,
  recentBytes,
  recentKey
} from "./Tables.ts"

/** Rows by identity that are known to be on disk: 1000 validators for the window of the seed, and some. */
const knownIdentities = 8192

/** What one step changes; the earliest session only where old ones are forgotten. */
interface Step extends Partial<Change> {
  readonly earliest?: SessionIndex
}

/** Changes that become one batch. */
interface Group {
  readonly records: Map<string, VotesRecord>
  readonly voters: Array<Store.Write>
  /** Validators that have a vote on disk when the group has: `identityOf`, with their sessions. */
  readonly identities: Map<string, SessionIndex>
  readonly conclusions: Map<string, DisputeConclusion>
  recent: ReadonlyArray<RecentDispute> | undefined
  earliest: SessionIndex | undefined
  readonly done: Deferred.Deferred<void, Store.StoreError>
}

const keyOf = (session: SessionIndex, candidate: CandidateHash) => `${session}/${candidate}`

const identityOf = ({ session, validatorId, validatorIndex }: Voter) =>
  `${session}/${validatorIndex}/${validatorId}`

const merge = (
  group: Group,
  { conclusion, earliest, recent, record, voters }: Step,
  written: ReadonlyMap<string, SessionIndex>
): void => {
  if (record !== undefined) group.records.set(keyOf(record.session, record.candidateHash), record)
  for (const voter of voters ?? []) {
    const { session, validatorId, validatorIndex } = voter
    group.voters.push(byValidator.put([session, validatorIndex, record!.candidateHash], validatorId))
    const identity = identityOf(voter)
    if (written.has(identity) || group.identities.has(identity)) continue
    group.identities.set(identity, session)
    group.voters.push(byIdentity.put([validatorId, session, validatorIndex], null))
  }
  if (recent !== undefined) group.recent = recent
  if (earliest !== undefined) group.earliest = earliest
  if (conclusion !== undefined)
    group.conclusions.set(keyOf(conclusion.session, conclusion.candidateHash), conclusion)
}

/** The writes of a group that takes no more changes; others have their turn between two records. */
const writesOf = Effect.fnUntraced(function* (group: Group) {
  const writes: Array<Store.Write> = []
  for (const { candidateHash, session, votes } of group.records.values()) {
    writes.push(Store.put(candidateVotesKey(session, candidateHash), encodeVotes(votes)))
    yield* Effect.yieldNow
  }
  writes.push(...group.voters)
  for (const conclusion of group.conclusions.values())
    writes.push(conclusions.put([conclusion.session, conclusion.candidateHash], conclusion))
  if (group.recent !== undefined) writes.push(Store.put(recentKey, recentBytes(group.recent)))
  if (group.earliest !== undefined) writes.push(Store.put(earliestKey, encodeSession(group.earliest)))
  return writes
})

/** The write side of a votes database. Changed in place: it belongs to one database. */
export class VotesWriter {
  readonly #store: Store.Service
  readonly #limits: Limits
  readonly #wake = Latch.makeUnsafe(false)
  /** Records read or written last, the oldest first. */
  readonly #cache = new Map<string, VotesRecord>()
  /** Rows by identity that are on disk, the oldest first: one for every validator of a session, not for every vote. */
  readonly #identities = new Map<string, SessionIndex>()
  /** Sessions below are being forgotten: nothing of them is kept in memory. */
  #floor: SessionIndex = 0
  /** Groups that wait, the oldest first; the last one takes changes. Bounded by the imports that wait for them. */
  readonly #waiting: Array<Group> = []
  #flying: Group | undefined
  /** The failure of the first group that was lost; nothing is written after it. */
  #lost: Exit.Failure<void, Store.StoreError> | undefined
  #version = 0

  constructor(store: Store.Service, limits: Limits) {
    this.#store = store
    this.#limits = limits
  }

  /** Writes groups for ever, one after the other. */
  readonly run: Effect.Effect<never> = Effect.suspend(() => this.#wake.await).pipe(
    Effect.andThen(Effect.suspend(() => this.#flush())),
    Effect.forever
  )

  /** Rises with every change: whoever reads the disk sees by it whether what was read is still the newest. */
  get version(): number {
    return this.#version
  }

  /** Takes a change; what it gives completes when the change is on disk. After a group that was lost it fails as that did. */
  stage(change: Step): Effect.Effect<void, Store.StoreError> {
    if (this.#lost !== undefined) return this.#lost
    this.#version++
    const group = this.#open()
    merge(group, change, this.#identities)
    if (change.record !== undefined) this.remember(change.record)
    this.#wake.openUnsafe()
    return Deferred.await(group.done)
  }

  /** Completes when everything taken so far is on disk, or has failed. */
  readonly flushed: Effect.Effect<void> = Effect.suspend(() => {
    const last = this.#waiting.at(-1) ?? this.#flying
    return last === undefined ? Effect.void : Effect.ignore(Deferred.await(last.done))
  })

  /** The newest votes that are known without reading the disk. */
  known(session: SessionIndex, candidate: CandidateHash): CandidateVotes | undefined {
    const key = keyOf(session, candidate)
    const waiting = this.#newestFirst.find(({ records }) => records.has(key))
    return (waiting?.records ?? this.#cache).get(key)?.votes
  }

  /** The newest list of recent disputes that is not on disk yet. */
  get recent(): ReadonlyArray<RecentDispute> | undefined {
    return this.#newestFirst.find((group) => group.recent !== undefined)?.recent
  }

  /** Keeps a record that was read or written last. */
  remember(record: VotesRecord): void {
    if (record.session < this.#floor) return
    const key = keyOf(record.session, record.candidateHash)
    this.#cache.delete(key)
    this.#cache.set(key, record)
    if (this.#cache.size > this.#limits.cachedRecords) this.#cache.delete(this.#cache.keys().next().value!)
  }

  /** Sessions below it are being forgotten, or are gone. */
  get floor(): SessionIndex {
    return this.#floor
  }

  /** Drops what is in memory of sessions below `oldest`. */
  forget(oldest: SessionIndex): void {
    this.#floor = Math.max(this.#floor, oldest)
    for (const [key, { session }] of this.#cache) if (session < oldest) this.#cache.delete(key)
    for (const [key, session] of this.#identities) if (session < oldest) this.#identities.delete(key)
  }

  get #newestFirst(): ReadonlyArray<Group> {
    const groups = this.#waiting.toReversed()
    return this.#flying === undefined ? groups : [...groups, this.#flying]
  }

  /** The group that takes changes. */
  #open(): Group {
    const last = this.#waiting.at(-1)
    const { recordsPerWrite, votersPerWrite } = this.#limits
    if (last !== undefined && last.records.size < recordsPerWrite && last.voters.length < votersPerWrite)
      return last
    const group: Group = {
      records: new Map(),
      voters: [],
      identities: new Map(),
      conclusions: new Map(),
      recent: undefined,
      earliest: undefined,
      done: Deferred.makeUnsafe()
    }
    this.#waiting.push(group)
    return group
  }

  #flush(): Effect.Effect<void> {
    const group = this.#waiting.shift()
    if (this.#waiting.length === 0) this.#wake.closeUnsafe()
    if (group === undefined) return Effect.void
    this.#flying = group
    const written = Effect.flatMap(writesOf(group), (writes) => this.#store.batch(writes))
    return Effect.flatMap(Effect.exit(written), (exit) => {
      this.#flying = undefined
      if (Exit.isFailure(exit)) this.#fail(exit)
      else this.#rememberIdentities(group.identities)
      Deferred.doneUnsafe(group.done, exit)
      return Effect.andThen(
        Metric.update(Metrics.groupCommits, 1),
        Metric.update(Metrics.groupedRecords, group.records.size)
      )
    })
  }

  #rememberIdentities(written: ReadonlyMap<string, SessionIndex>): void {
    for (const [key, session] of written) if (session >= this.#floor) this.#identities.set(key, session)
    for (const key of this.#identities.keys()) {
      if (this.#identities.size <= knownIdentities) return
      this.#identities.delete(key)
    }
  }

  /** What was decided on the strength of a group that is lost must not be written either, whenever it comes. */
  #fail(exit: Exit.Failure<void, Store.StoreError>): void {
    this.#lost = exit
    this.#version++
    this.#cache.clear()
    for (const group of this.#waiting.splice(0)) Deferred.doneUnsafe(group.done, exit)
  }
}
