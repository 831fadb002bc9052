/**
 * The hub of the house: one chain, five verbs, five events. Whatever knows a chain (a development chain, an execution
 * client, a supervisor's answer, a quorum of votes) speaks to the rest of the program through this service.
 */
import { Context, Effect, Layer, type Option, type Scope, type Stream } from "effect"
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
import * as Retention from "./Retention.ts"
import { makeChain } from "./hub/Hub.ts"
import { complementing as complementingHere, type MemoryOptions, memoryBackend } from "./hub/MemoryBackend.ts"
import * as Store from "@ephor/store/Store"

/**
 * The output of a block. Only an execution client knows the storage root of the message passer, and it is asked when
 * somebody wants it: see `Service.output`.
 */
export interface BlockOutput extends Omit<OutputV0, "messagePasserStorageRoot"> {
  readonly messagePasserStorageRoot?: Hash | undefined
}

/** A block with everything that the protocols ask about it. */
export interface ChainBlock {
  /** The block and the L1 block that it was built upon; a chain without an L1 repeats its own id there. */
  readonly ref: L2BlockRef
  /** The sub-DAG that the committee committed to make this block (`DagBody`), or what else the backend keeps. */
  readonly body: Uint8Array
  readonly receipts: ReadonlyArray<Receipt>
  readonly output: BlockOutput
  /** In a replacement: the output of the block that it replaced ("pending output"). */
  readonly pending?: OutputV0 | undefined
}

/** A block whose output is known in full. */
export interface KnownBlock extends ChainBlock {
  readonly output: OutputV0
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
  /** A block by hash (canonical or not), or the canonical block at a height. One that was deleted fails as `Pruned`. */
  readonly block: (id: Hash | BlockNumber) => Effect.Effect<Option.Option<L2BlockRef>, ChainError>
  /** The canonical block in force at a time (seconds): the highest whose timestamp is not above it. */
  readonly blockAt: (timestamp: Timestamp) => Effect.Effect<Option.Option<L2BlockRef>, ChainError>
  /** Body, receipts and output of a block; fails with `UnknownBlock`, or `Pruned`. */
  readonly content: (hash: Hash) => Effect.Effect<ChainBlock, ChainError>
  /** The output of a block in full: as it is stored, or else as the backend tells it, which is stored then. */
  readonly output: (hash: Hash) => Effect.Effect<OutputV0, ChainError>
  /** Up to `limit` ancestors, parent first, the block itself not included; stops at the anchor, or where history begins. */
  readonly ancestors: (hash: Hash, limit: number) => Effect.Effect<ReadonlyArray<BlockRef>, ChainError>
  /** All known descendants, lowest first, on all forks. */
  readonly descendants: (hash: Hash) => Effect.Effect<ReadonlyArray<BlockRef>, ChainError>
  /** Whether the block was invalidated, or builds upon one that was. */
  readonly isInvalidated: (hash: Hash) => Effect.Effect<boolean>
  /** The lowest block of the history that is kept; below it only the anchor is, and other blocks fail as `Pruned`. */
  readonly history: Effect.Effect<BlockNumber>
  /** Keeps history from a height on, whatever `historyBlocks` says, until the scope closes; asked anew each time. */
  readonly keep: (from: Effect.Effect<BlockNumber>) => Effect.Effect<void, never, Scope.Scope>
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
  readonly revert: (
    heads: Heads,
    reason: string,
    options?: { readonly commanded?: boolean }
  ) => Effect.Effect<void, ChainError>
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

/** Bounds of a chain. */
export interface Limits extends Retention.Limits {
  /** Finalized blocks whose references (and dead forks) stay in memory; older ones are read from the store. */
  readonly retainedBlocks: number
  /** Events that one subscriber may lag behind before its stream is ended. */
  readonly eventBacklog: number
  /** How often `Exhausted` is repeated while no next L1 block comes. */
  readonly exhaustedRepeatMs: number
  /** How often the `Reverted` that stopped derivation is repeated while no heads are dictated. */
  readonly stoppedRepeatMs: number
  /** How long a failed stream of the backend (imports, finality, derivation) rests before it is run again. */
  readonly retryDelayMs: number
}

/** The bounds that apply where none are given. */
export const defaults: Limits = {
  ...Retention.defaults,
  retainedBlocks: 1024,
  eventBacklog: 65_536,
  exhaustedRepeatMs: 1000,
  stoppedRepeatMs: 10_000,
  retryDelayMs: 1000
}

/**
 * What only a backend knows: everything else (tree, heads, order, durability, idempotence) is `make`'s. The effects run
 * inside the verb that needs them and must not call the chain's verbs themselves; they may run again after a crash.
 */
export interface Backend {
  /** The block that the chain starts from. */
  readonly genesis: ChainBlock
  /** The L1 block that `genesis` was derived from. */
  readonly anchorSource: BlockRef
  /** New blocks, parent first, known ones again after a failure: a stream that fails is run anew. */
  readonly imports?: Stream.Stream<ChainBlock, ChainError>
  /** Blocks that became final on the backend's own word; they raise every head that is behind. */
  readonly finality?: Stream.Stream<Hash, ChainError>
  /**
   * How far the final head may be raised when somebody calls this block final: that block, an ancestor, or the final block.
   * Runs outside the verb. Default: as far as that.
   */
  readonly finalizable?: (called: Hash) => Effect.Effect<Hash, ChainError>
  /** Tells the backend that heads were forced (e.g. `engine_forkchoiceUpdated`), before the change is stored. */
  readonly setHeads?: (heads: HeadRefs) => Effect.Effect<void, ChainError>
  /** The height from which on the backend itself still needs blocks; see `Service.keep`. */
  readonly keepFrom?: Effect.Effect<BlockNumber>
  /** Builds the deposits-only block that takes the place of `invalid`: same height, same parent. */
  readonly replace?: (invalid: KnownBlock) => Effect.Effect<ChainBlock, ChainError>
  /** The storage root of the message passer, for blocks that were imported without it; who lacks it tells it with each. */
  readonly messagePasserRoot?: (block: L2BlockRef) => Effect.Effect<Hash, ChainError>
  /** L2 blocks that are local-safe as of `source`, following `after`, in order; all imported before. */
  readonly derive?: (source: BlockRef, after: L2BlockRef) => Stream.Stream<L2BlockRef, ChainError>
}

/**
 * Builds the hub around a backend, from what the store holds: a chain goes on where it was, also after a crash.
 *
 * Each verb is one atomic step: it is written to the store as one batch, then shown to readers, then told to every
 * subscriber of `events`, in order. A subscriber that lags more than `limits.eventBacklog` events has its stream ended,
 * with a warning. The longest branch is canonical among the branches that build on the local-safe head, except that
 * what `revert` took out only comes back when somebody imports, derives or promotes it again.
 */
export const make: (
  backend: Backend,
  limits?: Partial<Limits>
) => Effect.Effect<Service, ChainError | Store.StoreError, Scope.Scope | Store.Store> = (backend, limits) =>
  makeChain(backend, { ...defaults, ...limits })

/** The hub of a backend that takes an effect to make; needs a store of its own (see `Store.layerPrefixed`). */
export const layer = <E, R>(
  backend: Effect.Effect<Backend, E, R>,
  limits?: Partial<Limits>
): Layer.Layer<Chain, E | ChainError | Store.StoreError, Exclude<R, Scope.Scope> | Store.Store> =>
  Layer.effect(
    Chain,
    Effect.flatMap(backend, (known) => make(known, limits))
  )

/**
 * A `Backend.replace` for chains whose blocks nobody executes: an empty block whose hash is the bitwise complement of
 * the invalid block's.
 */
export const complementing: (invalid: KnownBlock) => Effect.Effect<ChainBlock> = complementingHere

/**
 * A chain that only knows what it is told, in memory. Without `replace`, an invalid block is replaced by an empty one
 * whose hash is the bitwise complement of the invalid block's.
 */
export const layerMemory = (
  options: MemoryOptions & { readonly limits?: Partial<Limits> } = {}
): Layer.Layer<Chain, ChainError | Store.StoreError> =>
  Layer.effect(Chain, make(memoryBackend(options), options.limits)).pipe(
    Layer.provide(Layer.fresh(Store.layerMemory))
  )
