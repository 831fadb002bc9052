/**
 * The databases of all chains in memory, and their mirror in the store.
 *
 * A decision reads all it needs and changes memory in one synchronous step, so that it sees one moment and nothing can
 * be invalidated under its feet. Its writes leave as one batch, in the order of the decisions, and it is over when they
 * are on disk: only then may anybody be told. A failed write ends the supervisor, as memory is ahead of the disk then.
 */
import { Deferred, Effect, Exit, Queue, Result, type Scope, Stream } from "effect"
import { Store, type StoreError, type Write } from "@ephor/store/Store"
import type { BlockRef, BlockSeal, ChainId, Hash } from "@ephor/types"
import * as DerivationDb from "../DerivationDb.ts"
import type { LinkRules } from "../LinkCheck.ts"
import * as LogsDb from "../LogsDb.ts"
import type { World } from "../Promotion.ts"
import { makeSlabs, sharedBlock, sharedCross, sharedLocal, type Slabs } from "./Sharing.ts"
import {
  crossTable,
  crossUnsafeTable,
  finalizedKey,
  invalidatedTable,
  l1Table,
  localTable,
  logsTable,
  unpacked
} from "./Tables.ts"
import { BadConfiguration, StoreFailed, SupervisorError } from "../SupervisorError.ts"

/** The databases of one chain. The arrays are changed by the ledger only. */
export interface ChainState {
  readonly logs: Array<LogsDb.SealedBlock>
  readonly local: Array<DerivationDb.DerivationEntry>
  readonly cross: Array<DerivationDb.DerivationEntry>
  crossUnsafe: BlockSeal | undefined
  /** Blocks that were found invalid once, by hash: whoever derives one anew is told to replace it. */
  readonly invalidated: Map<Hash, BlockSeal>
  /** Grows with every change: tells whether there is something new to look at. */
  version: number
  /** Where the hashes of logs are kept. */
  readonly slabs: Slabs
}

/** What a decision changes on one chain. Absent fields stay as they are. */
export interface Change {
  readonly chainId: ChainId
  readonly logs?: { readonly keep: number; readonly append: ReadonlyArray<LogsDb.SealedBlock> }
  readonly local?: DerivationDb.Edit
  readonly cross?: DerivationDb.Edit
  readonly crossUnsafe?: BlockSeal
  /** A block found invalid. */
  readonly invalidated?: BlockSeal
}

/** What a decision came to, and what it changes. */
export interface Decision<A> {
  readonly result: A
  readonly changes: ReadonlyArray<Change>
  /** A higher finalized L1 block. */
  readonly finalizedL1?: BlockRef
}

export interface Ledger {
  readonly world: World
  readonly chainIds: ReadonlyArray<ChainId>
  /** The state of a supervised chain. */
  readonly state: (chain: ChainId) => ChainState
  readonly finalizedL1: () => BlockRef | undefined
  /** Decides and changes memory now; the effect ends when these changes, and so all earlier ones, are on disk. */
  readonly decideNow: <A>(decision: () => Decision<A>) => readonly [A, Effect.Effect<void, SupervisorError>]
  /** Decides and changes memory at once, then waits until the changes are on disk. */
  readonly decide: <A>(decision: () => Decision<A>) => Effect.Effect<A, SupervisorError>
  /**
   * Decides and changes memory at once, then waits until the changes of the call before are on disk: for what nobody
   * is told before a later decision, whose own wait covers it. Work and disk overlap, and no more than that.
   */
  readonly decideAhead: <A>(decision: () => Decision<A>) => Effect.Effect<A, SupervisorError>
}

type Entry = DerivationDb.DerivationEntry

const storeFailed = (method: string) => (cause: StoreError) =>
  new SupervisorError({ method, reason: new StoreFailed({ cause }) })

const editWrites = (
  table: typeof localTable,
  chainId: ChainId,
  length: number,
  edit: DerivationDb.Edit
): Array<Write> => {
  const writes: Array<Write> = []
  for (let i = edit.keep + edit.append.length; i < length; i++) writes.push(table.delete([chainId, i]))
  edit.append.forEach((entry, i) => writes.push(table.put([chainId, edit.keep + i], entry)))
  return writes
}

const applyEdit = (
  entries: Array<Entry>,
  edit: DerivationDb.Edit,
  shared: (entry: Entry, before: Entry | undefined) => Entry
) => {
  entries.length = edit.keep
  for (const entry of edit.append) entries.push(shared(entry, entries.at(-1)))
}

const asLocal = (state: ChainState) => (entry: Entry, before: Entry | undefined) =>
  sharedLocal(entry, before, state.logs)
const asCross = (state: ChainState) => (entry: Entry, before: Entry | undefined) =>
  sharedCross(entry, before, state.local)

/** Changes memory and tells what to write. */
const applyChange = (state: ChainState, change: Change): Array<Write> => {
  const { chainId } = change
  const writes: Array<Write> = []
  if (change.logs !== undefined) {
    const { append, keep } = change.logs
    for (const { number } of state.logs.slice(keep)) writes.push(logsTable.delete([chainId, number]))
    state.logs.length = keep
    for (const block of append) {
      state.logs.push(sharedBlock(block, state.logs.at(-1), state.slabs))
      writes.push(logsTable.put([chainId, block.number], { ...block, logs: LogsDb.pack(block.logs).bytes }))
    }
  }
  if (change.local !== undefined) {
    writes.push(...editWrites(localTable, chainId, state.local.length, change.local))
    applyEdit(state.local, change.local, asLocal(state))
  }
  if (change.cross !== undefined) {
    writes.push(...editWrites(crossTable, chainId, state.cross.length, change.cross))
    applyEdit(state.cross, change.cross, asCross(state))
  }
  if (change.crossUnsafe !== undefined) {
    state.crossUnsafe = change.crossUnsafe
    writes.push(crossUnsafeTable.put([chainId], change.crossUnsafe))
  }
  if (change.invalidated !== undefined) {
    const { hash } = change.invalidated
    state.invalidated.set(hash, change.invalidated)
    writes.push(invalidatedTable.put([chainId, hash], change.invalidated))
  }
  if (writes.length > 0) state.version += 1
  return writes
}

const corrupt = (what: string) =>
  new SupervisorError({
    method: "start",
    reason: new BadConfiguration({
      why: `${what}; restore the data directory from a backup, or delete it to sync anew`
    })
  })

const loadChain = Effect.fnUntraced(function* (
  store: Store["Service"],
  chainId: ChainId
): Effect.fn.Return<ChainState, SupervisorError> {
  const collect = <A>(rows: Stream.Stream<readonly [unknown, A], StoreError>) =>
    rows.pipe(
      Stream.map(([, value]) => value),
      Stream.runCollect,
      Effect.mapError(storeFailed("start"))
    )
  const slabs = makeSlabs()
  const logs: Array<LogsDb.SealedBlock> = []
  for (const block of yield* collect(logsTable.iterate(store, [chainId]))) {
    logs.push(sharedBlock(unpacked(block), logs.at(-1), slabs))
  }
  const localEntries: Array<Entry> = []
  for (const entry of yield* collect(localTable.iterate(store, [chainId]))) {
    localEntries.push(sharedLocal(entry, localEntries.at(-1), logs))
  }
  const crossEntries: Array<Entry> = []
  for (const entry of yield* collect(crossTable.iterate(store, [chainId]))) {
    crossEntries.push(sharedCross(entry, crossEntries.at(-1), localEntries))
  }
  const invalidated = yield* collect(invalidatedTable.iterate(store, [chainId]))
  const gap = logs.findIndex((block, i) => i > 0 && block.parentHash !== logs[i - 1]!.hash)
  if (gap >= 0)
    return yield* corrupt(`chain ${chainId}: block ${logs[gap]!.number} does not build on the one before it`)
  const crossUnsafe = yield* Effect.mapError(crossUnsafeTable.get(store, [chainId]), storeFailed("start"))
  return {
    logs,
    local: localEntries,
    cross: crossEntries,
    slabs,
    invalidated: new Map(invalidated.map((block) => [block.hash, block])),
    crossUnsafe: crossUnsafe._tag === "Some" ? crossUnsafe.value : undefined,
    version: 0
  }
})

interface Pending {
  readonly writes: ReadonlyArray<Write>
  readonly done: Deferred.Deferred<void, SupervisorError>
}

/** One fiber writes, so that batches reach the store in the order of the decisions; what waits goes as one batch. */
const makeWriter = Effect.fnUntraced(function* (store: Store["Service"]) {
  // What waits here is bounded: each fiber waits for its decisions, after `promotionBatch` of them at the latest.
  const queue = yield* Queue.unbounded<Pending>()
  let failed: SupervisorError | undefined
  const flush = Effect.fnUntraced(function* (pending: ReadonlyArray<Pending>) {
    if (failed === undefined) {
      const exit = yield* Effect.result(store.batch(pending.flatMap(({ writes }) => writes)))
      if (Result.isFailure(exit)) failed = storeFailed("run")(exit.failure)
    }
    const answer = failed === undefined ? Exit.void : Exit.fail(failed)
    for (const { done } of pending) Deferred.doneUnsafe(done, answer)
  })
  yield* Queue.takeAll(queue).pipe(Effect.flatMap(flush), Effect.forever, Effect.forkScoped)
  return (writes: ReadonlyArray<Write>): Effect.Effect<void, SupervisorError> => {
    if (writes.length === 0) return Effect.void
    const done = Deferred.makeUnsafe<void, SupervisorError>()
    Queue.offerUnsafe(queue, { writes, done })
    return Deferred.await(done)
  }
})

/** Loads all chains from the store. */
export const makeLedger = Effect.fnUntraced(function* (
  chainIds: ReadonlyArray<ChainId>,
  rules: LinkRules
): Effect.fn.Return<Ledger, SupervisorError, Store | Scope.Scope> {
  const store = yield* Store
  const chains = new Map<ChainId, ChainState>()
  for (const id of chainIds) chains.set(id, yield* loadChain(store, id))
  const finalized = yield* Effect.mapError(l1Table.get(store, finalizedKey), storeFailed("start"))
  let finalizedL1 = finalized._tag === "Some" ? finalized.value : undefined
  const write = yield* makeWriter(store)
  const decideNow: Ledger["decideNow"] = (decision) => {
    const { changes, finalizedL1: raised, result } = decision()
    const writes: Array<Write> = []
    for (const change of changes) writes.push(...applyChange(chains.get(change.chainId)!, change))
    if (raised !== undefined) {
      finalizedL1 = raised
      writes.push(l1Table.put(finalizedKey, raised))
    }
    return [result, write(writes)]
  }
  let ahead: Effect.Effect<void, SupervisorError> = Effect.void
  return {
    world: { chain: (id) => chains.get(id), rules },
    chainIds,
    state: (id) => chains.get(id)!,
    finalizedL1: () => finalizedL1,
    decideNow,
    decide: (decision) =>
      Effect.suspend(() => {
        const [result, written] = decideNow(decision)
        return Effect.as(written, result)
      }),
    decideAhead: (decision) =>
      Effect.suspend(() => {
        const before = ahead
        const [result, written] = decideNow(decision)
        ahead = written
        return Effect.as(before, result)
      })
  }
})

/** A decision to change nothing. */
export const unchanged = <A>(result: A): Decision<A> => ({ result, changes: [] })
