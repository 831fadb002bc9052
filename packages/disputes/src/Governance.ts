/**
 * Governance mode: the chain has finalized something invalid, and waits for people. It is on disk, so that a restart
 * changes nothing.
 */
import { Manifest, Store, Table } from "@ephor/store"
import { type BlockRef, type CandidateHash, SessionIndex } from "@ephor/types"
import { Clock, Context, Effect, Metric, Option, Schema, Semaphore, Stream } from "effect"
import { DisputeError, StoreFailed } from "./DisputeError.ts"
import { DisputeConclusion } from "./Disputes.ts"
import * as Metrics from "./Metrics.ts"

/** The chain has finalized something invalid: people have to decide. */
export interface GovernanceMode {
  readonly frozen: boolean
  /** The first conclusion that came too late. */
  readonly conclusion: DisputeConclusion | undefined
}

/** Whether the chain waits for a person. */
export class Governance extends Context.Service<
  Governance,
  {
    /** On disk: a restart changes nothing. */
    readonly mode: Effect.Effect<GovernanceMode>
    /** People have decided about all that came too late so far: ends governance mode, which only something new begins. */
    readonly lift: Effect.Effect<void, DisputeError>
  }
>()("@ephor/disputes/Governance") {}

const table = Table.make({ name: "governance-mode", key: [Table.text], value: DisputeConclusion })
const frozenKey = ["frozen"] as const
/**
 * Session and candidate of each conclusion that came too late, and whether people have decided about it: after a restart
 * it is told again.
 */
const verdicts = Table.make({
  name: "governance-verdicts",
  key: [Table.u32, Table.hash],
  value: Schema.Literals(["open", "decided"])
})
/** When people decided about which candidate: the time in milliseconds, the candidate. */
const decisions = Table.make({
  name: "governance-decisions",
  key: [Table.u64, Table.hash],
  value: Schema.Struct({ session: SessionIndex })
})

/** A decision of people about a candidate that was found invalid too late. */
export interface Decision {
  readonly atMs: number
  readonly session: SessionIndex
  readonly candidateHash: CandidateHash
}

/** The records of governance mode, for the manifest of a data directory. */
export const family: Manifest.Family = Manifest.family({
  name: "governance",
  version: 1,
  tables: [table, verdicts, decisions]
})

const storeFailed = (cause: Store.StoreError) => new DisputeError({ reason: new StoreFailed({ cause }) })
const modeOf = (conclusion: DisputeConclusion | undefined): GovernanceMode => ({
  frozen: conclusion !== undefined,
  conclusion
})

/** The mode that a store holds, for tools that look at a node from outside. */
export const read = (store: Store.Service): Effect.Effect<GovernanceMode, DisputeError> =>
  table.get(store, frozenKey).pipe(
    Effect.mapError(storeFailed),
    Effect.map((stored) => modeOf(Option.getOrUndefined(stored)))
  )

/** What people have decided so far, the oldest first, for tools that look at a node from outside. */
export const decided = (store: Store.Service): Effect.Effect<ReadonlyArray<Decision>, DisputeError> =>
  decisions.iterate(store, []).pipe(
    Stream.map(([[atMs, candidateHash], { session }]): Decision => ({ atMs, session, candidateHash })),
    Stream.runCollect,
    Effect.mapError(storeFailed)
  )

/**
 * Ends governance mode in a store, and tells what it was. A node that runs does not notice: stop it first, or use its
 * service.
 */
export const unfreeze = Effect.fn("Governance.unfreeze")(function* (store: Store.Service) {
  const before = yield* read(store)
  const known = yield* verdicts.iterate(store, []).pipe(Stream.runCollect, Effect.mapError(storeFailed))
  const open = new Map(
    known.flatMap(([[session, candidate], state]) =>
      state === "open" ? [[candidate, session] as const] : []
    )
  )
  if (before.conclusion !== undefined) open.set(before.conclusion.candidateHash, before.conclusion.session)
  const atMs = yield* Clock.currentTimeMillis
  const writes = [...open].flatMap(([candidate, session]) => [
    verdicts.put([session, candidate], "decided"),
    decisions.put([atMs, candidate], { session })
  ])
  yield* Effect.mapError(store.batch([...writes, table.delete(frozenKey)]), storeFailed)
  return before
})

/** What a terminal tells when people have to decide. */
const halted =
  "an invalid candidate was finalized: no candidates go into blocks and nothing becomes final until people have decided; ephor-node governance status tells more, ephor-node governance unfreeze ends it"

/** Governance mode over the surrounding store, with the verb that enters it. */
export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const writing = yield* Semaphore.make(1)
  let mode = yield* read(store)
  const tell = (change: number) => Metric.modify(Metrics.governanceMode, change)
  if (mode.frozen) {
    yield* Effect.logError(`${halted}, since an earlier run`, {
      candidateHash: mode.conclusion?.candidateHash
    })
    yield* tell(1)
  }
  // The gauge counts the validators of the process.
  yield* Effect.addFinalizer(() => Effect.suspend(() => (mode.frozen ? tell(-1) : Effect.void)))

  const freeze = Effect.fnUntraced(function* (conclusion: DisputeConclusion, block: BlockRef) {
    const { candidateHash, session } = conclusion
    const key = [session, candidateHash] as const
    // What cannot be read counts as new: rather frozen twice than never.
    const known = yield* Effect.option(verdicts.get(store, key)).pipe(Effect.map(Option.flatten))
    if (Option.contains(known, "decided")) return
    yield* Effect.logError(halted, { candidateHash, block: block.hash, number: block.number })
    if (!mode.frozen) yield* tell(1)
    yield* Metric.update(Metrics.finalizedInvalid, 1)
    const first = mode.frozen ? [] : [table.put(frozenKey, conclusion)]
    // Frozen in memory whatever becomes of the disk: better than going on as if nothing had happened.
    if (!mode.frozen) mode = modeOf(conclusion)
    yield* store
      .batch([...first, ...(Option.isNone(known) ? [verdicts.put(key, "open")] : [])])
      .pipe(Effect.catch((error) => Effect.logError("governance mode is not on disk", error)))
  }, writing.withPermits(1))
  const lift = Effect.andThen(
    unfreeze(store),
    Effect.suspend(() => {
      const wasFrozen = mode.frozen
      mode = modeOf(undefined)
      return wasFrozen ? tell(-1) : Effect.void
    })
  ).pipe(writing.withPermits(1))
  return { freeze, governance: Governance.of({ mode: Effect.sync(() => mode), lift }) }
})
