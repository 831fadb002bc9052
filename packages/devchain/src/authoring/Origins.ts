/**
 * The L1 side of a chain that has no batches on L1: which L1 block its blocks build upon, and which ones each L1 block
 * makes local-safe. What an L1 block once gave it gives again, as batches that were posted would: a supervisor that has
 * the node derive from an earlier L1 block must see the same pairs.
 */
import { BlockId, BlockRef, Hash, type L2BlockRef, type Timestamp } from "@ephor/types"
import { Effect, Option, Schema, Stream } from "effect"
import type { Service as Chain } from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import { Store, type StoreError } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"

/** The last L1 block that was provided. */
export const origins = Table.make({ name: "dev/origin", key: [], value: BlockRef })

/** What the L1 block of a height gave when it was first derived from. */
const Batch = Schema.Struct({ source: Hash, blocks: Schema.Array(BlockId) })
/** Batches by the height of their L1 block. */
export const batches = Table.make({ name: "dev/batch", key: [Table.u64], value: Batch })

/** L1 blocks below the newest one whose batches are kept: further back nobody resets. */
const keptBatches = 10_000

/** What a chain needs to know about L1. */
export interface Options {
  /** The L1 block that the chain begins with; without one it is its own L1. */
  readonly l1Genesis: BlockRef | undefined
  /** A block becomes derivable only when this many blocks build on it. */
  readonly derivationDelayBlocks: number
}

/** Takes the last provided L1 block up from the store. */
export const makeOrigins = Effect.fnUntraced(function* (
  options: Options,
  view: () => Pick<Chain, "head" | "block">
) {
  const store = yield* Store
  const stored = yield* origins.get(store, [])
  let origin = Option.getOrElse(stored, () => options.l1Genesis)

  /** The L1 block for a child: the last one provided, unless the child would step back in L1 or be older than it. */
  const originFor = (parent: L2BlockRef, timestamp: Timestamp): BlockId | undefined => {
    if (origin === undefined || options.l1Genesis === undefined) return undefined
    const newer = origin.number > parent.l1origin.number && origin.timestamp <= timestamp
    return newer ? { hash: origin.hash, number: origin.number } : parent.l1origin
  }

  const storeFailed = (cause: StoreError) =>
    new ChainError({
      method: "derive",
      reason: new Backend({ what: "the L1 origin cannot be stored", cause })
    })

  const derivable = Effect.fnUntraced(function* (source: BlockRef, number: number) {
    const head = yield* view().head("LocalUnsafe")
    if (number > head.number - options.derivationDelayBlocks) return undefined
    const block = Option.getOrUndefined(yield* view().block(number))
    if (block === undefined || block.timestamp > source.timestamp) return undefined
    return options.l1Genesis === undefined || block.l1origin.number <= source.number ? block : undefined
  })

  /** What an L1 block gives that is derived from for the first time. */
  const collect = Effect.fnUntraced(function* (source: BlockRef, after: L2BlockRef) {
    const blocks: Array<L2BlockRef> = []
    for (let number = after.number + 1; ; number++) {
      const block = yield* derivable(source, number)
      if (block === undefined) return blocks
      blocks.push(block)
    }
  })

  /** What an L1 block gave before, as far as it still stands. */
  const repeat = Effect.fnUntraced(function* (posted: ReadonlyArray<BlockId>, after: L2BlockRef) {
    const blocks: Array<L2BlockRef> = []
    for (const { hash, number } of posted) {
      if (number <= after.number) continue
      const block = Option.getOrUndefined(yield* view().block(number))
      if (block?.hash !== hash) return blocks
      blocks.push(block)
    }
    return blocks
  })

  const read = Effect.fnUntraced(function* (source: BlockRef, after: L2BlockRef) {
    const known = yield* Effect.mapError(batches.get(store, [source.number]), storeFailed)
    const again = Option.isSome(known) && known.value.source === source.hash
    const blocks = again ? yield* repeat(known.value.blocks, after) : yield* collect(source, after)
    const batch = { source: source.hash, blocks: blocks.map(({ hash, number }) => ({ hash, number })) }
    const writes = again
      ? []
      : [
          batches.put([source.number], batch),
          ...(source.number < keptBatches ? [] : [batches.delete([source.number - keptBatches])])
        ]
    yield* Effect.mapError(store.batch([origins.put([], source), ...writes]), storeFailed)
    origin = source
    return blocks
  })

  /** Takes `source` as the new origin, and gives the blocks that it makes local-safe. */
  const derive = (source: BlockRef, after: L2BlockRef): Stream.Stream<L2BlockRef, ChainError> =>
    Stream.fromIterableEffect(read(source, after))

  return { originFor, derive }
})

/** See `makeOrigins`. */
export type Origins = Effect.Success<ReturnType<typeof makeOrigins>>
