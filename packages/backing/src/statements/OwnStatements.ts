/**
 * The statements that this validator signed, on disk before anybody hears of them: whatever happens, it signs nothing that
 * contradicts them, and says them again at a relay parent that becomes a leaf once more.
 */
import { Store, Table } from "@ephor/store"
import { type BlockNumber, type BlockRef, Scale, SignedFullStatement, statementCandidate } from "@ephor/types"
import { Effect, Stream } from "effect"

/** Bounds of the record. */
export interface Limits {
  /** Blocks below the final one whose statements are kept. */
  readonly keptBlocks: number
  /** Statements deleted at once, when a block becomes final. */
  readonly pruneBatch: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { keptBlocks: 64, pruneBatch: 300 }

/** By height and hash of the relay parent, and by candidate: one statement about each. */
export const ownStatements = Table.make({
  name: "own-statements",
  key: [Table.u64, Table.hash, Table.hash],
  value: SignedFullStatement,
  codec: { encode: Scale.encode(SignedFullStatement), decode: Scale.decode(SignedFullStatement) }
})

/** A relay parent by height and hash. */
export type RelayParent = Pick<BlockRef, "hash" | "number">

/** The statements of one validator. */
export interface OwnStatements {
  /** What was signed at a relay parent. */
  readonly at: (
    relayParent: RelayParent
  ) => Effect.Effect<ReadonlyArray<SignedFullStatement>, Store.StoreError>
  /** Returns when the statement is on disk. */
  readonly add: (
    relayParent: RelayParent,
    statement: SignedFullStatement
  ) => Effect.Effect<void, Store.StoreError>
  /** Forgets what is far below the final block. */
  readonly prune: (finalized: BlockNumber) => Effect.Effect<void, Store.StoreError>
}

/** The statements that the store has. */
export const make = (store: Store.Service, limits: Limits): OwnStatements => ({
  at: ({ hash, number }) =>
    ownStatements.iterate(store, [number, hash]).pipe(
      Stream.map(([, statement]) => statement),
      Stream.runCollect
    ),
  add: ({ hash, number }, statement) =>
    store.batch([ownStatements.put([number, hash, statementCandidate(statement.payload)], statement)]),
  prune: Effect.fnUntraced(function* (finalized) {
    const old = yield* ownStatements.iterate(store, [], { limit: limits.pruneBatch }).pipe(
      Stream.map(([key]) => key),
      Stream.takeWhile(([height]) => height < finalized - limits.keptBlocks),
      Stream.runCollect
    )
    if (old.length > 0) yield* store.batch(old.map((key) => ownStatements.delete(key)))
  })
})
