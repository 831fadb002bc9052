/**
 * Governance mode: the chain has finalized something invalid, and waits for people. It is on disk, so that a restart
 * changes nothing.
 */
import { Store, Table } from "@ephor/chain"
import type { BlockRef } from "@ephor/types"
import { Context, Effect, Metric, Option, Semaphore } from "effect"
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
    /** People have decided: ends governance mode. */
    readonly lift: Effect.Effect<void, DisputeError>
  }
>()("@ephor/disputes/Governance") {}

const table = Table.make({ name: "governance-mode", key: [Table.text], value: DisputeConclusion })
const frozenKey = ["frozen"] as const
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

/** Ends governance mode in a store. A node that runs does not notice: stop it first, or use its service. */
export const unfreeze = (store: Store.Service): Effect.Effect<void, DisputeError> =>
  store.batch([table.delete(frozenKey)]).pipe(Effect.mapError(storeFailed))

/** Governance mode over the surrounding store, with the verb that enters it. */
export const make = Effect.gen(function* () {
  const store = yield* Store.Store
  const writing = yield* Semaphore.make(1)
  let mode = yield* read(store)

  const freeze = Effect.fnUntraced(function* (conclusion: DisputeConclusion, block: BlockRef) {
    yield* Effect.logError(
      "an invalid candidate was finalized: the chain needs a decision of its governance",
      {
        candidateHash: conclusion.candidateHash,
        block: block.hash
      }
    )
    yield* Metric.update(Metrics.finalizedInvalid, 1)
    if (mode.frozen) return
    mode = modeOf(conclusion)
    // Frozen in memory all the same: better than going on as if nothing had happened.
    yield* store
      .batch([table.put(frozenKey, conclusion)])
      .pipe(Effect.catch((error) => Effect.logError("governance mode is not on disk", error)))
  }, writing.withPermits(1))
  const lift = Effect.andThen(
    unfreeze(store),
    Effect.sync(() => void (mode = modeOf(undefined)))
  ).pipe(writing.withPermits(1))
  return { freeze, governance: Governance.of({ mode: Effect.sync(() => mode), lift }) }
})
