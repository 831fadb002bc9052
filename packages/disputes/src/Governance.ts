/**
 * Governance mode: the chain has finalized something invalid, and waits for people. It is on disk, so that a restart
 * changes nothing.
 */
import { Manifest, Store, Table } from "@ephor/store"
import type { BlockRef } from "@ephor/types"
import { Context, Effect, Metric, Option, Schema, Semaphore, Stream } from "effect"
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
/** The records of governance mode, for the manifest of a data directory. */
export const family: Manifest.Family = Manifest.family({
  name: "governance",
  version: 1,
  tables: [table, verdicts]
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

/**
 * Ends governance mode in a store, and tells what it was. A node that runs does not notice: stop it first, or use its
 * service.
 */
export const unfreeze = Effect.fn("Governance.unfreeze")(function* (store: Store.Service) {
  const before = yield* read(store)
  const known = yield* verdicts.iterate(store, []).pipe(Stream.runCollect, Effect.mapError(storeFailed))
  const decided = known.flatMap(([key, state]) => (state === "open" ? [verdicts.put(key, "decided")] : []))
  if (before.conclusion !== undefined) {
    const { candidateHash, session } = before.conclusion
    decided.push(verdicts.put([session, candidateHash], "decided"))
  }
  yield* Effect.mapError(store.batch([...decided, table.delete(frozenKey)]), storeFailed)
  return before
})

/** Governance mode over the surrounding store, with the verb that enters it. */
export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const writing = yield* Semaphore.make(1)
  let mode = yield* read(store)

  const freeze = Effect.fnUntraced(function* (conclusion: DisputeConclusion, block: BlockRef) {
    const { candidateHash, session } = conclusion
    const key = [session, candidateHash] as const
    // What cannot be read counts as new: rather frozen twice than never.
    const known = yield* Effect.option(verdicts.get(store, key)).pipe(Effect.map(Option.flatten))
    if (Option.contains(known, "decided")) return
    yield* Effect.logError(
      "an invalid candidate was finalized: the chain needs a decision of its governance",
      { candidateHash, block: block.hash }
    )
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
    Effect.sync(() => void (mode = modeOf(undefined)))
  ).pipe(writing.withPermits(1))
  return { freeze, governance: Governance.of({ mode: Effect.sync(() => mode), lift }) }
})
