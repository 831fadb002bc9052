/**
 * What the outside asks about the chains: read from memory at one moment, except outputs, which the nodes know.
 */
import { Effect, Result } from "effect"
import {
  type BlockId,
  type BlockRef,
  type BlockSeal,
  type ChainId,
  encodeOutput,
  outputRoot,
  superRoot,
  type Timestamp,
  toHex
} from "@ephor/types"
import type { Service as ManagedNode } from "@ephor/supervisor-protocol/ManagedNode"
import { ManagedNodeError, Disconnected } from "@ephor/supervisor-protocol/ManagedNodeError"
import * as DerivationDb from "../DerivationDb.ts"
import { type Fault, refuse, type Verdict } from "../Fault.ts"
import { crossUnsafeHead, localSafeHead } from "../Promotion.ts"
import { NodeFailed, NotReady, Refused, SupervisorError } from "../SupervisorError.ts"
import type { ChainStatus, SuperRoot, SyncStatus } from "../SyncStatus.ts"
import { type ChainContext, idOf, stateOf } from "./ChainContext.ts"
import { finalizedBlock } from "../chain/Finality.ts"

export type Chains = ReadonlyMap<ChainId, ChainContext>

export const zeroHash = `0x${"0".repeat(64)}` as const
export const zeroBlock: BlockId = { hash: zeroHash, number: 0 }

const refused = (method: string, fault: Fault) =>
  new SupervisorError({ method, reason: new Refused({ fault }) })

/** A verdict as an effect of the given method. */
export const fromVerdict = <A>(method: string, verdict: Verdict<A>): Effect.Effect<A, SupervisorError> =>
  Result.isFailure(verdict) ? Effect.fail(refused(method, verdict.failure)) : Effect.succeed(verdict.success)

/** A supervised chain. */
export const findChain = (chains: Chains, id: ChainId): Verdict<ChainContext> => {
  const chain = chains.get(id)
  return chain === undefined ? refuse("UnknownChain", `chain ${id} is not supervised`) : Result.succeed(chain)
}

/** Something that a chain may not have yet. */
export const known = <A>(chain: ChainContext, what: string, value: A | undefined): Verdict<A> =>
  value === undefined
    ? refuse("Uninitialized", `chain ${chain.id} has no ${what} yet`)
    : Result.succeed(value)

/** The L1 block that derivation of a chain is at: as a node said, or as of the last local-safe entry. */
export const currentL1 = (chain: ChainContext): BlockRef | undefined => {
  if (chain.currentL1 !== undefined) return chain.currentL1
  const { local } = stateOf(chain)
  const source = local.at(-1)?.source
  if (source === undefined) return undefined
  const before = DerivationDb.previousSource(local, source)
  return { ...source, parentHash: Result.isSuccess(before) ? before.success.hash : zeroHash }
}

interface Snapshot {
  readonly status: ChainStatus
  readonly l1: BlockRef | undefined
  readonly safe: Timestamp
  readonly finalized: Timestamp
}

export const zeroRef: BlockRef = { ...zeroBlock, parentHash: zeroHash, timestamp: 0 }

const refOf = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})

const idOrZero = (block: BlockSeal | undefined): BlockId => (block === undefined ? zeroBlock : idOf(block))

/** What is known of a chain; nothing if that is nothing at all. */
const snapshot = (chain: ChainContext): Snapshot | undefined => {
  const state = stateOf(chain)
  const unsafe = state.logs.at(-1)
  const safe = state.cross.at(-1)?.derived
  const localSafe = localSafeHead(state)?.derived
  const l1 = currentL1(chain)
  if (!unsafe && !localSafe && !safe && !l1) return undefined
  const finalized = finalizedBlock(chain)?.derived
  return {
    status: {
      localUnsafe: unsafe === undefined ? zeroRef : refOf(unsafe),
      localSafe: idOrZero(localSafe),
      crossUnsafe: idOrZero(crossUnsafeHead(state)),
      safe: idOrZero(safe),
      finalized: idOrZero(finalized)
    },
    l1,
    safe: safe?.timestamp ?? 0,
    finalized: finalized?.timestamp ?? 0
  }
}

const nothingKnown: Snapshot = {
  status: {
    localUnsafe: zeroRef,
    localSafe: zeroBlock,
    crossUnsafe: zeroBlock,
    safe: zeroBlock,
    finalized: zeroBlock
  },
  l1: undefined,
  safe: 0,
  finalized: 0
}

/**
 * All chains at one moment; what is not known is zero, which makes the least of all chains zero, too. `NotReady` while nothing is known of any chain, or two chains disagree about L1.
 */
export const syncStatus = (chains: Chains): Effect.Effect<SyncStatus, SupervisorError> => {
  const method = "supervisor_syncStatus"
  const notReady = (why: string) =>
    Effect.fail(new SupervisorError({ method, reason: new NotReady({ why }) }))
  const found = Array.from(chains, ([id, chain]) => [id, snapshot(chain)] as const)
  if (found.every(([, snapshot]) => snapshot === undefined)) {
    return notReady("supervisor status tracker not ready")
  }
  const snapshots = found.map(([, snapshot]) => snapshot ?? nothingKnown)
  const sources = snapshots.flatMap(({ l1 }) => (l1 === undefined ? [] : [l1]))
  const lowest = sources.reduce((low, l1) => (l1.number < low.number ? l1 : low), sources[0] ?? zeroRef)
  const other = sources.find(({ hash, number }) => number === lowest.number && hash !== lowest.hash)
  if (other !== undefined) {
    return notReady(
      `min synced L1 mismatch: ${lowest.hash}:${lowest.number} != ${other.hash}:${other.number}`
    )
  }
  return Effect.succeed({
    minSyncedL1: sources.length < snapshots.length ? zeroRef : lowest,
    safeTimestamp: Math.min(...snapshots.map(({ safe }) => safe)),
    finalizedTimestamp: Math.min(...snapshots.map(({ finalized }) => finalized)),
    chains: Object.fromEntries(found.map(([id, snapshot]) => [id, (snapshot ?? nothingKnown).status]))
  })
}

/** The L1 block with which an L2 block became cross-safe; before the first entry its parent is unknown, so zero. */
export const derivedToSource = (chain: ChainContext, derived: BlockId): Verdict<BlockRef> =>
  Result.map(DerivationDb.ofDerived(stateOf(chain).cross, derived, "first"), ({ source }) => {
    const before = DerivationDb.previousSource(stateOf(chain).cross, source)
    return { ...source, parentHash: Result.isSuccess(before) ? before.success.hash : zeroHash }
  })

/** The last local-safe block of every chain as of an L1 block. */
export const allSafeDerivedAt = (
  chains: Chains,
  source: BlockId
): Verdict<{ readonly [id: ChainId]: BlockId }> => {
  const found: { [id: ChainId]: BlockId } = {}
  for (const [id, chain] of chains) {
    const entry = DerivationDb.lastAtSource(stateOf(chain).local, source)
    if (Result.isFailure(entry)) return Result.fail(entry.failure)
    found[id] = idOf(entry.success.derived)
  }
  return Result.succeed(found)
}

/** Asks the nodes of a chain one after the other, until one answers. */
export const askAny = Effect.fnUntraced(function* <A>(
  method: string,
  chain: ChainContext,
  call: (node: ManagedNode) => Effect.Effect<A, ManagedNodeError>
): Effect.fn.Return<A, SupervisorError> {
  let cause = new ManagedNodeError({ method, reason: new Disconnected({ why: "no node is attached" }) })
  for (const link of chain.links) {
    const answer = yield* Effect.result(link.ask(call(link.node), method))
    if (Result.isSuccess(answer)) return answer.success
    cause = answer.failure
  }
  return yield* new SupervisorError({ method, reason: new NodeFailed({ chainId: chain.id, cause }) })
})

const superMethod = "supervisor_superRootAtTimestamp"

/** Challengers look for "not found" in the text. */
const crossSafeSource = (chain: ChainContext, block: BlockId): Effect.Effect<BlockSeal, SupervisorError> => {
  const found = DerivationDb.ofDerived(stateOf(chain).cross, block, "first")
  if (Result.isSuccess(found)) return Effect.succeed(found.success.source)
  const { _tag } = found.failure
  const detail = `cross-safe source of block ${block.number} of chain ${chain.id} not found: ${found.failure.detail}`
  return Effect.fail(refused(superMethod, { _tag, detail }))
}

const outputsAt = Effect.fnUntraced(function* (chain: ChainContext, timestamp: Timestamp) {
  const block = yield* askAny(superMethod, chain, (node) => node.l2BlockRefByTimestamp(timestamp))
  yield* crossSafeSource(chain, block)
  const output = yield* askAny(superMethod, chain, (node) => node.outputV0AtTimestamp(timestamp))
  const pending = yield* askAny(superMethod, chain, (node) => node.pendingOutputV0AtTimestamp(timestamp))
  return { chain, block, canonical: outputRoot(output), pending: toHex(encodeOutput(pending)) }
})

/** Outputs of all chains at a time, if the blocks of that time are cross-safe. */
export const superRootAt = Effect.fnUntraced(function* (
  chains: Chains,
  timestamp: Timestamp
): Effect.fn.Return<SuperRoot, SupervisorError> {
  const outputs = yield* Effect.forEach(chains.values(), (chain) => outputsAt(chain, timestamp), {
    concurrency: "unbounded"
  })
  // Looked up when all answers are in: what was reorganised meanwhile is not found any more.
  const sources = yield* Effect.forEach(outputs, ({ block, chain }) => crossSafeSource(chain, block))
  const highest = sources.reduce((high, source) => (source.number > high.number ? source : high))
  return {
    crossSafeDerivedFrom: idOf(highest),
    timestamp,
    superRoot: superRoot({
      timestamp,
      chains: outputs.map(({ canonical, chain }) => ({ chainId: chain.id, output: canonical }))
    }),
    chains: outputs.map(({ canonical, chain, pending }) => ({ chainId: chain.id, canonical, pending }))
  }
})
