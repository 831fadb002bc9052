/**
 * What this validator has approved, on disk: a restart must not have it checked again, nor let finality pass what was not.
 */
import { Store, Table } from "@ephor/store"
import { type BlockNumber, type CandidateHash, Hash, SessionIndex } from "@ephor/types"
import { Effect, Schema, Stream } from "effect"
import { Recent } from "../shared/Recent.ts"

/** An approved candidate: the session whose validators judge it, and the block that it builds upon. */
export const Approval = Schema.Struct({ session: SessionIndex, relayParent: Hash })
export interface Approval extends Schema.Schema.Type<typeof Approval> {}

/** Bounds of the record. */
export interface Limits {
  /** Approvals remembered, the newest: not fewer than blocks that wait for finality include. */
  readonly remembered: number
  /** Blocks below the final one whose approvals are kept: a dispute may still ask for them. */
  readonly keptBlocks: number
  /** Approvals deleted at once, when a block becomes final. */
  readonly pruneBatch: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { remembered: 65_536, keptBlocks: 512, pruneBatch: 300 }

/** By the height of the block that included the candidate. */
export const approvals = Table.make({ name: "approvals", key: [Table.u64, Table.hash], value: Approval })

/** The approvals of one validator. */
export interface ApprovalRecord {
  readonly get: (candidate: CandidateHash) => Approval | undefined
  /** Remembers an approval, and returns when it is on disk. */
  readonly add: (
    candidate: CandidateHash,
    includedAt: BlockNumber,
    approval: Approval
  ) => Effect.Effect<void, Store.StoreError>
  /** Forgets what is far below the final block. */
  readonly prune: (finalized: BlockNumber) => Effect.Effect<void, Store.StoreError>
}

/** The record as the store has it. */
export const make = Effect.fnUntraced(function* (store: Store.Service, limits: Limits) {
  const approved = new Recent<CandidateHash, Approval>(limits.remembered)
  yield* Stream.runForEach(approvals.iterate(store, []), ([[, candidate], approval]) =>
    Effect.sync(() => approved.set(candidate, approval))
  )
  const record: ApprovalRecord = {
    get: (candidate) => approved.get(candidate),
    // In memory at once: what cannot be written is checked again after a restart, and counts until then.
    add: (candidate, includedAt, approval) =>
      Effect.suspend(() => {
        approved.set(candidate, approval)
        return store.batch([approvals.put([includedAt, candidate], approval)])
      }),
    prune: Effect.fnUntraced(function* (finalized) {
      const old = yield* approvals.iterate(store, [], { limit: limits.pruneBatch }).pipe(
        Stream.map(([key]) => key),
        Stream.takeWhile(([height]) => height < finalized - limits.keptBlocks),
        Stream.runCollect
      )
      if (old.length > 0) yield* store.batch(old.map((key) => approvals.delete(key)))
    })
  }
  return record
})
