/** Answers about all chains at a time: what is local-safe and cross-safe from memory, outputs from the nodes. */
import { Effect, Result } from "effect"
import { type L2BlockRef, outputRoot, superRoot, type Timestamp } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import { localSafeHead } from "../Promotion.ts"
import type { CommittedOutputs, OptimisticOutput, Progress, SuperRootAtTimestamp } from "../SuperNode.ts"
import { type ChainContext, idOf, stateOf } from "./ChainContext.ts"
import { askAny, type Chains, currentL1, zeroBlock } from "./Queries.ts"
import { finalizedBlock } from "../chain/Finality.ts"

const method = "superroot_atTimestamp"

const least = (values: ReadonlyArray<number | undefined>): number =>
  values.reduce<number>((low, value) => Math.min(low, value ?? 0), values.length === 0 ? 0 : Infinity)

/** Where the slowest chain is. */
export const progress = (chains: Chains): Progress => {
  const all = [...chains.values()]
  const sources = all.map((chain) => currentL1(chain))
  const lowest = sources.reduce((low, source) =>
    low === undefined || source === undefined ? undefined : source.number < low.number ? source : low
  )
  return {
    chainIds: [...chains.keys()],
    currentL1: lowest === undefined ? zeroBlock : idOf(lowest),
    safeTimestamp: least(all.map((chain) => stateOf(chain).cross.at(-1)?.derived.timestamp)),
    localSafeTimestamp: least(all.map((chain) => localSafeHead(stateOf(chain))?.derived.timestamp)),
    finalizedTimestamp: least(all.map((chain) => finalizedBlock(chain)?.derived.timestamp))
  }
}

/** Where a block of a node became local-safe: a block that is to be replaced counts until it is. */
const localSource = (chain: ChainContext, block: L2BlockRef) => {
  const { local } = stateOf(chain)
  const marker = DerivationDb.marker(local)
  if (marker?.derived.hash === block.hash) return marker.source
  return Result.getOrUndefined(DerivationDb.ofDerived(local, block, "first"))?.source
}

const crossSource = (chain: ChainContext, block: L2BlockRef) =>
  Result.getOrUndefined(DerivationDb.ofDerived(stateOf(chain).cross, block, "first"))?.source

/**
 * Block and outputs of one chain at a time, from one state of its node: what was reorganised or replaced between the
 * answers is as if it were not there. The look-ups in the databases come after the answers.
 */
const outputsOf = Effect.fnUntraced(function* (chain: ChainContext, timestamp: Timestamp) {
  const block = yield* askAny(method, chain, (node) => node.l2BlockRefByTimestamp(timestamp))
  if (localSource(chain, block) === undefined) return undefined
  const canonical = yield* askAny(method, chain, (node) => node.outputV0AtTimestamp(timestamp))
  const pending = yield* askAny(method, chain, (node) => node.pendingOutputV0AtTimestamp(timestamp))
  const known = pending.blockHash === block.hash || stateOf(chain).invalidated.has(pending.blockHash)
  return canonical.blockHash === block.hash && known ? { chain, block, canonical, pending } : undefined
})

type Outputs = NonNullable<Effect.Success<ReturnType<typeof outputsOf>>>

const optimisticOf = ({ block, chain, pending }: Outputs): OptimisticOutput | undefined => {
  const source = localSource(chain, block)
  if (source === undefined) return undefined
  const { blockHash: hash } = pending
  return { block: { ...block, hash }, output: pending, requiredL1: idOf(source) }
}

/** The root over output roots of all chains. */
export const committed = (timestamp: Timestamp, chains: CommittedOutputs["chains"]): CommittedOutputs => ({
  timestamp,
  chains,
  superRoot: superRoot({ timestamp, chains })
})

/** What is cross-safe on all chains, with the highest L1 block that one of them needs for it. */
const verifiedOf = (all: ReadonlyArray<Outputs | undefined>, timestamp: Timestamp) => {
  const sources = all.map((outputs) => outputs && crossSource(outputs.chain, outputs.block))
  const highest = sources.reduce((high, source) =>
    high === undefined || source === undefined ? undefined : source.number > high.number ? source : high
  )
  if (highest === undefined) return undefined
  const roots = all.flatMap((outputs) =>
    outputs === undefined ? [] : [{ chainId: outputs.chain.id, output: outputRoot(outputs.canonical) }]
  )
  return { ...committed(timestamp, roots), requiredL1: idOf(highest) }
}

/** All chains at a time. A chain that cannot be asked, or has no block of that time yet, is absent from the answer. */
export const superRootAtTimestamp = Effect.fnUntraced(function* (chains: Chains, timestamp: Timestamp) {
  const all = yield* Effect.forEach(
    chains.values(),
    (chain) =>
      outputsOf(chain, timestamp).pipe(
        Effect.catch((error) => Effect.as(Effect.logDebug(error.message), undefined))
      ),
    { concurrency: "unbounded" }
  )
  const optimistic: { [id: string]: OptimisticOutput } = {}
  for (const outputs of all) {
    const found = outputs && optimisticOf(outputs)
    if (outputs !== undefined && found !== undefined) optimistic[outputs.chain.id] = found
  }
  const answer: SuperRootAtTimestamp = {
    ...progress(chains),
    optimistic,
    verified: verifiedOf(all, timestamp)
  }
  return answer
})
