import { Effect, Option } from "effect"
import type { BlockRef, Hash, Heads, L2BlockRef, SafetyLevel } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { ChainBlock, HeadRefs, Service } from "../Chain.ts"
import {
  Backend,
  type ChainErrorReason,
  Finalized,
  Invalidated,
  NotDescendant,
  Unsupported
} from "../ChainError.ts"
import { check, contentOf, type Core, during, refuse } from "./Core.ts"
import type { makeReads } from "./Reads.ts"
import * as Invalidation from "./Invalidation.ts"
import { complete } from "./Outputs.ts"
import * as Rules from "./Rules.ts"
import { type Draft } from "./State.ts"
import * as Tables from "./Tables.ts"

/** What is wrong with the block that the backend built in place of `invalid`. */
const checkReplacement = (tree: BlockTree.BlockTree, invalid: L2BlockRef, built: L2BlockRef) => {
  const wrong =
    built.number !== invalid.number || built.parentHash !== invalid.parentHash
      ? "it does not stand at the same height on the same parent"
      : built.hash === invalid.hash || BlockTree.isInvalid(tree, built.hash)
        ? "it is itself invalid"
        : BlockTree.get(tree, built.hash) !== undefined
          ? "it is a block of the chain already"
          : undefined
  return check(
    wrong &&
      new Backend({
        what: `the backend built a replacement ${built.hash} for block ${invalid.hash}`,
        cause: new Error(wrong)
      })
  )
}

/** The verbs. `resume` starts, or calls off, derivation after a change. */
export const makeVerbs = (core: Core, reads: ReturnType<typeof makeReads>, resume: Effect.Effect<void>) => {
  const { backend, change, limits, store } = core
  const setHeads = (heads: HeadRefs) => backend.setHeads?.(heads) ?? Effect.void

  /** What is refused because it lies below the tree in memory is accepted if it is on disk, or was: it happened long ago. */
  const unlessOld = (hash: Hash, refused: ChainErrorReason) =>
    Effect.flatMap(reads.isOld(hash), (old) => (old ? Effect.void : refuse(refused)))

  /** Fails unless the block may be taken out of the chain; what lies below the tree is final. */
  const checkInvalidatable = Effect.fnUntraced(function* ({ state }: Draft, hash: Hash) {
    const refused = Invalidation.invalidatable(state, hash)
    const old = refused?._tag === "UnknownBlock" && (yield* reads.isOld(hash))
    yield* check(old ? new Finalized({ block: hash, finalized: state.heads.finalized.number }) : refused)
  })

  /** Heads that raise finality no further than the backend lets it go. */
  const bounded = Effect.fnUntraced(function* (heads: Heads) {
    const { finalized } = core.state().heads
    if (backend.finalizable === undefined || heads.finalized.number <= finalized.number) return heads
    const hash = yield* backend.finalizable(heads.finalized.hash)
    if (hash === heads.finalized.hash) return heads
    const lower = yield* reads.byHash(hash)
    return lower === undefined ? heads : { ...heads, finalized: { hash, number: lower.number } }
  })

  const importBlock = (block: ChainBlock) =>
    change("import", (draft) => {
      const { hash } = block.ref
      const isNew = BlockTree.get(draft.state.tree, hash) === undefined
      const refused = Rules.importBlock(draft, block.ref)
      if (refused?._tag === "UnknownParent") return unlessOld(hash, refused)
      if (refused === undefined && isNew) draft.writes.push(Tables.contents.put([hash], contentOf(block)))
      return check(refused)
    })

  const promote = Effect.fn("Chain.promote")(function* (level: SafetyLevel, called: Hash, source?: BlockRef) {
    const isBound = level === "Finalized" && backend.finalizable !== undefined
    const block = isBound ? yield* backend.finalizable(called) : called
    yield* change("promote", (draft) => {
      const refused = Rules.promote(draft, level, block, source, limits.retainedBlocks)
      return refused?._tag === "UnknownBlock" ? unlessOld(block, refused) : check(refused)
    })
  })

  const revert = Effect.fn("Chain.revert")(function* (
    heads: Heads,
    reason: string,
    options?: { readonly commanded?: boolean }
  ) {
    const wanted = yield* during("revert", bounded(heads))
    const body = Effect.fnUntraced(function* (draft: Draft) {
      const target = Rules.revertTarget(draft.state, wanted)
      if ("_tag" in target) return yield* refuse(target)
      yield* setHeads(target)
      Rules.revert(draft, target, reason, options?.commanded === true, limits.retainedBlocks)
    })
    yield* change("revert", body, resume)
  })

  const blacklist = Effect.fn("Chain.blacklist")(function* (block: Hash, reason: string) {
    const body = Effect.fnUntraced(function* (draft: Draft) {
      const { heads, tree } = draft.state
      if (BlockTree.isInvalid(tree, block)) return
      yield* checkInvalidatable(draft, block)
      Invalidation.blacklist(draft, block, reason)
      if (draft.state.heads.localUnsafe !== heads.localUnsafe) yield* setHeads(draft.state.heads)
    })
    yield* change("blacklist", body, resume)
  })

  const invalidate = Effect.fn("Chain.invalidate")(function* (block: Hash) {
    const body = Effect.fnUntraced(function* (draft: Draft) {
      const earlier = yield* Tables.replacements.get(store, [block])
      if (Option.isSome(earlier)) return { replacement: earlier.value, invalidated: block }
      const { tree } = draft.state
      if (BlockTree.isInvalid(tree, block)) return yield* refuse(new Invalidated({ block }))
      yield* checkInvalidatable(draft, block)
      const invalid = yield* reads.content(block)
      if (!BlockTree.isCanonical(tree, invalid.ref)) {
        return yield* refuse(
          new NotDescendant({ block, why: "it is not on the canonical chain: blacklist it instead" })
        )
      }
      if (backend.replace === undefined)
        return yield* refuse(new Unsupported({ what: "replace an invalid block" }))
      const replacement = yield* backend.replace(yield* complete(core, invalid))
      yield* checkReplacement(tree, invalid.ref, replacement.ref)
      Invalidation.replace(draft, block, replacement.ref)
      draft.writes.push(Tables.contents.put([replacement.ref.hash], contentOf(replacement)))
      yield* setHeads(draft.state.heads)
      return { replacement: BlockTree.toRef(replacement.ref), invalidated: block }
    })
    return yield* change("invalidate", body, resume)
  })

  const provide = Effect.fn("Chain.provide")(function* (source: BlockRef) {
    const outcome = yield* change(
      "provide",
      (draft) => Effect.sync(() => Rules.provide(draft, source)),
      Effect.suspend(() => (core.state().derivation.origin.hash === source.hash ? resume : Effect.void))
    )
    if (outcome._tag === "Ignored")
      yield* Effect.logDebug(`L1 block ${source.number} is passed over: ${outcome.reason}`)
  })

  return { import: importBlock, promote, revert, blacklist, invalidate, provide } satisfies Partial<Service>
}
