/**
 * What the parts of a chain's worker share: the chain's configuration, its nodes, and what the worker remembers in
 * memory only.
 */
import { Effect, type Latch, Result } from "effect"
import type { Connection } from "@ephor/supervisor-protocol/ManagedNode"
import type { BlockNumber, BlockRef, BlockSeal, ChainId } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import type { Fault } from "../Fault.ts"
import type { Service as L1 } from "../L1.ts"
import * as LogsDb from "../LogsDb.ts"
import { crossUnsafeHead } from "../Promotion.ts"
import type { RollupConfig } from "../RollupConfig.ts"
import type { Options } from "../SupervisorOptions.ts"
import type { Invalidation, Wait } from "../SyncStatus.ts"
import type { Change, ChainState, Ledger } from "./Ledger.ts"
import type { NodeLink } from "../node/Link.ts"

/** Invalid blocks that are remembered for who looks on. */
export const keptInvalidations = 20

/** What all chains share. */
export interface Shared {
  readonly ledger: Ledger
  readonly l1: L1
  readonly options: Options
  /** Makes every chain look again whether it gets any further. */
  readonly wakeAll: () => void
  /** An operator has stopped the work: inputs wait, questions are answered. `running` is closed meanwhile. */
  stopped: boolean
  readonly running: Latch.Latch
  /** While on, access lists are turned down. */
  failsafe: boolean
  executingMessages: number
  invalidatedBlocks: number
  /** Executing messages by the chain that they come from, then by the one that executes them. */
  readonly messages: Map<ChainId, Map<ChainId, number>>
  /** The last invalid blocks, at most `keptInvalidations`. */
  readonly invalidations: Array<Invalidation>
  /** What is known of each node's connection, by its name. */
  readonly connections: Map<string, Connection>
}

/** A chain as its worker sees it. */
export interface ChainContext {
  readonly id: ChainId
  readonly config: RollupConfig
  readonly shared: Shared
  readonly links: Array<NodeLink>
  /** Sees to it that nodes are told to replace the block that is marked invalid. */
  readonly pokeInvalidator: () => void
  /** Has the worker look again after some time. */
  readonly remind: (afterMs: number) => Effect.Effect<void>
  /** Index logs up to this height. */
  indexTarget: BlockNumber
  /** The target at the last look. */
  lastIndexTarget: BlockNumber
  /** The node that reported the newest block: it is asked first. */
  indexLink: NodeLink | undefined
  /** The L1 block that derivation is at. */
  currentL1: BlockRef | undefined
  /** Chains without whose progress nothing can be promoted here. */
  readonly waitsOn: Set<ChainId>
  /** Why nothing more can be promoted here, as far as it is not only that there is nothing new. */
  wait: Wait | undefined
  /** The fault that was logged last, so that a wait is logged once. */
  lastConflict: string | undefined
  /** L1 may have been reorganised below what was derived from it, and that was not looked into yet. */
  l1Suspect: boolean
}

export const stateOf = (chain: ChainContext): ChainState => chain.shared.ledger.state(chain.id)

export const sealOf = ({ hash, number, timestamp }: BlockSeal): BlockSeal => ({ hash, number, timestamp })

export const idOf = ({ hash, number }: BlockSeal | BlockRef) => ({ hash, number })

/** The last cross-safe entry of a chain. */
export const crossSafeEntry = (chain: ChainContext): DerivationDb.DerivationEntry | undefined =>
  stateOf(chain).cross.at(-1)

export const logFault = (what: string, fault: Fault) =>
  Effect.logDebug(`${what}: ${fault._tag}: ${fault.detail}`)

/** The change that takes the blocks above `to` out of a chain's logs. */
export interface Rewind {
  readonly own: Change
  /** Cross-unsafe heads of other chains may rest on messages of the blocks that go: they step back as well. */
  readonly others: ReadonlyArray<Change>
  readonly removed: number
}

/** How to take the blocks above `to` out of a chain's logs, and what else that means. Nothing to take: no change. */
export const rewindLogs = (ledger: Ledger, chainId: ChainId, to: BlockSeal): Rewind => {
  const state = ledger.state(chainId)
  const kept = LogsDb.rewindTo(state.logs, to)
  const keep = Result.isSuccess(kept) ? kept.success : state.logs.length
  const first = state.logs[keep]
  if (first === undefined) return { own: { chainId }, others: [], removed: 0 }
  const head = crossUnsafeHead(state)
  const own: Change = {
    chainId,
    logs: { keep, append: [] },
    ...(head !== undefined && head.number > to.number ? { crossUnsafe: sealOf(to) } : undefined)
  }
  const others: Array<Change> = []
  for (const id of ledger.chainIds) {
    const other = ledger.state(id)
    if (id === chainId || other.crossUnsafe === undefined || other.crossUnsafe.timestamp < first.timestamp)
      continue
    const safe = other.cross.at(-1)?.derived
    const before = LogsDb.lastBefore(other.logs, first.timestamp)
    const lowered =
      before !== undefined && (safe === undefined || before.number > safe.number) ? before : safe
    if (lowered !== undefined && lowered.number < other.crossUnsafe.number) {
      others.push({ chainId: id, crossUnsafe: sealOf(lowered) })
    }
  }
  return { own, others, removed: state.logs.length - keep }
}
