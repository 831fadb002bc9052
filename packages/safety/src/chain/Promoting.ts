/**
 * Moving heads up: local-safe by what nodes derive, cross-unsafe and cross-safe by the rules, and what follows when a
 * block turns out to be invalid.
 */
import { Effect, Metric, Result } from "effect"
import type { BlockReplacement, BlockSeal, DerivedBlockRefPair } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import { type Fault, show, type Verdict } from "../Fault.ts"
import * as Metrics from "../Metrics.ts"
import { crossSafeStep, type CrossSafeOutcome, crossUnsafeHead, crossUnsafeStep } from "../Promotion.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import {
  type ChainContext,
  crossSafeEntry,
  idOf,
  keptInvalidations,
  rewindLogs,
  sealOf,
  stateOf
} from "../supervisor/ChainContext.ts"
import { type Change, type Decision, unchanged } from "../supervisor/Ledger.ts"
import type { NodeLink } from "../node/Link.ts"

/** Remembers which chain a step waits for. */
const noteWait = (chain: ChainContext, fault: Fault) => {
  if (fault._tag === "Future" && fault.waitsOn !== undefined && fault.waitsOn !== chain.id) {
    chain.waitsOn.add(fault.waitsOn)
    chain.wait = { why: fault.detail, on: fault.waitsOn }
  }
}

/** Adds what a node derived to the local-safe database. Nobody is told of it before the promotion that it leads to. */
export const addLocalSafe = (
  chain: ChainContext,
  pair: DerivedBlockRefPair
): Effect.Effect<Verdict<DerivationDb.Edit>, SupervisorError> =>
  chain.shared.ledger.decideAhead(() => {
    const { local } = stateOf(chain)
    const added = DerivationDb.add(local, pair)
    return Result.isFailure(added) || DerivationDb.isUnchanged(local, added.success)
      ? unchanged(added)
      : { result: added, changes: [{ chainId: chain.id, local: added.success }] }
  })

/** Takes a decision again and again while it succeeds; many share one wait for the disk. Answers what ended it. */
const repeat = Effect.fnUntraced(function* <A>(
  chain: ChainContext,
  decision: () => Decision<A>,
  succeeds: (result: A) => boolean
): Effect.fn.Return<{ readonly last: A; readonly moved: boolean }, SupervisorError> {
  const { ledger, options } = chain.shared
  let moved = false
  while (true) {
    let written: Effect.Effect<void, SupervisorError> = Effect.void
    for (let i = 0; i < options.promotionBatch; i++) {
      const [last, durable] = ledger.decideNow(decision)
      if (!succeeds(last)) {
        yield* written
        yield* durable
        return { last, moved }
      }
      written = durable
      moved = true
    }
    yield* written
  }
})

const decideCrossUnsafe = (chain: ChainContext): Decision<Verdict<BlockSeal>> => {
  const step = crossUnsafeStep(chain.shared.ledger.world, chain.id)
  return Result.isFailure(step)
    ? unchanged(step)
    : { result: step, changes: [{ chainId: chain.id, crossUnsafe: step.success }] }
}

/** Raises cross-unsafe as far as it goes. */
const advanceCrossUnsafe = Effect.fnUntraced(function* (chain: ChainContext) {
  const { last, moved } = yield* repeat(chain, () => decideCrossUnsafe(chain), Result.isSuccess)
  if (Result.isFailure(last)) {
    noteWait(chain, last.failure)
    if (last.failure._tag === "Conflict") chain.wait = { why: last.failure.detail }
    yield* logConflict(chain, last.failure)
  }
  const head = crossUnsafeHead(stateOf(chain))
  if (moved && head !== undefined) {
    for (const link of chain.links) link.post("updateCrossUnsafe", link.node.updateCrossUnsafe(idOf(head)))
  }
})

/** An invalid unsafe block stays where it is until it is safe and gets replaced: worth one line, not one per try. */
const logConflict = (chain: ChainContext, fault: Fault) => {
  if (fault._tag !== "Conflict" || chain.lastConflict === fault.detail) return Effect.void
  chain.lastConflict = fault.detail
  return Effect.logWarning(`the next block can not become cross-unsafe: ${fault.detail}`)
}

const decideCrossSafe = (chain: ChainContext): Decision<CrossSafeOutcome> => {
  const { ledger } = chain.shared
  const state = stateOf(chain)
  const outcome = crossSafeStep(ledger.world, chain.id)
  switch (outcome._tag) {
    case "Stuck":
    case "Wait":
      return unchanged(outcome)
    case "Promote":
    case "Bump": {
      const added = DerivationDb.add(state.cross, outcome.pair, outcome.revision)
      if (Result.isFailure(added)) return unchanged({ _tag: "Wait", fault: added.failure })
      const { derived } = outcome.pair
      const head = state.crossUnsafe
      const raise = head === undefined || (head.number <= derived.number && head.hash !== derived.hash)
      const crossUnsafe = raise ? { crossUnsafe: sealOf(derived) } : undefined
      return { result: outcome, changes: [{ chainId: chain.id, cross: added.success, ...crossUnsafe }] }
    }
    case "Invalidate": {
      const edit = DerivationDb.invalidate(state.local, outcome.source, outcome.derived)
      if (Result.isFailure(edit)) return unchanged({ _tag: "Wait", fault: edit.failure })
      return { result: outcome, changes: invalidation(chain, edit.success, outcome.derived) }
    }
  }
}

/** Logs go back to the parent of the invalid block, cross-unsafe to cross-safe if it was above. */
const invalidation = (
  chain: ChainContext,
  local: DerivationDb.Edit,
  invalid: BlockSeal
): ReadonlyArray<Change> => {
  const { number } = invalid
  const state = stateOf(chain)
  const safe = state.cross.at(-1)!.derived
  const parent = state.logs[number - 1 - state.logs[0]!.number]!
  const { others, own } = rewindLogs(chain.shared.ledger, chain.id, parent)
  const head = crossUnsafeHead(state)
  const lowered = head !== undefined && head.number >= number ? { crossUnsafe: safe } : undefined
  return [{ ...own, local, invalidated: sealOf(invalid), ...lowered }, ...others]
}

const onInvalid = Effect.fnUntraced(function* (
  chain: ChainContext,
  { derived, source, why }: Extract<CrossSafeOutcome, { readonly _tag: "Invalidate" }>
) {
  const { shared } = chain
  shared.invalidatedBlocks += 1
  shared.invalidations.push({ chainId: chain.id, block: idOf(derived), why })
  if (shared.invalidations.length > keptInvalidations) shared.invalidations.shift()
  if (shared.options.failsafeOnInvalidation) shared.failsafe = true
  chain.indexTarget = Math.min(chain.indexTarget, derived.number - 1)
  yield* Metric.update(Metric.withAttributes(Metrics.invalidatedBlocks, { chain: chain.id }), 1)
  const isObeyed = chain.links.some(({ node }) => node.isPassive !== true)
  yield* Effect.logWarning(
    `block ${show(derived)} is invalid${isObeyed ? " and will be replaced" : ""}: ${why}`,
    {
      source: source.number
    }
  )
  chain.pokeInvalidator()
  shared.wakeAll()
})

/** A broken node: nothing can be done here, and nobody may build upon what it says. Told once. */
const onStuck = (
  chain: ChainContext,
  { derived, why }: Extract<CrossSafeOutcome, { readonly _tag: "Stuck" }>
) => {
  const { shared } = chain
  if (chain.lastConflict === why) return Effect.void
  chain.lastConflict = why
  if (shared.options.failsafeOnInvalidation) shared.failsafe = true
  return Effect.logError(
    `the replacement ${show(derived)} holds a message, which deposits cannot: cross-safe stands until its node is repaired (it must build replacements from deposits only), and admin_rewind to the block before: ${why}`
  )
}

/** Raises cross-safe as far as it goes. */
const advanceCrossSafe = Effect.fnUntraced(function* (chain: ChainContext) {
  const { last, moved } = yield* repeat(
    chain,
    () => decideCrossSafe(chain),
    ({ _tag }) => _tag === "Promote" || _tag === "Bump"
  )
  if (last._tag === "Wait") noteWait(chain, last.fault)
  if (last._tag === "Invalidate") yield* onInvalid(chain, last)
  if (last._tag === "Stuck") yield* onStuck(chain, last)
  const entry = crossSafeEntry(chain)
  if (moved && entry !== undefined) for (const link of chain.links) postCrossSafe(link, entry)
})

/** Tells a node that a block is cross-safe. */
export const postCrossSafe = (link: NodeLink, { derived, source }: DerivationDb.DerivationEntry): void =>
  link.post("updateCrossSafe", link.node.updateCrossSafe(idOf(derived), idOf(source)))

/** Runs both steps until neither gets any further, and remembers what they wait for. */
export const advance = Effect.fnUntraced(function* (
  chain: ChainContext
): Effect.fn.Return<void, SupervisorError> {
  chain.waitsOn.clear()
  chain.wait = undefined
  yield* advanceCrossSafe(chain)
  yield* advanceCrossUnsafe(chain)
})

/** A node put a replacement in the place of an invalid block. */
export const onReplaced = Effect.fnUntraced(function* (
  chain: ChainContext,
  { invalidated, replacement }: BlockReplacement
): Effect.fn.Return<boolean, SupervisorError> {
  const replaced = yield* chain.shared.ledger.decide<Verdict<DerivationDb.Edit>>(() => {
    const edit = DerivationDb.replace(stateOf(chain).local, replacement, invalidated)
    return Result.isFailure(edit)
      ? unchanged(edit)
      : { result: edit, changes: [{ chainId: chain.id, local: edit.success }] }
  })
  if (Result.isFailure(replaced)) {
    // Several nodes of a chain report the same replacement: the first one counts.
    const known = Result.isSuccess(DerivationDb.ofDerived(stateOf(chain).local, replacement, "last"))
    if (!known) yield* Effect.logWarning(`a replacement was not expected: ${replaced.failure.detail}`)
    return known
  }
  chain.indexTarget = replacement.number
  chain.lastConflict = undefined
  yield* Metric.update(Metric.withAttributes(Metrics.replacedBlocks, { chain: chain.id }), 1)
  yield* Effect.logInfo(`an invalid block was replaced by ${show(replacement)}`, { invalidated })
  return true
})
