/** Takes a chain up from what its store holds. */
import { Effect, HashMap, Option, Stream } from "effect"
import type { BlockNumber, BlockRef, Hash, L2BlockRef } from "@ephor/types"
import type { Service as Store, StoreError } from "@ephor/store/Store"
import type { Table } from "@ephor/store/Table"
import * as BlockTree from "../BlockTree.ts"
import type { State } from "./State.ts"
import { blocks, canonical, type current, history, invalid, sources } from "./Tables.ts"

/** The state as it was when the last change was written, with the tree from `retainedBlocks` below finality on, or from where history begins. */
export const load = Effect.fnUntraced(function* (
  store: Store,
  record: typeof current extends Table<infer _, infer A> ? A : never,
  genesis: L2BlockRef,
  retainedBlocks: number
): Effect.fn.Return<State, StoreError> {
  const { derivation, heads } = record
  const kept = Option.getOrUndefined(yield* history.get(store, []))
  const floor = Math.max(kept?.lowest ?? genesis.number, heads.finalized.number - retainedBlocks)
  const bad = yield* Stream.runCollect(
    Stream.map(invalid.iterate(store, []), ([[hash], number]) => [hash, number] as const)
  )
  let tree = BlockTree.make(genesis, bad)
  if (floor > genesis.number) {
    const hash = yield* canonical.get(store, [floor])
    const root = Option.isNone(hash) ? Option.none() : yield* blocks.get(store, [floor, hash.value])
    if (Option.isSome(root)) tree = BlockTree.make(root.value.ref, bad)
  }
  const lowest: [number, Hash] = [tree.root.number + 1, `0x${"0".repeat(64)}`]
  yield* blocks.iterate(store, [], { from: lowest }).pipe(
    Stream.runForEach(([, { abandoned, ref }]) =>
      Effect.sync(() => {
        if (BlockTree.get(tree, ref.parentHash) !== undefined) tree = BlockTree.insert(tree, ref, abandoned)
      })
    )
  )
  tree = BlockTree.moveHead(tree, heads.localUnsafe.hash, false).tree
  let from = HashMap.empty<BlockNumber, BlockRef>()
  yield* sources.iterate(store, [], { from: [tree.root.number] }).pipe(
    Stream.runForEach(([[number], source]) =>
      Effect.sync(() => {
        from = HashMap.set(from, number, source)
      })
    )
  )
  return { tree, heads, derivation, sources: from }
})
