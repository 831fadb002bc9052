/**
 * Which blocks included which candidates, for as long as a dispute may be about them: much longer than states are kept. A
 * verdict may come when nobody remembers the block.
 */
import type { Service as Chain } from "@ephor/chain/Chain"
import { type BlockRef, CandidateHash, candidateHash, type CandidateReceipt } from "@ephor/types"
import { Effect, Option, Schema, Stream } from "effect"
import type { Service as Store, Write } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"
import type { Options, RuntimeState } from "../DevRuntime.ts"
import { sessionAt } from "./Sessions.ts"

/** Candidates that a block included, by its height and hash. */
export const inclusions = Table.make({
  name: "dev/included",
  key: [Table.u64, Table.hash],
  value: Schema.Array(CandidateHash)
})

/** What is written with the state of a block: nothing for a block that includes nothing. */
export const writesOf = (
  { hash, number }: Pick<BlockRef, "hash" | "number">,
  { events }: Pick<RuntimeState, "events">
): ReadonlyArray<Write> => {
  const included = events.flatMap((event) =>
    event._tag === "CandidateIncluded" ? [candidateHash(event.value[0])] : []
  )
  return included.length === 0 ? [] : [inclusions.put([number, hash], included)]
}

/** The writes that forget what no dispute can be about once this height is final. */
export const prunable = (options: Options, store: Store, finalized: number) => {
  const session = sessionAt(options, finalized) - options.disputePeriod - 1
  const below = session * options.sessionLengthBlocks
  return inclusions.iterate(store, []).pipe(
    Stream.takeWhile(([[number]]) => number < below),
    Stream.map(([key]) => inclusions.delete(key)),
    Stream.runCollect
  )
}

/** The blocks above its relay parent that included a candidate, on any branch that is known. */
export const blocksWith = Effect.fnUntraced(function* (
  options: Options,
  store: Store,
  chain: Pick<Chain, "block">,
  candidate: CandidateReceipt
) {
  const relayParent = yield* chain.block(candidate.descriptor.relayParent)
  if (Option.isNone(relayParent)) return []
  const wanted = candidateHash(candidate)
  const { number } = relayParent.value
  // As late as its block may be, and as long as it may wait for availability.
  const last = number + options.allowedAncestry + options.availabilityTimeoutBlocks + 2
  const zero = `0x${"00".repeat(32)}` as const
  const found = yield* inclusions.iterate(store, [], { from: [number, zero] }).pipe(
    Stream.takeWhile(([[height]]) => height <= last),
    Stream.filter(([, candidates]) => candidates.includes(wanted)),
    Stream.mapEffect(([[, hash]]) => chain.block(hash)),
    Stream.runCollect
  )
  return found.flatMap(Option.toArray)
})
