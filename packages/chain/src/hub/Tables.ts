/** What a chain keeps on disk, and how it is read back. */
import { Effect, Option, Schema } from "effect"
import { BlockNumber, BlockRef, Hash, L2BlockRef, OutputV0, Receipt } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import { Derivation } from "../Derivation.ts"
import type { Service as Store } from "@ephor/store/Store"
import * as Manifest from "@ephor/store/Manifest"
import * as Table from "@ephor/store/Table"

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

/** How far the history was deleted: the lowest block that is kept, but for the first of the chain. */
export const history = Table.make({
  name: "history",
  key: [],
  value: Schema.Struct({ lowest: BlockNumber })
})

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
  tables: [contents, blocks, numbers, canonical, sources, invalid, replacements, history, current]
})

/** What is known of a hash: the block, only the height at which it stood before it was deleted, or nothing. */
export const findByHash = Effect.fnUntraced(function* (store: Store, tree: BlockTree.BlockTree, hash: Hash) {
  const ref: L2BlockRef | undefined = BlockTree.get(tree, hash)
  if (ref !== undefined) return { ref, number: ref.number }
  const number = Option.getOrUndefined(yield* numbers.get(store, [hash]))
  if (number === undefined) return undefined
  const node = yield* blocks.get(store, [number, hash])
  return { ref: Option.getOrUndefined(Option.map(node, ({ ref }) => ref)), number }
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
