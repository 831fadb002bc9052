/** What a chain keeps on disk, and how it is read back. */
import { Effect, HashMap, Option, Schema, Stream } from "effect"
import { BlockNumber, BlockRef, Hash, L2BlockRef, OutputV0, Receipt } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import { Derivation } from "../Derivation.ts"
import type { Service as Store, StoreError } from "@ephor/store/Store"
import * as Manifest from "@ephor/store/Manifest"
import * as Table from "@ephor/store/Table"
import type { State } from "./State.ts"

/** Everything of a block but its reference. */
export const contents = Table.make({
  name: "content",
  key: [Table.hash],
  value: Schema.Struct({
    body: Schema.Uint8Array,
    receipts: Schema.Array(Receipt),
    output: OutputV0,
    pending: Schema.optionalKey(OutputV0)
  })
})

/** References by height, all forks. */
export const blocks = Table.make({
  name: "block",
  key: [Table.u64, Table.hash],
  value: Schema.Struct({ ref: L2BlockRef, abandoned: Schema.Boolean })
})

/** Height of each hash. */
export const numbers = Table.make({ name: "number", key: [Table.hash], value: BlockNumber })

/** Hash of the canonical block at each height. */
export const canonical = Table.make({ name: "canonical", key: [Table.u64], value: Hash })

/** The L1 block from which the canonical block at a height was first derived. */
export const sources = Table.make({ name: "source", key: [Table.u64], value: BlockRef })

/** Blocks that may never come back. */
export const invalid = Table.make({ name: "invalid", key: [Table.hash], value: BlockNumber })

/** What replaced an invalidated block. */
export const replacements = Table.make({ name: "replacement", key: [Table.hash], value: BlockRef })

/** The one record that is rewritten with each change. */
export const current = Table.make({
  name: "state",
  key: [],
  value: Schema.Struct({
    version: Schema.Literal(1),
    genesis: Hash,
    heads: Schema.Struct({
      localUnsafe: BlockRef,
      crossUnsafe: BlockRef,
      localSafe: BlockRef,
      crossSafe: BlockRef,
      finalized: BlockRef
    }),
    derivation: Derivation
  })
})

/** All of them, for the manifest of a data directory. A change of what a record is raises the version. */
export const family = Manifest.family({
  name: "chain",
  version: 1,
  tables: [contents, blocks, numbers, canonical, sources, invalid, replacements, current]
})

/** The reference of a block, in the tree or on disk. */
export const findByHash = Effect.fnUntraced(function* (store: Store, tree: BlockTree.BlockTree, hash: Hash) {
  const ref = BlockTree.get(tree, hash)
  if (ref !== undefined) return ref
  const number = yield* numbers.get(store, [hash])
  if (Option.isNone(number)) return undefined
  const node = yield* blocks.get(store, [number.value, hash])
  return Option.getOrUndefined(Option.map(node, ({ ref }) => ref))
})

/** The reference of the canonical block at a height, in the tree or on disk. */
export const findByNumber = Effect.fnUntraced(function* (
  store: Store,
  tree: BlockTree.BlockTree,
  number: BlockNumber
) {
  if (number >= tree.root.number) return BlockTree.at(tree, number)
  const hash = yield* canonical.get(store, [number])
  if (Option.isNone(hash)) return undefined
  const node = yield* blocks.get(store, [number, hash.value])
  return Option.getOrUndefined(Option.map(node, ({ ref }) => ref))
})

/** The state as it was when the last change was written, with the tree from `retainedBlocks` below finality on. */
export const load = Effect.fnUntraced(function* (
  store: Store,
  record: typeof current extends Table.Table<infer _, infer A> ? A : never,
  genesis: L2BlockRef,
  retainedBlocks: number
): Effect.fn.Return<State, StoreError> {
  const { derivation, heads } = record
  const floor = Math.max(genesis.number, heads.finalized.number - retainedBlocks)
  const bad = yield* Stream.runCollect(Stream.map(invalid.iterate(store, []), ([[hash]]) => hash))
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
