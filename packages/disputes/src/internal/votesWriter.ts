/**
 * Group commit: changes that come while a batch is on its way to the disk go together into the next one, and are read
 * as if they were there. Nothing is acknowledged before its batch has returned.
 */
import { Store } from "@ephor/chain"
import type { CandidateHash, CandidateVotes, SessionIndex } from "@ephor/types"
import { Deferred, Effect, Exit, Latch, Metric } from "effect"
import type { DisputeConclusion } from "../Disputes.ts"
import * as Metrics from "../Metrics.ts"
import type { Change, RecentDispute, VotesRecord } from "../VotesDb.ts"
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
} from "./votesTables.ts"

/** What one step changes; the earliest session only where old ones are forgotten. */
interface Step extends Partial<Change> {
  readonly earliest?: SessionIndex
}

/** Changes that become one batch. */
interface Group {
  readonly records: Map<string, VotesRecord>
  readonly voters: Array<Store.Write>
  readonly conclusions: Map<string, DisputeConclusion>
  recent: ReadonlyArray<RecentDispute> | undefined
  earliest: SessionIndex | undefined
  readonly done: Deferred.Deferred<void, Store.StoreError>
}

const keyOf = (session: SessionIndex, candidate: CandidateHash) => `${session}/${candidate}`

const merge = (group: Group, { conclusion, earliest, recent, record, voters }: Step): void => {
  if (record !== undefined) group.records.set(keyOf(record.session, record.candidateHash), record)
  for (const { session, validatorId, validatorIndex } of voters ?? [])
    group.voters.push(
      byValidator.put([session, validatorIndex, record!.candidateHash], validatorId),
      byIdentity.put([validatorId, session, validatorIndex], null)
    )
  if (recent !== undefined) group.recent = recent
  if (earliest !== undefined) group.earliest = earliest
  if (conclusion !== undefined)
    group.conclusions.set(keyOf(conclusion.session, conclusion.candidateHash), conclusion)
}

const writesOf = (group: Group): ReadonlyArray<Store.Write> => [
  ...Array.from(group.records.values(), ({ candidateHash, session, votes }) =>
    Store.put(candidateVotesKey(session, candidateHash), encodeVotes(votes))
  ),
  ...group.voters,
  ...Array.from(group.conclusions.values(), (conclusion) =>
    conclusions.put([conclusion.session, conclusion.candidateHash], conclusion)
  ),
  ...(group.recent === undefined ? [] : [Store.put(recentKey, recentBytes(group.recent))]),
  ...(group.earliest === undefined ? [] : [Store.put(earliestKey, encodeSession(group.earliest))])
]

/** The write side of a votes database. Changed in place: it belongs to one database. */
export class VotesWriter {
  readonly #store: Store.Service
  readonly #cachedRecords: number
  readonly #wake = Latch.makeUnsafe(false)
  /** Records read or written last, the oldest first. */
  readonly #cache = new Map<string, VotesRecord>()
  /** Sessions below are being forgotten: nothing of them is kept in memory. */
  #floor: SessionIndex = 0
  #next: Group | undefined
  #flying: Group | undefined
  /** The failure of the first group that was lost; nothing is written after it. */
  #lost: Exit.Failure<void, Store.StoreError> | undefined
  #version = 0

  constructor(store: Store.Service, cachedRecords: number) {
    this.#store = store
    this.#cachedRecords = cachedRecords
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
    this.#next ??= {
      records: new Map(),
      voters: [],
      conclusions: new Map(),
      recent: undefined,
      earliest: undefined,
      done: Deferred.makeUnsafe()
    }
    const group = this.#next
    merge(group, change)
    if (change.record !== undefined) this.remember(change.record)
    this.#wake.openUnsafe()
    return Deferred.await(group.done)
  }

  /** Completes when everything taken so far is on disk, or has failed. */
  readonly flushed: Effect.Effect<void> = Effect.suspend(() => {
    const last = this.#next ?? this.#flying
    return last === undefined ? Effect.void : Effect.ignore(Deferred.await(last.done))
  })

  /** The newest votes that are known without reading the disk. */
  known(session: SessionIndex, candidate: CandidateHash): CandidateVotes | undefined {
    const key = keyOf(session, candidate)
    const record = this.#next?.records.get(key) ?? this.#flying?.records.get(key) ?? this.#cache.get(key)
    return record?.votes
  }

  /** The newest list of recent disputes that is not on disk yet. */
  get recent(): ReadonlyArray<RecentDispute> | undefined {
    return this.#next?.recent ?? this.#flying?.recent
  }

  /** Keeps a record that was read or written last. */
  remember(record: VotesRecord): void {
    if (record.session < this.#floor) return
    const key = keyOf(record.session, record.candidateHash)
    this.#cache.delete(key)
    this.#cache.set(key, record)
    if (this.#cache.size > this.#cachedRecords) this.#cache.delete(this.#cache.keys().next().value!)
  }

  /** Drops what is in memory of sessions below `oldest`. */
  forget(oldest: SessionIndex): void {
    this.#floor = Math.max(this.#floor, oldest)
    for (const [key, { session }] of this.#cache) if (session < oldest) this.#cache.delete(key)
  }

  #flush(): Effect.Effect<void> {
    this.#wake.closeUnsafe()
    const group = this.#next
    if (group === undefined) return Effect.void
    this.#flying = group
    this.#next = undefined
    return Effect.flatMap(Effect.exit(Effect.suspend(() => this.#store.batch(writesOf(group)))), (exit) => {
      this.#flying = undefined
      if (Exit.isFailure(exit)) this.#fail(exit)
      Deferred.doneUnsafe(group.done, exit)
      return Effect.andThen(
        Metric.update(Metrics.groupCommits, 1),
        Metric.update(Metrics.groupedRecords, group.records.size)
      )
    })
  }

  /** What was decided on the strength of a group that is lost must not be written either, whenever it comes. */
  #fail(exit: Exit.Failure<void, Store.StoreError>): void {
    this.#lost = exit
    this.#version++
    this.#cache.clear()
    const group = this.#next
    this.#next = undefined
    if (group !== undefined) Deferred.doneUnsafe(group.done, exit)
  }
}
