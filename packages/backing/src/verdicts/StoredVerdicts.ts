/**
 * The pool of verdicts on disk: rewards and slashes that no block took yet are offered again after a restart, and what
 * was given before is not given twice.
 */
import { Store, Table } from "@ephor/store"
import { ProvisionableData, type ValidatorIndex } from "@ephor/types"
import { Effect, Schema, Stream } from "effect"
import type { VerdictPool, Verdicts } from "../VerdictPool.ts"

/** Older records have no votes. */
const Waiting = Schema.Struct({
  ...ProvisionableData.cases.Verdicts.fields,
  votes: Schema.optionalKey(ProvisionableData.cases.Verdicts.fields.votes)
})

/** By the height since which they wait, session, candidate, and the first validator that is judged. */
export const waiting = Table.make({
  name: "verdict-pool",
  key: [Table.u64, Table.u32, Table.hash, Table.u32],
  value: Waiting
})

const keyOf = (since: number, { candidateHash, session, verdicts }: Verdicts) =>
  [since, session, candidateHash, verdicts[0]?.validatorIndex ?? 0] as const

/** Fills the pool with what an earlier run left. */
export const load = (store: Store.Service, pool: VerdictPool) =>
  Stream.runForEach(waiting.iterate(store, []), ([[since], verdicts]) =>
    Effect.sync(() => void pool.add({ ...verdicts, votes: verdicts.votes ?? [] }, since))
  )

/** Writes verdicts that came at a height; returns when they are on disk. */
export const put = (store: Store.Service, since: number, verdicts: Verdicts) =>
  store.batch([waiting.put(keyOf(since, verdicts), verdicts)])

/** Forgets what came before a height. */
export const prune = Effect.fnUntraced(function* (store: Store.Service, oldest: number, limit: number) {
  const old = yield* waiting.iterate(store, [], { limit }).pipe(
    Stream.map(([key]) => key),
    Stream.takeWhile(([since]) => since < oldest),
    Stream.runCollect
  )
  if (old.length > 0) yield* store.batch(old.map((key) => waiting.delete(key)))
})

/** Who was judged about a candidate, by session and candidate: nobody is judged twice. */
export const judged = Table.make({
  name: "judged",
  key: [Table.u32, Table.hash],
  value: Schema.Array(Schema.Int)
})

/** Who was judged in every dispute that is remembered, oldest session first. */
export const readJudged = (store: Store.Service) =>
  judged.iterate(store, []).pipe(
    Stream.map(([[session, candidate], validators]) => ({
      session,
      candidate,
      validators: validators as ReadonlyArray<ValidatorIndex>
    }))
  )

/** Writes who was judged about a candidate so far, and forgets sessions below `oldest`. */
export const putJudged = Effect.fnUntraced(function* (
  store: Store.Service,
  [session, candidate]: readonly [number, `0x${string}`],
  validators: Iterable<ValidatorIndex>,
  oldest: number,
  limit: number
) {
  const old = yield* judged.iterate(store, [], { limit }).pipe(
    Stream.map(([key]) => key),
    Stream.takeWhile(([other]) => other < oldest),
    Stream.runCollect
  )
  yield* store.batch([
    judged.put([session, candidate], [...validators]),
    ...old.map((key) => judged.delete(key))
  ])
})
