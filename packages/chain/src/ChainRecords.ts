/**
 * What a chain has left in its store, for tools that look at a node from outside: nothing here runs a chain.
 */
import type { BlockId, BlockNumber, Hash } from "@ephor/types"
import type { Service as Store, StoreError } from "@ephor/store/Store"
import { Effect, Option } from "effect"
import type { HeadRefs } from "./Chain.ts"
import type { Family } from "@ephor/store/Manifest"
import { canonical, current, family as chainFamily, history, numbers } from "./hub/Tables.ts"

/** The records of a chain, for the manifest of a data directory. */
export const family: Family = chainFamily

/** The five heads as they were written last; nothing in a store that holds no chain. */
export const heads = (store: Store): Effect.Effect<Option.Option<HeadRefs>, StoreError> =>
  Effect.map(
    current.get(store, []),
    Option.map((record) => record.heads)
  )

/** The block that a chain starts from; nothing in a store that holds no chain. */
export const anchor = Effect.fnUntraced(function* (
  store: Store
): Effect.fn.Return<Option.Option<BlockId>, StoreError> {
  const record = yield* current.get(store, [])
  if (Option.isNone(record)) return Option.none()
  const hash = record.value.genesis
  return Option.map(yield* numbers.get(store, [hash]), (number) => ({ hash, number }))
})

/** The lowest block of the history that is kept; nothing if none was deleted. */
export const lowest = (store: Store): Effect.Effect<Option.Option<BlockNumber>, StoreError> =>
  Effect.map(
    history.get(store, []),
    Option.map((record) => record.lowest)
  )

/** The hash of the canonical block at a height. */
export const canonicalAt = (
  store: Store,
  number: BlockNumber
): Effect.Effect<Option.Option<Hash>, StoreError> => canonical.get(store, [number])
