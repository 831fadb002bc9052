/**
 * Availability store: keeps what is needed to execute a candidate once more, on disk, and gives it to peers who
 * ask.
 *
 * Data is kept for a fixed time, whatever becomes of its candidate. Answered `true` means: it is on disk. The time is what
 * passes while the node runs: neither a clock that was set nor a node that was off takes data away before others had
 * their time to ask for it.
 */
import { Deferred, Effect, type Layer, Option, Result, Schema, Stream } from "effect"
import { Manifest, Store, Table } from "@ephor/store"
import { Network, type NetworkError, Protocol, Refusal } from "@ephor/network"
import {
  AvailabilityStore,
  Overseer,
  type QueryAvailableData,
  type QueryDataAvailability,
  Signal,
  type StoreAvailableData
} from "@ephor/overseer"
import { AvailableData, CandidateHash, Elapsed, PoV, Scale } from "@ephor/types"
import { Recent } from "./shared/Recent.ts"

/** Limits of the availability store. */
export interface Limits {
  /**
   * Candidates known to be here without asking the disk: whether data is here is asked much more often than for
   * the data.
   */
  readonly knownHere: number
  /** How long data is kept while the node runs: 25 hours, as in Polkadot. */
  readonly keepMs: number
  /** Records deleted at once, when a block becomes final. */
  readonly pruneBatch: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { knownHere: 4096, keepMs: 25 * 3_600_000, pruneBatch: 300 }

const dataTable = Table.make({
  name: "available-data",
  key: [Table.hash],
  value: AvailableData,
  codec: { encode: Scale.encode(AvailableData), decode: Scale.decode(AvailableData) }
})

/** When data was stored, in milliseconds of `State.now`: what to prune first. */
const ageTable = Table.make({
  name: "available-data-by-age",
  key: [Table.u64, Table.hash],
  value: Schema.Literal(true)
})

/** The records of available data, for the manifest of a data directory. */
export const family: Manifest.Family = Manifest.family({
  name: "available data",
  version: 1,
  tables: [dataTable, ageTable]
})

const decodeHash = Scale.decodeResult(CandidateHash)
const encodeData = Scale.encode(Schema.NullOr(AvailableData))
const encodePov = Scale.encode(Schema.NullOr(PoV))

interface State {
  readonly limits: Limits
  readonly store: Store.Service
  readonly here: Recent<CandidateHash>
  /** Milliseconds that nodes have run on this disk, from anywhere. */
  readonly now: Effect.Effect<number>
}

const find = ({ store }: State, hash: CandidateHash) =>
  dataTable
    .get(store, [hash])
    .pipe(
      Effect.catch((error) =>
        Effect.as(
          Effect.logError("availability store: data could not be read", error.message),
          Option.none<AvailableData>()
        )
      )
    )

/** Whether the data is here; an answer from the disk does not decode it. */
const has = Effect.fnUntraced(function* ({ here, store }: State, hash: CandidateHash) {
  if (here.has(hash)) return true
  const found = Option.isSome(yield* store.get(dataTable.key([hash])))
  if (found) here.add(hash)
  return found
})

/** Answers whether the data is on disk. */
const keep = Effect.fnUntraced(
  function* (state: State, hash: CandidateHash, data: AvailableData) {
    if (yield* has(state, hash)) return true
    const nowMs = yield* state.now
    yield* state.store.batch([dataTable.put([hash], data), ageTable.put([nowMs, hash], true)])
    state.here.add(hash)
    return true
  },
  Effect.catch((error) =>
    Effect.as(Effect.logError("availability store: data could not be stored", error.message), false)
  )
)

const prune = Effect.fnUntraced(
  function* ({ here, limits, now, store }: State) {
    const olderThanMs = (yield* now) - limits.keepMs
    const expired = yield* ageTable.iterate(store, []).pipe(
      Stream.map(([key]) => key),
      Stream.takeWhile(([storedAtMs]) => storedAtMs < olderThanMs),
      Stream.take(limits.pruneBatch),
      Stream.runCollect
    )
    for (const [, hash] of expired) here.delete(hash)
    yield* store.batch(expired.flatMap((key) => [ageTable.delete(key), dataTable.delete([key[1]])]))
  },
  Effect.catch((error) => Effect.logError("availability store: pruning failed", error.message))
)

/** Answers a peer with what it asks for, or with nothing if we do not have it. */
const serve = (state: State, bytes: Uint8Array, answer: (data: AvailableData | null) => Uint8Array) => {
  const hash = decodeHash(bytes)
  return Result.isSuccess(hash)
    ? Effect.map(find(state, hash.success), (found) => answer(Option.getOrNull(found)))
    : Effect.fail(new Refusal({ why: "not a candidate hash" }))
}

/** Time goes on from the newest record; on an empty disk it begins anywhere. */
const makeNow = Effect.fnUntraced(function* (store: Store.Service) {
  const newest = yield* ageTable.iterate(store, [], { reverse: true }).pipe(Stream.take(1), Stream.runCollect)
  const startMs = yield* Elapsed.ms
  const baseMs = newest[0]?.[0][0] ?? startMs
  return Effect.map(Elapsed.ms, (nowMs) => baseMs + nowMs - startMs)
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const store = yield* Store.Store
    const state: State = { limits, store, here: new Recent(limits.knownHere), now: yield* makeNow(store) }
    const network = yield* Network.Network
    yield* network.serve(Protocol.availableData, (_, bytes) => serve(state, bytes, encodeData))
    yield* network.serve(Protocol.pov, (_, bytes) =>
      serve(state, bytes, (data) => encodePov(data?.pov ?? null))
    )
    return {
      signal: Signal.match({
        ActiveLeaves: () => Effect.void,
        BlockFinalized: () => prune(state),
        Conclude: () => Effect.void
      }),
      message: AvailabilityStore.match({
        StoreAvailableData: Effect.fnUntraced(function* ({ candidateHash, data, reply }: StoreAvailableData) {
          yield* Deferred.succeed(reply, yield* keep(state, candidateHash, data))
        }),
        QueryAvailableData: Effect.fnUntraced(function* ({ candidateHash, reply }: QueryAvailableData) {
          yield* Deferred.succeed(reply, yield* find(state, candidateHash))
        }),
        QueryDataAvailability: Effect.fnUntraced(function* ({ candidateHash, reply }: QueryDataAvailability) {
          yield* Deferred.succeed(
            reply,
            yield* has(state, candidateHash).pipe(Effect.orElseSucceed(() => false))
          )
        })
      })
    }
  })

/** Everything the availability store needs to run. */
export type Requirements = AvailabilityStore | Overseer.Overseer | Store.Store | Network.Network

/**
 * Keeps available data in the store, and serves it to peers (`/ephor/req_available_data/1`,
 * `/ephor/req_pov/1`).
 */
export const layer = (
  options: Partial<Limits> = {}
): Layer.Layer<never, NetworkError | Store.StoreError, Requirements> =>
  AvailabilityStore.toLayer(make({ ...defaults, ...options }))
