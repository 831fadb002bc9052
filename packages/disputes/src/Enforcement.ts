/**
 * What follows from a verdict: the only arrow from disputes back to the chain (votes-db, "Dispute Effects").
 */
import { Chain, type ChainError } from "@ephor/chain"
import type { Store } from "@ephor/store"
import type { BlockRef } from "@ephor/types"
import { Effect, Layer, Schedule, Stream } from "effect"
import type { DisputeError } from "./DisputeError.ts"
import { type DisputeConclusion, type DisputeReversal, Disputes } from "./Disputes.ts"
import { Governance, make as makeGovernance } from "./Governance.ts"

export { Governance, type GovernanceMode } from "./Governance.ts"

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

const logFailure = (error: ChainError) =>
  Effect.logError("a block with an invalid candidate cannot be reverted", error)

/** Blocks to be left: by more than `f`, or by a supermajority for good. */
type Verdict = DisputeConclusion | DisputeReversal

type Needs = Disputes | Chain.Chain | Store.Store

const make = Effect.fnUntraced(function* (options: Options) {
  const chain = yield* Chain.Chain
  const { conclusions, lateInclusions, reversals } = yield* Disputes
  const { freeze, governance } = yield* makeGovernance
  const reasonOf = ({ candidateHash }: Verdict) => `candidate ${candidateHash} was found invalid`
  /** What builds upon a final block and is not final itself can still be taken back. */
  const revertAbove = Effect.fnUntraced(function* (verdict: Verdict, block: BlockRef) {
    const finalized = yield* chain.head("Finalized")
    const above = yield* Effect.orElseSucceed(chain.descendants(block.hash), () => [])
    for (const { hash, number } of above) {
      if (number <= finalized.number || (yield* chain.isInvalidated(hash))) continue
      yield* chain.blacklist(hash, reasonOf(verdict)).pipe(Effect.catch(logFailure))
    }
  })
  /** Only a supermajority's verdict on what is final is a matter for people. */
  const onFailure = (verdict: Verdict, block: BlockRef) => (error: ChainError) => {
    // Verdicts are told again after a restart, also of blocks on branches that are forgotten by then.
    if (error.reason._tag === "UnknownBlock") return Effect.logDebug("nothing to revert", error)
    if (error.reason._tag !== "Finalized") return logFailure(error)
    const frozen = "valid" in verdict ? freeze(verdict, block) : Effect.void
    return Effect.andThen(frozen, revertAbove(verdict, block))
  }
  const revert = Effect.fnUntraced(function* (verdict: Verdict, block: BlockRef) {
    if (yield* chain.isInvalidated(block.hash)) return
    yield* chain.blacklist(block.hash, reasonOf(verdict)).pipe(
      Effect.retry({
        while: (error) => error.retryable,
        times: options.retries,
        schedule: Schedule.spaced(options.retryDelayMs)
      }),
      Effect.catch(onFailure(verdict, block))
    )
  })
  const enforce = Effect.fn("Enforcement.enforce")((verdict: Verdict) =>
    Effect.forEach(verdict.including, (block) => revert(verdict, block), { discard: true })
  )
  const against = (conclusions: Stream.Stream<DisputeConclusion>) =>
    Stream.filter(conclusions, ({ valid }) => !valid)
  const verdicts: ReadonlyArray<Stream.Stream<Verdict>> = [
    reversals,
    against(conclusions),
    against(lateInclusions)
  ]
  for (const some of verdicts) {
    yield* some.pipe(
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
 * A candidate that more than `f` call invalid takes the blocks that include it, and everything above them, off the chain
 * for ever, also those that are found later. If such a block is final already, only what builds upon it and is not final
 * can be taken back; with the verdict of a supermajority the chain then enters governance mode and an error is logged.
 */
export const layer: Layer.Layer<Governance, DisputeError, Needs> = layerWith()
