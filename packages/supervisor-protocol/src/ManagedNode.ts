/**
 * What a managed node can do, as one service: the node in this process, the node at the far end of a socket and the
 * fake node of a test are layers of it.
 */
import { Context, type Effect, Layer, type Stream } from "effect"
import type {
  BlockId,
  BlockNumber,
  BlockRef,
  BlockSeal,
  ChainId,
  DerivedBlockRefPair,
  Hash,
  Heads,
  L2BlockRef,
  OutputV0,
  Receipt,
  Timestamp
} from "@ephor/types"
import type { Chain } from "@ephor/chain"
import { makeChainNode } from "./chain/ChainNode.ts"
import type { ManagedEvent } from "./ManagedEvent.ts"
import type { ManagedNodeError } from "./ManagedNodeError.ts"

/**
 * Whether the node can be reached right now. `Silent`: it can, but it gave our subscription up, or has told nothing for
 * longer than a chain is quiet; it is asked again, and counts as connected with the next event.
 */
export type Connection = "Connected" | "Silent" | "Disconnected"

/** Shape of a managed node (supervisor-managed-node, "Supervisor -> Node"). */
export interface Service {
  /** Whether the node is only followed: it tells and answers, and replaces nothing. See `PassiveNode`. */
  readonly isPassive?: boolean | undefined
  /**
   * What the node says, from the moment of subscription on. A `reset` that was not carried out comes first, and is
   * repeated, as `exhaustL1` is, until somebody acts. A broken connection does not end the stream.
   */
  readonly events: Stream.Stream<ManagedEvent, ManagedNodeError>
  /** The state of the connection now, then every change. A node in this process is always connected. */
  readonly connection: Stream.Stream<Connection>
  /** Chain id of the L2. */
  readonly chainId: Effect.Effect<ChainId, ManagedNodeError>
  /** The L1 and L2 blocks that the rollup starts after; fails with `InteropInactive` if it started before interop. */
  readonly anchorPoint: Effect.Effect<DerivedBlockRefPair, ManagedNodeError>
  /** Offers the next L1 block. Answers at once: a block that does not fit shows up as a `reset` event. */
  readonly provideL1: (block: BlockRef) => Effect.Effect<void, ManagedNodeError>
  /** Replaces a block by one with deposits only. Only the hash is looked at. */
  readonly invalidateBlock: (block: BlockSeal) => Effect.Effect<void, ManagedNodeError>
  /**
   * Forces the five heads. They are verified by height and hash in the order unsafe, cross-unsafe, safe, cross-safe,
   * finalized; the first that fails is answered as `TargetNotFound` or `Conflict`. A finalized head of all zeros, or one that
   * is so old that it is not kept, leaves finality where it is.
   */
  readonly reset: (heads: Heads) => Effect.Effect<void, ManagedNodeError>
  /** Lets the node go on from where it stands, without targets. */
  readonly resetPreInterop: Effect.Effect<void, ManagedNodeError>
  /** Raises the cross-unsafe head; the block is looked up by hash. */
  readonly updateCrossUnsafe: (block: BlockId) => Effect.Effect<void, ManagedNodeError>
  /** Raises the cross-safe head to `derived`, and the cross-unsafe head if it is behind. */
  readonly updateCrossSafe: (derived: BlockId, source: BlockId) => Effect.Effect<void, ManagedNodeError>
  /** Raises the finalized head. A block behind it, or not cross-safe yet, is ignored without an error. */
  readonly updateFinalized: (block: BlockId) => Effect.Effect<void, ManagedNodeError>
  /** Receipts of an L2 block, in order. */
  readonly fetchReceipts: (block: Hash) => Effect.Effect<ReadonlyArray<Receipt>, ManagedNodeError>
  /** The L2 block in force at a time in seconds. */
  readonly l2BlockRefByTimestamp: (timestamp: Timestamp) => Effect.Effect<L2BlockRef, ManagedNodeError>
  /** The L2 block at a height, with its L1 origin; a node of June 2025 or before fails with `Unsupported`. */
  readonly l2BlockRefByNumber: (number: BlockNumber) => Effect.Effect<L2BlockRef, ManagedNodeError>
  /** The L2 block at a height; works with nodes of every age. */
  readonly blockRefByNumber: (number: BlockNumber) => Effect.Effect<BlockRef, ManagedNodeError>
  /** Output of the block in force at a time in seconds. */
  readonly outputV0AtTimestamp: (timestamp: Timestamp) => Effect.Effect<OutputV0, ManagedNodeError>
  /** The same, but of the block that was replaced if the block in force is a replacement. */
  readonly pendingOutputV0AtTimestamp: (timestamp: Timestamp) => Effect.Effect<OutputV0, ManagedNodeError>
}

/** A managed node. */
export class ManagedNode extends Context.Service<ManagedNode, Service>()(
  "@ephor/supervisor-protocol/ManagedNode"
) {}

/** Bounds of a node in this process. */
export interface Limits {
  /** Events kept for a slow subscriber before the oldest are dropped. */
  readonly eventBuffer: number
  /** L1 blocks that wait to be handed to the chain; more are ignored, as `exhaustL1` asks again. */
  readonly provideQueue: number
  /** Pause between two repetitions of a `reset` that nobody carried out, in milliseconds. */
  readonly repeatMs: number
}

/** 1024 events, 16 L1 blocks, one repetition per second. */
export const defaults: Limits = { eventBuffer: 1024, provideQueue: 16, repeatMs: 1000 }

/** What a node in this process must know beside its chain. */
export interface ChainOptions {
  /** Chain id of the L2, decimal. */
  readonly chainId: ChainId
  /** Seconds between two blocks: the head is in force for so long. Without it, only until its own timestamp. */
  readonly blockTimeSeconds?: number | undefined
  /** When interop begins, in seconds: of blocks before it nothing is told. Default: with the first block. */
  readonly interopTime?: Timestamp | undefined
  /**
   * L1 blocks within which a batch must arrive. A reset may not take the unsafe head back by more than five times as many.
   * Default 3600.
   */
  readonly sequencerWindowBlocks?: number | undefined
  readonly limits?: Partial<Limits> | undefined
}

/** The node in this process: events and calls are folds over the `Chain`. */
export const layerChain = (options: ChainOptions): Layer.Layer<ManagedNode, never, Chain.Chain> =>
  Layer.effect(ManagedNode, makeChainNode(options, { ...defaults, ...options.limits }))
