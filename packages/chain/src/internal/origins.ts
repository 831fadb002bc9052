/** The L1 side of a chain that has no batches on L1: which L1 block its blocks build upon, and when they are derived. */
import { type BlockId, BlockRef, type L2BlockRef, type Timestamp } from "@ephor/types"
import { Effect, Option, Stream } from "effect"
import type { Service as Chain } from "../Chain.ts"
import { Backend, ChainError } from "../ChainError.ts"
import { Store } from "../Store.ts"
import * as Table from "../Table.ts"

const origins = Table.make({ name: "dev/origin", key: [], value: BlockRef })

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

  const take = Effect.fnUntraced(
    function* (source: BlockRef) {
      yield* store.batch([origins.put([], source)])
      origin = source
    },
    Effect.mapError(
      (cause) =>
        new ChainError({
          method: "derive",
          reason: new Backend({ what: "the L1 origin cannot be stored", cause })
        })
    )
  )

  const derivable = Effect.fnUntraced(function* (source: BlockRef, number: number) {
    const head = yield* view().head("LocalUnsafe")
    if (number > head.number - options.derivationDelayBlocks) return undefined
    const block = Option.getOrUndefined(yield* view().block(number))
    if (block === undefined || block.timestamp > source.timestamp) return undefined
    return options.l1Genesis === undefined || block.l1origin.number <= source.number ? block : undefined
  })

  /** Takes `source` as the new origin, and gives the blocks that it makes local-safe. */
  const derive = (source: BlockRef, after: L2BlockRef): Stream.Stream<L2BlockRef, ChainError> =>
    Stream.fromEffectDrain(take(source)).pipe(
      Stream.concat(
        Stream.unfold(after.number + 1, (number) =>
          Effect.map(derivable(source, number), (block) =>
            block === undefined ? undefined : ([block, number + 1] as const)
          )
        )
      )
    )

  return { originFor, derive }
})

/** See `makeOrigins`. */
export type Origins = Effect.Success<ReturnType<typeof makeOrigins>>
