import { Effect, Option } from "effect"
import type { BlockRef, Hash, L2BlockRef, Timestamp } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import { Pruned, UnknownBlock } from "../ChainError.ts"
import { blockOf, type Core, refuse } from "./Core.ts"

import * as Tables from "./Tables.ts"

/** The questions that need more than the heads. */
export const makeReads = ({ backend, history, state, store }: Core) => {
  const anchor = backend.genesis.ref.number
  const isPruned = (number: number) => number < history.lowest && number > anchor
  const pruned = (what: string) => refuse(new Pruned({ what, lowest: history.lowest }))

  const byHash = Effect.fnUntraced(function* (hash: Hash) {
    const found = yield* Tables.findByHash(store, state().tree, hash)
    if (found !== undefined && isPruned(found.number)) return yield* pruned(`block ${hash}`)
    return found?.ref
  })
  const byNumber = Effect.fnUntraced(function* (number: number) {
    const ref = isPruned(number) ? undefined : yield* Tables.findByNumber(store, state().tree, number)
    return ref === undefined && isPruned(number) ? yield* pruned(`block ${number}`) : ref
  })
  /** Whether a block is, or was, in the chain. */
  const isOld = (hash: Hash) =>
    Effect.map(Tables.findByHash(store, state().tree, hash), (found) => found !== undefined)
  const known = (hash: Hash) =>
    Effect.filterOrElse(
      byHash(hash),
      (ref) => ref !== undefined,
      () => refuse(new UnknownBlock({ block: hash }))
    )

  const content = Effect.fnUntraced(function* (hash: Hash) {
    const ref = yield* known(hash)
    const found = yield* Tables.contents.get(store, [hash])
    if (Option.isNone(found))
      return yield* isPruned(ref.number) ? pruned(`block ${hash}`) : refuse(new UnknownBlock({ block: hash }))
    return blockOf(ref, found.value)
  })

  const blockAt = Effect.fnUntraced(function* (timestamp: Timestamp) {
    let found: L2BlockRef | undefined
    let low = history.lowest
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
    if (found === undefined && low > anchor && timestamp >= backend.genesis.ref.timestamp)
      return yield* pruned(`the block at time ${timestamp}`)
    return Option.fromUndefinedOr(found)
  })

  const ancestors = Effect.fnUntraced(function* (hash: Hash, limit: number) {
    const found: Array<BlockRef> = []
    let ref: L2BlockRef | undefined = yield* known(hash)
    while (ref !== undefined && found.length < limit && ref.number > anchor && !isPruned(ref.number - 1)) {
      ref = (yield* Tables.findByHash(store, state().tree, ref.parentHash))?.ref
      if (ref !== undefined) found.push(BlockTree.toRef(ref))
    }
    return found
  })

  const descendants = Effect.fnUntraced(function* (hash: Hash) {
    const { tree } = state()
    const ref = yield* known(hash)
    const found: Array<BlockRef> = []
    // Below the tree there are only canonical blocks.
    for (let number = Math.max(ref.number + 1, history.lowest); number <= tree.root.number; number++) {
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

  return { byHash, isOld, block, blockAt, content, ancestors, descendants }
}
