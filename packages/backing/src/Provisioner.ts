/**
 * Provisioner: what may go into the next block, for its author.
 *
 * It answers with what there is: an author without an answer makes no block. (Overseer protocol, "Provisioner
 * Message"; selection as in polkadot-sdk, December 2025.)
 */
import { Clock, Deferred, Effect, type Layer, Metric, Option, Queue } from "effect"
import { RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import {
  CandidateBacking,
  type CandidateInSession,
  DisputeCoordinator,
  type DisputeEntry,
  Overseer,
  type ProvideData,
  Provisioner,
  type ProvisionerInherentData,
  type RequestBlockAuthorshipData,
  type RequestInherentData,
  Signal,
  Subsystem
} from "@ephor/overseer"
import {
  Elapsed,
  type BackedCandidate,
  type CandidateVotes,
  type DisputeStatementSet,
  type Hash,
  type ProvisionableData
} from "@ephor/types"
import * as BitfieldSelection from "./BitfieldSelection.ts"
import * as CoreSelection from "./CoreSelection.ts"
import * as DisputeSelection from "./DisputeSelection.ts"
import * as Metrics from "./Metrics.ts"
import * as VerdictPool from "./VerdictPool.ts"
import * as StoredVerdicts from "./verdicts/StoredVerdicts.ts"

/** Options and limits of the provisioner. Times are milliseconds. */
export interface Options {
  /**
   * How long after the activation of a leaf answers are held back, so that votes can come in; Polkadot waits
   * 2000.
   */
  readonly preProposeMs: number
  /** How long another subsystem may take before the answer goes out without its part. */
  readonly partTimeoutMs: number
  /** Data kept per leaf; what comes beyond is dropped. */
  readonly maxData: number
  /** Authors that follow one leaf; further ones are ended at once. */
  readonly maxAuthors: number
  readonly disputes: DisputeSelection.Limits
  /** Rewards and slashes that wait for a block. */
  readonly verdicts: VerdictPool.Limits
}

/** Defaults of `Options`, for development: no delay before proposing. */
export const defaults: Options = {
  preProposeMs: 0,
  partTimeoutMs: 200,
  maxData: 8192,
  maxAuthors: 16,
  disputes: DisputeSelection.defaults,
  verdicts: VerdictPool.defaults
}

interface Work {
  readonly number: number
  readonly activatedAtMs: number
  readonly data: Array<ProvisionableData>
  readonly authors: Set<RequestBlockAuthorshipData["sender"]>
}

/** What the subsystem knows while it runs. */
interface State {
  readonly options: Options
  readonly runtime: RuntimeApi.Service
  readonly works: Map<Hash, Work>
  readonly store: Store.Service
  readonly pool: VerdictPool.VerdictPool
}

/** One part of an answer, or nothing if it fails or takes too long. */
const part = <A, E, R>({ options }: State, name: string, effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.timeoutOption(options.partTimeoutMs),
    Effect.catch((error) => Effect.as(Effect.logWarning(`provisioner: no ${name}`, error), Option.none<A>()))
  )

const backed = (relayParent: Hash) =>
  CandidateBacking.ask((reply: Deferred.Deferred<ReadonlyArray<BackedCandidate>>) => ({
    _tag: "GetBackedCandidates",
    relayParent,
    reply
  }))

// A block author does not wait behind imports.
const recentDisputes = DisputeCoordinator.askPriority(
  (reply: Deferred.Deferred<ReadonlyArray<DisputeEntry>>) => ({
    _tag: "RecentDisputes",
    reply
  })
)

const votesOf = (candidates: ReadonlyArray<CandidateInSession>) =>
  DisputeCoordinator.askPriority(
    (reply: Deferred.Deferred<ReadonlyArray<CandidateInSession & { readonly votes: CandidateVotes }>>) => ({
      _tag: "QueryCandidateVotes",
      candidates,
      reply
    })
  )

const selectDisputes = Effect.fnUntraced(function* ({ options, runtime }: State, relayParent: Hash) {
  const limits = options.disputes
  const recent = yield* recentDisputes
  const known = DisputeSelection.onChain(yield* runtime.disputes(relayParent))
  const nowSeconds = Math.floor((yield* Clock.currentTimeMillis) / 1000)
  const wanted = DisputeSelection.prioritise(recent, known, nowSeconds, limits)
  const sets: Array<DisputeStatementSet> = []
  let votes = 0
  for (let at = 0; at < wanted.length && votes <= limits.maxVotes; at += limits.batch) {
    for (const found of yield* votesOf(wanted.slice(at, at + limits.batch))) {
      const set = DisputeSelection.toSet(found, found.votes, DisputeSelection.stateOf(known, found))
      votes += set.statements.length
      sets.push(set)
    }
  }
  return DisputeSelection.fit(sets, limits)
})

const selectCores = Effect.fnUntraced(function* ({ runtime }: State, relayParent: Hash, work: Work) {
  const cores = yield* runtime.availabilityCores(relayParent)
  const occupied = cores.map(({ _tag }) => _tag === "Occupied")
  const signed = work.data.flatMap((data) => (data._tag === "Bitfield" ? [data.bitfield] : []))
  const bitfields = BitfieldSelection.select(signed, occupied)
  return { bitfields, paras: CoreSelection.schedule(cores, bitfields, work.number + 1) }
})

const selectRest = Effect.fnUntraced(function* (state: State, relayParent: Hash, work: Work) {
  const [cores, candidates] = yield* Effect.all(
    [
      part(state, "bitfields", selectCores(state, relayParent, work)),
      part(state, "backed candidates", backed(relayParent))
    ],
    { concurrency: 2 }
  )
  return Option.map(cores, ({ bitfields, paras }) => ({
    bitfields,
    backedCandidates: CoreSelection.select(
      paras,
      Option.getOrElse(candidates, () => [])
    )
  }))
})

const answer = Effect.fnUntraced(function* (state: State, { relayParent, reply }: RequestInherentData) {
  const work = state.works.get(relayParent)
  if (work !== undefined) {
    const elapsed = (yield* Elapsed.ms) - work.activatedAtMs
    if (elapsed < state.options.preProposeMs) yield* Effect.sleep(state.options.preProposeMs - elapsed)
  }
  const [disputes, rest] = yield* Effect.all(
    [
      part(state, "disputes", selectDisputes(state, relayParent)),
      work === undefined ? Effect.succeedNone : selectRest(state, relayParent, work)
    ],
    { concurrency: 2 }
  )
  const data: ProvisionerInherentData = {
    ...Option.getOrElse(rest, () => ({ bitfields: [], backedCandidates: [] })),
    disputes: Option.getOrElse(disputes, () => [])
  }
  const complete = Option.isSome(rest) && Option.isSome(disputes)
  yield* Metric.update(Metrics.inherents(complete ? "yes" : "no"), 1)
  yield* Deferred.succeed(reply, data)
})

const addTo = ({ options }: State, work: Work, data: ProvisionableData) => {
  if (work.data.length >= options.maxData) return
  work.data.push(data)
  for (const author of work.authors) Queue.offerUnsafe(author, data)
}

const provideVerdicts = Effect.fnUntraced(
  function* (state: State, given: VerdictPool.Verdicts) {
    const { pool, store } = state
    const verdicts = pool.fresh(given)
    if (verdicts === undefined) return
    const dropped = pool.add(verdicts)
    for (const work of state.works.values()) addTo(state, work, verdicts)
    yield* Metric.update(Metrics.verdictsDropped, dropped)
    yield* StoredVerdicts.put(store, pool.height, verdicts)
  },
  Effect.catch((error) => Effect.logError("verdicts are not on disk", error.message))
)

const pruneVerdicts = ({ options, pool, store }: State) =>
  StoredVerdicts.prune(store, pool.oldest, options.verdicts.capacity).pipe(
    Effect.catch((error) => Effect.logError("verdicts: pruning failed", error.message))
  )

const provide = (state: State, { data, relayParent }: ProvideData) =>
  Effect.suspend(() => {
    if (data._tag === "Verdicts") return provideVerdicts(state, data)
    const work = state.works.get(relayParent)
    if (work !== undefined) addTo(state, work, data)
    return Effect.void
  })

const follow = ({ options, works }: State, { relayParent, sender }: RequestBlockAuthorshipData) =>
  Effect.sync(() => {
    const work = works.get(relayParent)
    if (work === undefined || work.authors.size >= options.maxAuthors) return void Queue.endUnsafe(sender)
    work.authors.add(sender)
    for (const data of work.data) Queue.offerUnsafe(sender, data)
  })

const stop = ({ works }: State, relayParent: Hash) => {
  const work = works.get(relayParent)
  works.delete(relayParent)
  if (work !== undefined) for (const author of work.authors) Queue.endUnsafe(author)
}

const make = (options: Options) =>
  Effect.gen(function* () {
    const state: State = {
      options,
      runtime: yield* RuntimeApi.RuntimeApi,
      store: yield* Store.Store,
      works: new Map(),
      pool: new VerdictPool.VerdictPool(options.verdicts)
    }
    yield* StoredVerdicts.load(state.store, state.pool)
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) stop(state, hash)
          if (activated === null) return
          state.works.set(activated.hash, {
            number: activated.number,
            activatedAtMs: yield* Elapsed.ms,
            data: [...state.pool.at(activated.number)],
            authors: new Set()
          })
        }),
        BlockFinalized: () => pruneVerdicts(state),
        Conclude: () => Effect.sync(() => [...state.works.keys()].forEach((hash) => stop(state, hash)))
      }),
      message: Provisioner.match({
        RequestInherentData: (message) => Subsystem.spawn(answer(state, message)),
        RequestBlockAuthorshipData: (message) => follow(state, message),
        ProvisionableData: (message) => provide(state, message)
      })
    }
  })

/** Asks the provisioner what the child of a block carries: what an author needs (`DevAuthor` of the development chain). */
export const inherents: Effect.Effect<
  (parent: Hash) => Effect.Effect<ProvisionerInherentData>,
  never,
  Provisioner
> = Effect.map(
  Provisioner,
  (provisioner) => (relayParent: Hash) =>
    provisioner.ask((reply: Deferred.Deferred<ProvisionerInherentData>) => ({
      _tag: "RequestInherentData",
      relayParent,
      reply
    }))
)

/** Everything the provisioner needs to run. */
export type Requirements =
  | Provisioner
  | CandidateBacking
  | DisputeCoordinator
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Store.Store

/** Collects what block authors need. Fails if what an earlier run left cannot be read. */
export const layer = (options: Partial<Options> = {}): Layer.Layer<never, Store.StoreError, Requirements> =>
  Provisioner.toLayer(make({ ...defaults, ...options }))
