/** Forgetting old sessions, a little at a time, so that nobody waits for it. */
import { Store } from "@ephor/store"
import type { SessionIndex } from "@ephor/types"
import { Effect, Metric, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Limits } from "../VotesDb.ts"
import {
  byIdentity,
  byValidator,
  conclusions,
  earliestKey,
  encodeSession,
  readRecent,
  readVotesKey,
  sessionAt,
  sessionKey,
  votesPrefix,
  watermarkKey
} from "./Tables.ts"
import { proofBytes, proofs } from "./Proofs.ts"
import type { VotesWriter } from "./Writer.ts"

const noHash = `0x${"00".repeat(32)}` as const

/** Forgets the recent disputes of sessions below `oldest`, in one batch with whatever else is on its way to the disk. */
export const forgetRecent = Effect.fnUntraced(function* (
  store: Store.Service,
  writer: VotesWriter,
  oldest: SessionIndex
) {
  while (true) {
    const { version } = writer
    const earliest = yield* sessionAt(store, earliestKey)
    const recent = writer.recent ?? (yield* readRecent(store))
    // A list that came meanwhile must not be lost.
    if (version !== writer.version) continue
    return yield* writer.stage({
      recent: recent.filter((dispute) => dispute.session >= oldest),
      earliest: Math.max(earliest, oldest)
    })
  }
})

/**
 * The lowest session at or above `from` that has a row. A chain may be old when its first votes are written, or a node may
 * have been away: sessions without rows are passed over, and cost nothing of what one cleaning may remove.
 */
const lowestFrom = Effect.fnUntraced(function* (store: Store.Service, from: SessionIndex) {
  const found = yield* Effect.all([
    store.iterate(votesPrefix, { from: sessionKey(from), limit: 1 }).pipe(
      Stream.mapEffect(({ key }) => Effect.map(readVotesKey(key), ([session]) => session)),
      Stream.runCollect
    ),
    byValidator.iterate(store, [], { from: [from, 0, noHash], limit: 1 }).pipe(
      Stream.map(([[session]]) => session),
      Stream.runCollect
    ),
    conclusions.iterate(store, [], { from: [from, noHash], limit: 1 }).pipe(
      Stream.map(([[session]]) => session),
      Stream.runCollect
    )
  ])
  return Math.min(...found.flat())
})

/** A proof of validity has up to 5 MiB: few of them are read at a time. */
const proofRowsPerWrite = 8

/** A few rows of old sessions in one table, as the writes that remove them. */
type NextRows = Effect.Effect<ReadonlyArray<Store.Write>, Store.StoreError>

const rowsOf = (
  store: Store.Service,
  { pruneRowsPerWrite: limit }: Limits,
  from: SessionIndex,
  to: SessionIndex
): ReadonlyArray<NextRows> => [
  // First: a row is only looked for where there are votes.
  proofs.iterate(store, [], { from: [from, noHash], limit: Math.min(limit, proofRowsPerWrite) }).pipe(
    Stream.takeWhile(([[session]]) => session < to),
    Stream.map(([key]) => proofs.delete(key)),
    Stream.runCollect
  ),
  proofBytes.iterate(store, [], { from: [from], limit }).pipe(
    Stream.takeWhile(([[session]]) => session < to),
    Stream.map(([key]) => proofBytes.delete(key)),
    Stream.runCollect
  ),
  store.iterate(votesPrefix, { from: sessionKey(from), limit }).pipe(
    Stream.mapEffect(({ key }) => Effect.map(readVotesKey(key), ([session]) => ({ key, session }))),
    Stream.takeWhile(({ session }) => session < to),
    Stream.map(({ key }) => Store.remove(key)),
    Stream.runCollect
  ),
  byValidator.iterate(store, [], { from: [from, 0, noHash], limit }).pipe(
    Stream.takeWhile(([[session]]) => session < to),
    Stream.runCollect,
    Effect.map((found) =>
      found.flatMap(([key, id], at) => {
        const before = found[at - 1]
        // Rows of one validator follow each other, and have one row by identity together.
        const isSame =
          before !== undefined && before[1] === id && before[0][0] === key[0] && before[0][1] === key[1]
        return [byValidator.delete(key), ...(isSame ? [] : [byIdentity.delete([id, key[0], key[1]])])]
      })
    )
  ),
  conclusions.iterate(store, [], { from: [from, noHash], limit }).pipe(
    Stream.takeWhile(([[session]]) => session < to),
    Stream.map(([key]) => conclusions.delete(key)),
    Stream.runCollect
  )
]

/**
 * Removes the votes of sessions below `oldest`, from where the last cleaning ended. The watermark rises when everything
 * below it is gone: who is stopped in between does the rest again.
 */
export const clean = Effect.fn("VotesDb.clean")(function* (
  store: Store.Service,
  limits: Limits,
  oldest: SessionIndex
) {
  const watermark = yield* sessionAt(store, watermarkKey)
  if (oldest <= watermark) return
  const from = Math.min(oldest, yield* lowestFrom(store, watermark))
  const to = Math.min(oldest, from + limits.pruneSessionsPerWrite)
  for (const next of rowsOf(store, limits, from, to)) {
    while (true) {
      const writes = yield* next
      if (writes.length === 0) break
      yield* store.batch(writes)
      yield* Metric.update(Metrics.rowsPruned, writes.length)
      yield* Effect.yieldNow
    }
  }
  yield* store.batch([Store.put(watermarkKey, encodeSession(to))])
})
