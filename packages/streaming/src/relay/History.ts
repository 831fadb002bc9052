/**
 * What a relay has on disk: certified commits by index with the blocks as they were received, verified blocks that no
 * commit has yet, and where to go on. Every change is one atomic batch. Where there is an archive, commits leave the
 * history only once they are there, and are read from there.
 */
import { Manifest, Store } from "@ephor/store"
import {
  type CommittedSubDag,
  concatBytes,
  type DagBlockRef,
  fromHex,
  type Hash,
  openDagBlock,
  toHex
} from "@ephor/types"
import { Effect, Metric, Option, Result, Stream } from "effect"
import { maxSegmentCommits } from "../Archive.ts"
import type { SourceBlock } from "../BlockSource.ts"
import type { ObservedCommit } from "../CommitDeriver.ts"
import { keepCommit } from "../FrameCache.ts"
import { decodeCommit, encodeCommit } from "../Messages.ts"
import { ObserverError, Source } from "../ObserverError.ts"
import * as RelayMetrics from "../RelayMetrics.ts"
import type { Position } from "../SubscriberConfig.ts"
import * as Archiving from "./Archiving.ts"

/** Bounds of a history. */
export interface HistoryLimits {
  readonly maxHistoryCommits: number
  readonly maxHistoryBytes: number
}

const failed = (why: string) => new ObserverError({ where: "Relay", reason: new Source({ why }) })
const fromStore = <A>(effect: Effect.Effect<A, Store.StoreError>): Effect.Effect<A, ObserverError> =>
  Effect.mapError(effect, (error) => failed(error.message))

const letter = (text: string) => new TextEncoder().encode(text)
const [commits, blocks, state] = [letter("c"), letter("b"), letter("p")]

const u32 = (...values: ReadonlyArray<number>): Uint8Array => {
  const out = new Uint8Array(values.length * 4)
  values.forEach((value, i) => new DataView(out.buffer).setUint32(i * 4, value))
  return out
}
const commitKey = (index: number) => concatBytes(commits, u32(index))
const blockKey = ({ author, digest, round }: DagBlockRef) =>
  concatBytes(blocks, u32(round, author), fromHex(digest))

/** All records of a relay, for the manifest of a data directory. A change of what a record is raises the version. */
export const family = Manifest.family({
  name: "relay",
  version: 1,
  owns: (key) =>
    (key[0] === commits[0] && key.length === 5) ||
    (key[0] === blocks[0] && key.length === 41) ||
    (key[0] === state[0] && key.length === 1),
  read: ({ key, value }) => {
    if (key[0] === commits[0]) Result.getOrThrow(decodeCommit(value))
    if (key[0] === blocks[0]) Result.getOrThrow(openDagBlock(value))
  }
})

/** Names a block by its bytes. */
const sourceBlock = (bytes: Uint8Array): Effect.Effect<SourceBlock, ObserverError> => {
  const opened = openDagBlock(bytes)
  return Result.isSuccess(opened)
    ? Effect.succeed({ ref: opened.success.ref, bytes })
    : Effect.fail(failed(`a stored block does not decode: ${opened.failure.message}`))
}

/** The blocks of a commit, named. */
export const blocksOf = (commit: CommittedSubDag): Effect.Effect<ReadonlyArray<SourceBlock>, ObserverError> =>
  Effect.forEach(commit.blocks, sourceBlock)

/** What a commit is on the wire. */
export const dataOf = ({ blocks, index, leader, timestampMs }: ObservedCommit): CommittedSubDag => ({
  commitIndex: index,
  leader,
  blocks: blocks.map(({ bytes }) => bytes),
  timestampMs
})

/** See the head of the file. One writer at a time. */
export class RelayHistory {
  readonly #store: Store.Service
  readonly #limits: HistoryLimits
  readonly #archiving: Archiving.Archiving | undefined
  /** The last commit that is stored. */
  position: Position
  /** The first commit that is stored here; `position.index + 1` if none is. */
  #kept: number
  #bytes: number
  /** Rounds of the stored loose blocks, by digest. */
  readonly #loose = new Map<Hash, DagBlockRef>()

  private constructor(
    store: Store.Service,
    limits: HistoryLimits,
    archiving: Archiving.Archiving | undefined,
    start: { readonly position: Position; readonly kept: number; readonly bytes: number }
  ) {
    this.#store = store
    this.#limits = limits
    this.#archiving = archiving
    this.position = start.position
    this.#kept = start.kept
    this.#bytes = start.bytes
  }

  /** Opens what is stored; an empty store begins after the last commit of the archive or, if that is empty, after `from`. */
  static readonly open = Effect.fnUntraced(function* (
    store: Store.Service,
    limits: HistoryLimits,
    from: Position,
    archiving?: Archiving.Archiving
  ): Effect.fn.Return<RelayHistory, ObserverError> {
    const stored = yield* fromStore(store.get(state))
    const range = archiving?.archive.range()
    if (Option.isNone(stored)) {
      const position = range?.last ?? from
      return new RelayHistory(store, limits, archiving, { position, kept: position.index + 1, bytes: 0 })
    }
    const { value } = stored
    if (value.length !== 16 && value.length !== 48) return yield* failed("the stored position is damaged")
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength)
    const index = view.getUint32(0)
    const digest = value.length === 48 ? toHex(value.slice(16)) : undefined
    const history = new RelayHistory(store, limits, archiving, {
      position: digest === undefined ? { index } : { index, digest },
      kept: view.getUint32(4),
      bytes: Number(view.getBigUint64(8))
    })
    if (archiving !== undefined && range !== undefined) {
      const read: Archiving.Stored["read"] = (...asked) => history.#readStored(...asked)
      yield* Archiving.checkJoin(archiving, range, { kept: history.#kept, position: history.position, read })
    }
    return history
  })

  /** The first commit that can be read; `position.index + 1` if none can. */
  get earliest(): number {
    return this.#archiving?.archive.range()?.first ?? this.#kept
  }

  get looseBlocks(): number {
    return this.#loose.size
  }

  /** Stored loose blocks, by round. */
  readonly readLoose: Effect.Effect<ReadonlyArray<SourceBlock>, ObserverError> = Effect.suspend(() =>
    fromStore(Stream.runCollect(this.#store.iterate(blocks))).pipe(
      Effect.flatMap((entries) => Effect.forEach(entries, ({ value }) => sourceBlock(value))),
      Effect.tap((found) => Effect.sync(() => found.forEach(({ ref }) => this.#loose.set(ref.digest, ref))))
    )
  )

  /** Stores verified blocks that no commit has yet. */
  putBlocks(fresh: ReadonlyArray<SourceBlock>): Effect.Effect<void, ObserverError> {
    for (const { ref } of fresh) this.#loose.set(ref.digest, ref)
    return fromStore(this.#store.batch(fresh.map(({ bytes, ref }) => Store.put(blockKey(ref), bytes))))
  }

  /** Stores the next commits, with the position behind them; drops what the limits, and `gcRound`, leave behind. */
  readonly putCommits = Effect.fnUntraced(
    { self: this },
    function* (
      this: RelayHistory,
      fresh: ReadonlyArray<ObservedCommit>,
      encoded: ReadonlyArray<CommittedSubDag>,
      gcRound: number
    ) {
      const last = fresh.at(-1)!
      const writes: Array<Store.Write> = []
      for (const commit of encoded) {
        const bytes = encodeCommit(commit)
        this.#bytes += bytes.length
        writes.push(Store.put(commitKey(commit.commitIndex), bytes))
      }
      for (const commit of fresh) for (const { ref } of commit.blocks) this.#dropLoose(ref, writes)
      for (const ref of this.#loose.values()) if (ref.round <= gcRound) this.#dropLoose(ref, writes)
      // The batch before has reached the disk: what must go is there, unless it is in this one and stays.
      const { maxHistoryBytes, maxHistoryCommits } = this.#limits
      let dropped = 0
      while (
        this.#kept < fresh[0]!.index &&
        (last.index - this.#kept + 1 > maxHistoryCommits || this.#bytes > maxHistoryBytes)
      ) {
        yield* this.#archive(this.#kept, fresh[0]!.index - 1)
        const old = yield* fromStore(this.#store.get(commitKey(this.#kept)))
        this.#bytes -= Option.isSome(old) ? old.value.length : 0
        writes.push(Store.remove(commitKey(this.#kept++)))
        dropped++
      }
      const { digest, index } = last
      writes.push(Store.put(state, this.#state(index, digest)))
      yield* fromStore(this.#store.batch(writes))
      this.position = digest === undefined ? { index } : { index, digest }
      yield* Metric.update(RelayMetrics.commits, fresh.length)
      yield* Metric.update(RelayMetrics.pruned, dropped)
      yield* Metric.update(RelayMetrics.historyCommits, index - this.#kept + 1)
      yield* Metric.update(RelayMetrics.historyBytes, this.#bytes)
    }
  )

  #dropLoose(ref: DagBlockRef, writes: Array<Store.Write>): void {
    if (this.#loose.delete(ref.digest)) writes.push(Store.remove(blockKey(ref)))
  }

  #state(index: number, digest: Hash | undefined): Uint8Array {
    const head = new Uint8Array(16)
    const view = new DataView(head.buffer)
    view.setUint32(0, index)
    view.setUint32(4, this.#kept)
    view.setBigUint64(8, BigInt(this.#bytes))
    return digest === undefined ? head : concatBytes(head, fromHex(digest))
  }

  /** Sees to it that a commit is in the archive before it leaves; what is stored up to `last` may go there with it. */
  readonly #archive = Effect.fnUntraced(
    { self: this },
    function* (this: RelayHistory, index: number, last: number) {
      const archiving = this.#archiving
      if (archiving === undefined || index <= (archiving.archive.range()?.last.index ?? 0)) return
      const { segmentBytes, segmentCommits } = archiving.archive.limits
      const limit = Math.min(segmentCommits, maxSegmentCommits, last - index + 1)
      const records = yield* this.#records(index - 1, limit, segmentBytes)
      yield* Archiving.archive(archiving, index, records, this.#readStored)
    }
  )

  /** What is stored of commits after `index`, at most `limit`, and about `maxBytes`. */
  #records(
    index: number,
    limit: number,
    maxBytes: number
  ): Effect.Effect<ReadonlyArray<Uint8Array>, ObserverError> {
    let bytes = 0
    return this.#store.iterate(commits, { from: commitKey(index + 1) }).pipe(
      Stream.take(limit),
      Stream.takeWhile(({ value }) => {
        const room = bytes < maxBytes
        bytes += value.length
        return room
      }),
      Stream.map(({ value }) => value),
      Stream.runCollect,
      fromStore
    )
  }

  readonly #readStored = Effect.fnUntraced(
    { self: this },
    function* (this: RelayHistory, index: number, limit: number, maxBytes: number) {
      yield* Metric.update(RelayMetrics.historyReads, 1)
      const out: Array<CommittedSubDag> = []
      for (const value of yield* this.#records(index, limit, maxBytes)) {
        const commit = decodeCommit(value)
        if (Result.isFailure(commit)) {
          return yield* failed(`stored commit ${index + 1 + out.length} does not decode`)
        }
        // What was asked for is pruned by now.
        if (commit.success.commitIndex !== index + 1 + out.length) break
        keepCommit(commit.success, value)
        out.push(commit.success)
      }
      return out
    }
  )

  /** Commits after `index` without a gap, at most `limit`, and about `maxBytes`: from here, or from the archive. */
  readonly read = Effect.fnUntraced(
    { self: this },
    function* (this: RelayHistory, index: number, limit: number, maxBytes: number) {
      const stored = index + 1 < this.#kept ? [] : yield* this.#readStored(index, limit, maxBytes)
      // It may have left while it was being read.
      if (stored.length > 0 || this.#archiving === undefined || index + 1 >= this.#kept) return stored
      return yield* this.#archiving.archive.read(index, Math.min(limit, this.#kept - 1 - index), maxBytes)
    }
  )
}
