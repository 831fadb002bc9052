/**
 * Deletes history in the background, when finality has gone on: a batch at a time, and each batch notes how far it went.
 * A process that is killed in between goes on at its next start.
 */
import { Effect, Metric, Option, Queue, type Scope, Stream } from "effect"
import type { BlockNumber, Hash } from "@ephor/types"
import type { StoreError } from "@ephor/store/Store"
import type { ChainError } from "../ChainError.ts"
import * as Metrics from "../Metrics.ts"
import type { Core } from "./Core.ts"
import * as Retention from "../Retention.ts"
import type { Draft } from "./State.ts"
import * as Tables from "./Tables.ts"

const lowestHash: Hash = `0x${"0".repeat(64)}`

/** The writes that delete the blocks of some heights, on all forks. Hashes and heights of canonical ones stay behind. */
const deleteBlocks = Effect.fnUntraced(function* ({ store }: Core, draft: Draft, from: number, to: number) {
  const keys = yield* Tables.blocks.iterate(store, [], { from: [from, lowestHash] }).pipe(
    Stream.map(([key]) => key),
    Stream.takeWhile(([number]) => number < to),
    Stream.runCollect
  )
  for (const [number, hash] of keys) {
    draft.writes.push(Tables.blocks.delete([number, hash]), Tables.contents.delete([hash]))
    const canonical = yield* Tables.canonical.get(store, [number])
    if (!Option.contains(canonical, hash)) draft.writes.push(Tables.numbers.delete([hash]))
  }
})

/** The writes that forget the hashes of blocks that were deleted long ago, as many as a batch takes. */
const forgetHashes = Effect.fnUntraced(function* (
  { backend, limits, store }: Core,
  draft: Draft,
  lowest: BlockNumber
) {
  const below = lowest - limits.rememberedBlocks
  const old = yield* Tables.canonical
    .iterate(store, [], { from: [backend.genesis.ref.number + 1], limit: 2 * limits.pruneBatchBlocks })
    .pipe(
      Stream.takeWhile(([[number]]) => number < below),
      Stream.runCollect
    )
  for (const [[number], hash] of old)
    draft.writes.push(Tables.canonical.delete([number]), Tables.numbers.delete([hash]))
})

/** Who needs which part of the history. */
export type Needs = Set<Effect.Effect<BlockNumber>>

/** The background work, for as long as the scope lives; see `Chain.Service.keep`. */
export const makePruning = Effect.fnUntraced(function* (core: Core) {
  const { backend, history, limits, state } = core
  const needs: Needs = new Set(backend.keepFrom === undefined ? [] : [backend.keepFrom])
  /** As it is on disk; `history.lowest` is ahead of it while a batch is being written. */
  let lowest = Math.max(history.lowest, backend.genesis.ref.number + 1)

  const batch = (from: BlockNumber, to: BlockNumber): Effect.Effect<void, ChainError | StoreError> =>
    Effect.suspend(() => {
      // Readers are told first: what they do not find from now on is gone, and not unknown.
      history.lowest = Math.max(history.lowest, to)
      return core.change("prune", (draft) =>
        Effect.gen(function* () {
          yield* deleteBlocks(core, draft, from, to)
          yield* forgetHashes(core, draft, to)
          draft.writes.push(Tables.history.put([], { lowest: to }))
        })
      )
    }).pipe(
      Effect.andThen(
        Effect.suspend(() => {
          lowest = to
          return Effect.all(
            [Metric.update(Metrics.blocksPruned, to - from), Metric.update(Metrics.historyLowest, lowest)],
            { discard: true }
          )
        })
      )
    )

  const prune = Effect.gen(function* () {
    for (;;) {
      const asked = yield* Effect.all([...needs])
      const { heads, tree } = state()
      const { historyBlocks, pruneBatchBlocks } = limits
      const needed = [...asked, tree.root.number]
      const standing = { finalized: heads.finalized.number, lowest, historyBlocks, needed }
      yield* Metric.update(Metrics.historyHeld, heads.finalized.number - Retention.floor(standing))
      const next = Retention.nextBatch(standing, pruneBatchBlocks)
      if (next === undefined) return
      yield* batch(next.from, next.to)
      // Others have their turn between two batches.
      yield* Effect.yieldNow
    }
  }).pipe(
    Effect.catch((error) =>
      Effect.logWarning(
        `old blocks could not be deleted, and will be when finality goes on: ${error.message}`
      )
    ),
    Effect.tapCause((cause) => Effect.logError("old blocks could not be deleted", cause)),
    Effect.ignoreCause
  )
  if (limits.historyBlocks !== "archive") {
    yield* Metric.update(Metrics.historyLowest, history.lowest)
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(prune, Queue.take(core.finality))))
  }
  const keep = (from: Effect.Effect<BlockNumber>): Effect.Effect<void, never, Scope.Scope> =>
    Effect.acquireRelease(
      Effect.sync(() => void needs.add(from)),
      () => Effect.sync(() => void needs.delete(from))
    )
  return { keep }
})
