import { Effect, Option } from "effect"
import type { BlockRef, Hash, L2BlockRef, Timestamp } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import { UnknownBlock } from "../ChainError.ts"
import { blockOf, type Core, refuse } from "./Core.ts"

import * as Tables from "./Tables.ts"

/** The questions that need more than the heads. */
export const makeReads = ({ backend, state, store }: Core) => {
  const byHash = (hash: Hash) => Tables.findByHash(store, state().tree, hash)
  const byNumber = (number: number) => Tables.findByNumber(store, state().tree, number)
  const known = (hash: Hash) =>
    Effect.filterOrElse(
      byHash(hash),
      (ref) => ref !== undefined,
      () => refuse(new UnknownBlock({ block: hash }))
    )

  const content = Effect.fnUntraced(function* (hash: Hash) {
    const ref = yield* known(hash)
    const found = yield* Tables.contents.get(store, [hash])
    if (Option.isNone(found)) return yield* refuse(new UnknownBlock({ block: hash }))
    return blockOf(ref, found.value)
  })

  const blockAt = Effect.fnUntraced(function* (timestamp: Timestamp) {
    let found: L2BlockRef | undefined
    let low = backend.genesis.ref.number
    let high = state().tree.head.number
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const ref = yield* byNumber(middle)
      if (ref !== undefined && ref.timestamp <= timestamp) {
        found = ref
        low = middle + 1
      } else {
        high = middle - 1
      }
    }
    return Option.fromUndefinedOr(found)
  })

  const ancestors = Effect.fnUntraced(function* (hash: Hash, limit: number) {
    const found: Array<BlockRef> = []
    let ref: L2BlockRef | undefined = yield* known(hash)
    while (ref !== undefined && found.length < limit && ref.number > backend.genesis.ref.number) {
      ref = yield* byHash(ref.parentHash)
      if (ref !== undefined) found.push(BlockTree.toRef(ref))
    }
    return found
  })

  const descendants = Effect.fnUntraced(function* (hash: Hash) {
    const { tree } = state()
    const ref = yield* known(hash)
    const found: Array<BlockRef> = []
    // Below the tree there are only canonical blocks.
    for (let number = ref.number + 1; number <= tree.root.number; number++) {
      const next = yield* byNumber(number)
      if (next !== undefined) found.push(BlockTree.toRef(next))
    }
    const top = ref.number >= tree.root.number ? hash : tree.root.hash
    for (const next of BlockTree.descendants(tree, top)) found.push(BlockTree.toRef(next))
    return found
  })

  const block = (id: Hash | number) =>
    Effect.map(
      Effect.suspend(() => (typeof id === "number" ? byNumber(id) : byHash(id))),
      Option.fromUndefinedOr
    )

  return { byHash, block, blockAt, content, ancestors, descendants }
}
