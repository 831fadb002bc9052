/**
 * What follows from a verdict: the only arrow from disputes back to the chain (votes-db, "Dispute Effects").
 */
import { Chain, type ChainError, Store, Table } from "@ephor/chain"
import type { BlockRef } from "@ephor/types"
import { Context, Effect, Layer, Metric, Option, Schedule, Semaphore, Stream } from "effect"
import { DisputeError, StoreFailed } from "./DisputeError.ts"
import { DisputeConclusion, Disputes } from "./Disputes.ts"
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

/** Options of enforcement. */
export interface Options {
  /** Verdicts that are carried out at a time; further ones wait in the hub. */
  readonly concurrency: number
  /** Pause before the chain is asked again after a failure of its backend, and how often that is done. */
  readonly retryDelayMs: number
  readonly retries: number
}

/** Options that apply where none are given: a backend may be away for ten minutes. */
export const defaults: Options = { concurrency: 16, retryDelayMs: 1000, retries: 600 }

const table = Table.make({ name: "governance-mode", key: [Table.text], value: DisputeConclusion })
const frozenKey = ["frozen"] as const
const storeFailed = (cause: Store.StoreError) => new DisputeError({ reason: new StoreFailed({ cause }) })

const logFailure = (error: ChainError) =>
  Effect.logError("a block with an invalid candidate cannot be reverted", error)

type Needs = Disputes | Chain.Chain | Store.Store

/** Governance mode, on disk and in memory. */
const makeGovernance = Effect.gen(function* () {
  const store = yield* Store.Store
  const writing = yield* Semaphore.make(1)
  const modeOf = (conclusion: DisputeConclusion | undefined): GovernanceMode => ({
    frozen: conclusion !== undefined,
    conclusion
  })
  const stored = yield* table.get(store, frozenKey).pipe(Effect.mapError(storeFailed))
  let mode = modeOf(Option.getOrUndefined(stored))

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
    store.batch([table.delete(frozenKey)]).pipe(Effect.mapError(storeFailed)),
    Effect.sync(() => void (mode = modeOf(undefined)))
  ).pipe(writing.withPermits(1))
  return { freeze, governance: Governance.of({ mode: Effect.sync(() => mode), lift }) }
})

const make = Effect.fnUntraced(function* (options: Options) {
  const chain = yield* Chain.Chain
  const { conclusions, lateInclusions } = yield* Disputes
  const { freeze, governance } = yield* makeGovernance
  const onFailure = (conclusion: DisputeConclusion, block: BlockRef) => (error: ChainError) =>
    error.reason._tag === "Finalized"
      ? Effect.andThen(freeze(conclusion, block), revertAbove(conclusion, block))
      : logFailure(error)
  const reasonOf = ({ candidateHash }: DisputeConclusion) => `candidate ${candidateHash} was found invalid`
  /** What builds upon a final block and is not final itself can still be taken back. */
  const revertAbove = Effect.fnUntraced(function* (conclusion: DisputeConclusion, block: BlockRef) {
    const finalized = yield* chain.head("Finalized")
    const above = yield* Effect.orElseSucceed(chain.descendants(block.hash), () => [])
    for (const { hash, number } of above) {
      if (number <= finalized.number || (yield* chain.isInvalidated(hash))) continue
      yield* chain.blacklist(hash, reasonOf(conclusion)).pipe(Effect.catch(logFailure))
    }
  })
  const revert = Effect.fnUntraced(function* (conclusion: DisputeConclusion, block: BlockRef) {
    if (yield* chain.isInvalidated(block.hash)) return
    yield* chain.blacklist(block.hash, reasonOf(conclusion)).pipe(
      Effect.retry({
        while: (error) => error.retryable,
        times: options.retries,
        schedule: Schedule.spaced(options.retryDelayMs)
      }),
      Effect.catch(onFailure(conclusion, block))
    )
  })
  const enforce = Effect.fn("Enforcement.enforce")((conclusion: DisputeConclusion) =>
    Effect.forEach(conclusion.including, (block) => revert(conclusion, block), { discard: true })
  )
  for (const verdicts of [conclusions, lateInclusions]) {
    yield* verdicts.pipe(
      Stream.filter((conclusion) => !conclusion.valid),
      Stream.mapEffect(enforce, { concurrency: options.concurrency, unordered: true }),
      Stream.runDrain,
      Effect.tapCause((cause) => Effect.logError("verdicts are no longer enforced", cause)),
      Effect.forkScoped({ startImmediately: true })
    )
  }
  return governance
})

/** Enforcement with options of its own; see `layer`. */
export const layerWith = (options: Partial<Options> = {}): Layer.Layer<Governance, DisputeError, Needs> =>
  Layer.effect(Governance, make({ ...defaults, ...options }))

/**
 * A candidate concluded invalid takes the blocks that include it, and everything above them, off the chain for ever,
 * also those that are found later. If such a block is final already, only what builds upon it and is not final can be
 * taken back: the chain enters governance mode and an error is logged.
 */
export const layer: Layer.Layer<Governance, DisputeError, Needs> = layerWith()
