/**
 * The state of the development runtime that a chain has left in its store, for tools that look at a node from outside:
 * nothing here runs a chain.
 */
import { type BlockRef, concatBytes, type Hash } from "@ephor/types"
import { Effect, Option } from "effect"
import type { RuntimeState } from "./DevRuntime.ts"
import { unappliedSlashes } from "./DevRuntimeApi.ts"
import { canonicalAt, heads, lowest } from "@ephor/chain/ChainRecords"
import { batches, origins } from "./authoring/Origins.ts"
import { drafts, lastBlocks, members, rounds, signed } from "./authoring/DagRecords.ts"
import { inclusions } from "./runtime/Inclusions.ts"
import { rejectedAt, rejections } from "./runtime/Rejections.ts"
import { codes, states } from "./runtime/StateStore.ts"
import { type Family, family as makeFamily } from "@ephor/store/Manifest"
import { type Entry, put, type Service as Store, type Write } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"

const statesHead = Table.text.write(states.name)

/** States of version 1 end before the books: nothing was taken or given until then. */
const withBooks = ({ key, value }: Entry): ReadonlyArray<Write> =>
  statesHead.every((byte, at) => key[at] === byte) ? [put(key, concatBytes(value, emptyBooks))] : []
/** Three empty lists. */
const emptyBooks = new Uint8Array(3)

/** The records of a development chain, for the manifest of a data directory. */
export const family: Family = makeFamily({
  name: "development chain",
  version: 2,
  tables: [
    states,
    inclusions,
    codes,
    rejections,
    rejectedAt,
    origins,
    batches,
    rounds,
    members,
    lastBlocks,
    drafts,
    signed
  ],
  migrations: [{ to: 2, migrate: withBooks }]
})

/** What a chain's store tells of its head. */
export interface Stored {
  /** The block whose state it is: the head, or one a little below where a state was not written yet. */
  readonly at: Pick<BlockRef, "hash" | "number">
  readonly finalized: BlockRef
  readonly state: RuntimeState
}

/** Blocks below the head that are tried for a state. */
const triedBlocks = 16

/** The newest state on the canonical chain; nothing in a store that holds no chain, or one without a runtime. */
export const readNewest = Effect.fn("DevRuntimeStore.readNewest")(function* (store: Store) {
  const known = yield* heads(store)
  if (Option.isNone(known)) return Option.none<Stored>()
  const { finalized, localUnsafe } = known.value
  let at: Pick<BlockRef, "hash" | "number"> = localUnsafe
  for (let tried = 0; tried < triedBlocks; tried++) {
    const state = yield* states.get(store, [at.number, at.hash])
    if (Option.isSome(state)) return Option.some<Stored>({ at, finalized, state: state.value })
    const hash: Option.Option<Hash> =
      at.number === 0 ? Option.none() : yield* canonicalAt(store, at.number - 1)
    if (Option.isNone(hash)) break
    at = { hash: hash.value, number: at.number - 1 }
  }
  return Option.none<Stored>()
})

/** Whether a block is on the canonical chain of a store; `undefined` where the store keeps nothing about that height. */
export const isCanonical = Effect.fnUntraced(function* (
  store: Store,
  { hash, number }: Pick<BlockRef, "hash" | "number">
) {
  const found = yield* canonicalAt(store, number)
  if (Option.isSome(found)) return found.value === hash
  const kept = yield* lowest(store)
  return Option.isSome(kept) && number < kept.value ? undefined : false
})

/** What the chain holds against validators in a state; see `RuntimeApi.unappliedSlashes`. */
export const slashesOf = unappliedSlashes
