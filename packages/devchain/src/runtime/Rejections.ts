/**
 * Candidates that may not be backed again, for as long as a block could still back them: their relay parents fall out of
 * the ancestry that a candidate may build upon.
 */
import type { CandidateHash } from "@ephor/types"
import { Effect, Schema, Stream } from "effect"
import type { Service as Chain } from "@ephor/chain/Chain"
import { Store, type StoreError } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"

/** Candidates that are never backed again. */
export const rejections = Table.make({ name: "dev/rejected", key: [Table.hash], value: Schema.Literal(true) })

/** The heights of the chain at which they were rejected: the oldest are forgotten first. */
export const rejectedAt = Table.make({
  name: "dev/rejected-at",
  key: [Table.u64, Table.hash],
  value: Schema.Literal(true)
})

/** Rejections forgotten at once, when there is a new one. */
const pruneBatch = 256

/** What is rejected. */
export interface Rejections {
  readonly has: (candidate: CandidateHash) => boolean
  /** Bars a candidate; durable when it returns. */
  readonly add: (candidate: CandidateHash) => Effect.Effect<void, StoreError>
}

/** Takes the rejections up from the store; those of `keptBlocks` below the final block are kept. */
export const makeRejections = Effect.fnUntraced(function* (
  keptBlocks: number,
  view: () => Pick<Chain, "head">
): Effect.fn.Return<Rejections, StoreError, Store> {
  const store = yield* Store
  const rejected = new Set<CandidateHash>()
  yield* Stream.runForEach(rejections.iterate(store, []), ([[candidate]]) =>
    Effect.sync(() => rejected.add(candidate))
  )
  /** Not on disk yet, or written by a release that did not note when. */
  const undated = new Set(rejected)
  yield* Stream.runForEach(rejectedAt.iterate(store, []), ([[, candidate]]) =>
    Effect.sync(() => undated.delete(candidate))
  )

  const old = Effect.fnUntraced(function* () {
    const finalized = yield* view().head("Finalized")
    return yield* rejectedAt.iterate(store, [], { limit: pruneBatch }).pipe(
      Stream.map(([key]) => key),
      Stream.takeWhile(([height]) => height < finalized.number - keptBlocks),
      Stream.runCollect
    )
  })

  return {
    has: (candidate) => rejected.has(candidate),
    add: Effect.fnUntraced(function* (candidate) {
      // Verdicts are told again after a restart: what is on disk is not written anew.
      if (rejected.has(candidate) && !undated.has(candidate)) return
      rejected.add(candidate)
      undated.add(candidate)
      const { number } = yield* view().head("LocalUnsafe")
      const forgotten = yield* old()
      yield* store.batch([
        ...forgotten.flatMap((key) => [rejectedAt.delete(key), rejections.delete([key[1]])]),
        ...[...undated].flatMap((one) => [rejectedAt.put([number, one], true), rejections.put([one], true)])
      ])
      undated.clear()
      for (const [, one] of forgotten) if (one !== candidate) rejected.delete(one)
    })
  }
})
