/** The heads of all chains in the words of op-node: from memory, with the L1 origins that the nodes know. */
import { Effect, Option, Result } from "effect"
import type { BlockRef, BlockSeal, ChainId, L2BlockRef } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import { crossUnsafeHead, localSafeHead } from "../Promotion.ts"
import type { ChainSyncStatus, SuperNodeStatus } from "../SuperNode.ts"
import { type ChainContext, stateOf } from "./ChainContext.ts"
import { askAny, type Chains, currentL1, zeroBlock, zeroHash, zeroRef } from "./Queries.ts"
import { progress } from "./SuperRoots.ts"
import { finalizedBlock } from "../chain/Finality.ts"

const method = "supernode_syncStatus"
const zeroL2: L2BlockRef = { ...zeroRef, l1origin: zeroBlock, sequenceNumber: 0 }

/** The block in full, if a node has it; otherwise what the databases know of it. */
const refOf = Effect.fnUntraced(function* (chain: ChainContext, block: BlockSeal | undefined) {
  if (block === undefined) return zeroL2
  const { hash, number, timestamp } = block
  const asked = yield* Effect.option(askAny(method, chain, (node) => node.l2BlockRefByNumber(number)))
  if (Option.isSome(asked) && asked.value.hash === hash) return asked.value
  const before = Result.getOrUndefined(DerivationDb.canonical(stateOf(chain).local, number - 1, "last"))
  return { ...zeroL2, hash, number, timestamp, parentHash: before?.derived.hash ?? zeroHash }
})

const statusOf = Effect.fnUntraced(function* (chain: ChainContext, headL1: BlockRef, finalizedL1: BlockRef) {
  const state = stateOf(chain)
  const current = currentL1(chain) ?? zeroRef
  const heads = [
    state.logs.at(-1),
    crossUnsafeHead(state),
    localSafeHead(state)?.derived,
    state.cross.at(-1)?.derived,
    finalizedBlock(chain)?.derived
  ]
  const refs = yield* Effect.forEach(heads, (head) => refOf(chain, head), { concurrency: "unbounded" })
  const [unsafe = zeroL2, crossUnsafe = zeroL2, localSafe = zeroL2, crossSafe = zeroL2, finalized = zeroL2] =
    refs
  const status: ChainSyncStatus = {
    currentL1: current,
    headL1,
    finalizedL1,
    unsafe,
    crossUnsafe,
    localSafe,
    crossSafe,
    finalized
  }
  return status
})

const entryOf = Effect.fnUntraced(function* (id: ChainId, chain: ChainContext) {
  const { l1, ledger } = chain.shared
  const head = Option.getOrElse(yield* l1.latest, () => zeroRef)
  return [id, yield* statusOf(chain, head, ledger.finalizedL1() ?? zeroRef)] as const
})

/** All chains now. */
export const superNodeStatus = Effect.fnUntraced(function* (chains: Chains) {
  const where = progress(chains)
  const all = yield* Effect.forEach(chains, ([id, chain]) => entryOf(id, chain), { concurrency: "unbounded" })
  const answer: SuperNodeStatus = { ...where, chains: Object.fromEntries(all) }
  return answer
})
