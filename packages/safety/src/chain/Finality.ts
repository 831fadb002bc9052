/**
 * What the L1 tells a chain: which L2 block is final, and which derived blocks lost their L1 block.
 */
import { Effect, Option, Result } from "effect"
import type { BlockRef } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import type { L1Error } from "../L1.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, idOf, stateOf } from "../supervisor/ChainContext.ts"

/** The final entry of a chain: the last cross-safe one as of the finalized L1 block. */
export const finalizedBlock = (chain: ChainContext): DerivationDb.DerivationEntry | undefined => {
  const finalized = chain.shared.ledger.finalizedL1()
  const { cross } = stateOf(chain)
  const last = cross.at(-1)
  if (finalized === undefined || last === undefined) return undefined
  if (finalized.number > last.source.number) return last
  const found = DerivationDb.lastAtSource(cross, finalized)
  return Result.isSuccess(found) ? found.success : undefined
}

/** A poll of finality: remembered if it is higher, and in any case passed on to the nodes as a final L2 block. */
export const onFinalizedL1 = Effect.fnUntraced(function* (
  chain: ChainContext,
  block: BlockRef
): Effect.fn.Return<void, SupervisorError> {
  const { ledger } = chain.shared
  yield* ledger.decide(() => {
    const known = ledger.finalizedL1()
    const raised = known === undefined || block.number > known.number ? { finalizedL1: block } : undefined
    return { result: undefined, changes: [], ...raised }
  })
  const final = finalizedBlock(chain)
  if (final === undefined) return
  for (const link of chain.links) link.post("updateFinalized", link.node.updateFinalized(idOf(final.derived)))
})

/**
 * Looks whether the L1 blocks that the local-safe chain was derived from are still canonical. If not, local-safe and
 * cross-safe go back to the last one that is. Blocks not confirmed on the new L1 chain are not taken for gone. Answers
 * whether the matter is settled.
 */
export const followL1Reorg = Effect.fnUntraced(function* (
  chain: ChainContext
): Effect.fn.Return<boolean, L1Error | SupervisorError> {
  const { ledger, l1 } = chain.shared
  const state = stateOf(chain)
  const last = state.local.at(-1)?.source
  const first = state.local[0]?.source
  if (last === undefined || first === undefined) return true
  const floor = finalizedBlock(chain)?.source ?? first
  let low = floor.number
  let high = last.number + 1
  let differs = false
  let confirmed = true
  for (let probe = last.number; probe > low; probe = Math.floor((low + high) / 2)) {
    const canonical = yield* l1.blockByNumber(probe)
    const index = DerivationDb.rewindToSource(state.local, probe).keep - 1
    const ours = state.local[index]?.source
    if (Option.isSome(canonical) && ours?.number === probe && canonical.value.hash !== ours.hash) {
      differs = true
      high = probe
    } else if (Option.isNone(canonical)) {
      confirmed = false
      high = probe
    } else low = probe
  }
  if (!differs) return confirmed
  const rewound = yield* ledger.decide(() => {
    const local = DerivationDb.rewindToSource(state.local, low)
    const cross = DerivationDb.rewindToSource(state.cross, low)
    const removed = state.local.length - local.keep
    return { result: removed, changes: [{ chainId: chain.id, local, cross }] }
  })
  yield* Effect.logWarning("the L1 was reorganised: what was derived from it goes back", {
    to: low,
    entries: rewound
  })
  return true
})
