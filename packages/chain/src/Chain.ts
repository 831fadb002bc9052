/**
 * The hub of the house: one chain, five verbs, five events. Whatever knows a chain (a development chain, an execution
 * client, a supervisor's answer, a quorum of votes) speaks to the rest of the program through this service.
 */
import { Context, type Effect, type Option, type Stream } from "effect"
import type {
  BlockId,
  BlockNumber,
  BlockRef,
  BlockReplacement,
  DerivedBlockRefPair,
  Hash,
  Heads,
  L2BlockRef,
  OutputV0,
  Receipt,
  SafetyLevel,
  Timestamp
} from "@ephor/types"
import type { ChainError } from "./ChainError.ts"
import type { ChainEvent } from "./ChainEvent.ts"

/** A block with everything that the protocols ask about it. */
export interface ChainBlock {
  /** The block and the L1 block that it was built upon; a chain without an L1 repeats its own id there. */
  readonly ref: L2BlockRef
  /** The sub-DAG that the committee committed to make this block (`DagBody`), or what else the backend keeps. */
  readonly body: Uint8Array
  readonly receipts: ReadonlyArray<Receipt>
  readonly output: OutputV0
  /** In a replacement: the output of the block that it replaced ("pending output"). */
  readonly pending?: OutputV0 | undefined
}

/** Five heads as full references. */
export type HeadRefs = { readonly [Key in keyof Heads]: BlockRef }

/** Shape of the hub. Every effect here is atomic: events come in the order in which the changes happened. */
export interface Service {
  /** The block that the chain starts from, with the L1 block that it was derived from. */
  readonly anchor: DerivedBlockRefPair
  /** The head of one level. */
  readonly head: (level: SafetyLevel) => Effect.Effect<BlockRef>
  /** All five heads at one moment. */
  readonly heads: Effect.Effect<HeadRefs>
  /** A block by hash (canonical or not), or the canonical block at a height. */
  readonly block: (id: Hash | BlockNumber) => Effect.Effect<Option.Option<L2BlockRef>, ChainError>
  /** The canonical block in force at a time (seconds): the highest whose timestamp is not above it. */
  readonly blockAt: (timestamp: Timestamp) => Effect.Effect<Option.Option<L2BlockRef>, ChainError>
  /** Body, receipts and output of a block; fails with `UnknownBlock`. */
  readonly content: (hash: Hash) => Effect.Effect<ChainBlock, ChainError>
  /** Up to `limit` ancestors, parent first, the block itself not included; stops at the anchor. */
  readonly ancestors: (hash: Hash, limit: number) => Effect.Effect<ReadonlyArray<BlockRef>, ChainError>
  /** All known descendants, lowest first, on all forks. */
  readonly descendants: (hash: Hash) => Effect.Effect<ReadonlyArray<BlockRef>, ChainError>
  /** Whether the block was invalidated, or builds upon one that was. */
  readonly isInvalidated: (hash: Hash) => Effect.Effect<boolean>
  /** What changes from the moment of subscription on: run the stream before you read state, so that nothing is lost. */
  readonly events: Stream.Stream<ChainEvent>
  /** Adds a block (parent first). A known block is accepted silently, a blacklisted one fails. */
  readonly import: (block: ChainBlock) => Effect.Effect<void, ChainError>
  /** Raises the head of a level. Raising to where it is, or below, is accepted silently for idempotence. */
  readonly promote: (level: SafetyLevel, block: Hash, source?: BlockRef) => Effect.Effect<void, ChainError>
  /**
   * Forces the five heads, forgetting canonical blocks above `localUnsafe`. `commanded` says that the heads were
   * dictated from outside (see `ChainEvent.Reverted`). Never goes below the finalized head.
   */
  readonly revert: (heads: Heads, reason: string, options?: { readonly commanded?: boolean }) => Effect.Effect<void, ChainError>
  /**
   * Goes back to the parent of `block` because `block` is invalid: it and its descendants are blacklisted for ever,
   * heads above the parent fall back to it. A block that is final fails with `Finalized`.
   */
  readonly blacklist: (block: Hash, reason: string) => Effect.Effect<void, ChainError>
  /** Replaces an invalid block by a deposits-only block of the same height and time, which becomes all heads but the final one. */
  readonly invalidate: (block: Hash) => Effect.Effect<BlockReplacement, ChainError>
  /**
   * Offers the next L1 block to derive from. A block that is not the next one is ignored; one that does not build on
   * the last one stops derivation and shows as a `Reverted` event that removes nothing, until `revert` is commanded.
   */
  readonly provide: (source: BlockRef) => Effect.Effect<void, ChainError>
}

/** The chain that a node watches and steers. */
export class Chain extends Context.Service<Chain, Service>()("@ephor/chain/Chain") {}

/** Heads as plain ids, as the wire carries them. */
export const headIds = (heads: HeadRefs): Heads => {
  const id = ({ hash, number }: BlockRef): BlockId => ({ hash, number })
  return {
    localUnsafe: id(heads.localUnsafe),
    crossUnsafe: id(heads.crossUnsafe),
    localSafe: id(heads.localSafe),
    crossSafe: id(heads.crossSafe),
    finalized: id(heads.finalized)
  }
}
