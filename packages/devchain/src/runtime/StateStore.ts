/** States of the development runtime by block: in memory, on disk, or computed from the blocks between. */
import { type Evidence, type Hash, type InherentData, Scale, validationCodeHash, Wire } from "@ephor/types"
import { Effect, Option, Result, Stream } from "effect"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import { type SubDag, subDagOf } from "@ephor/chain/DagBody"
import { committedTransactions, relayHeader } from "../DevExecution.ts"
import * as DevRuntime from "../DevRuntime.ts"
import * as Inclusions from "./Inclusions.ts"
import { RuntimeApiError, UnknownState } from "@ephor/chain/RuntimeApiError"
import { Store, type Service as StoreService } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"

/** States of the runtime by the height and hash of their blocks. */
export const states = Table.make({
  name: "dev/runtime",
  key: [Table.u64, Table.hash],
  value: DevRuntime.RuntimeState,
  codec: { encode: Scale.encode(DevRuntime.RuntimeState), decode: Scale.decode(DevRuntime.RuntimeState) }
})
/** Validation code by hash. */
export const codes = Table.make({
  name: "dev/code",
  key: [Table.hash],
  value: Wire.Bytes,
  codec: { encode: (bytes) => bytes, decode: (bytes) => bytes }
})

/** How much is kept. */
export interface Limits {
  /** Blocks below the finalized one whose states are kept. */
  readonly keptStates: number
  /** States that are held in memory. */
  readonly cachedStates: number
}

/** The inherent that a block carries for its own parent. */
export const inherentOf = (
  parent: Pick<ChainBlock, "ref" | "output">,
  subDag: SubDag
): InherentData | undefined => {
  const expected = relayHeader(parent)
  for (const { byLeader, transaction } of committedTransactions(subDag)) {
    if (!byLeader || transaction._tag !== "Inherent") continue
    const { number, parentHash, stateRoot } = transaction.value.parentHeader
    if (
      number === expected.number &&
      parentHash === expected.parentHash &&
      stateRoot === expected.stateRoot
    ) {
      return transaction.value
    }
  }
  return undefined
}

/** The evidence that the leader of a block carries. */
export const evidenceIn = (subDag: SubDag): ReadonlyArray<Evidence> =>
  committedTransactions(subDag).flatMap(({ byLeader, transaction }) =>
    byLeader && transaction._tag === "Evidence" ? transaction.value : []
  )

/** `inherentOf` for a block whose body was not taken apart yet. */
export const inherentOfBlock = (
  parent: Pick<ChainBlock, "ref" | "output">,
  block: ChainBlock
): Provided | undefined => {
  const subDag = subDagOf(block.body)
  if (Result.isFailure(subDag)) return undefined
  const inherent = inherentOf(parent, subDag.success)
  return inherent === undefined ? undefined : { ...inherent, evidence: evidenceIn(subDag.success) }
}

/** What an author's block takes in on behalf of parachains, and against validators. */
export interface Provided extends InherentData {
  readonly evidence?: ReadonlyArray<Evidence>
}

type View = Pick<Chain, "anchor" | "block" | "content" | "head">

/** Blocks between two times that old states are deleted. */
const pruneEvery = 64

interface Memory {
  readonly store: StoreService
  readonly context: DevRuntime.Context
  readonly limits: Limits
  readonly view: () => View
  readonly cache: Map<Hash, DevRuntime.RuntimeState>
}

const remember = ({ cache, limits }: Memory, hash: Hash, state: DevRuntime.RuntimeState) => {
  cache.delete(hash)
  cache.set(hash, state)
  for (const oldest of cache.keys()) {
    if (cache.size <= limits.cachedStates) break
    cache.delete(oldest)
  }
  return state
}

/** The writes that delete states so far below finality that nobody asks for them. */
const prunable = Effect.fnUntraced(function* ({ context, limits, store, view }: Memory) {
  const finalized = yield* view().head("Finalized")
  const below = finalized.number - limits.keptStates
  const included = yield* Inclusions.prunable(context.options, store, finalized.number)
  const old = yield* states.iterate(store, []).pipe(
    Stream.takeWhile(([[number]]) => number < below),
    Stream.map(([key]) => states.delete(key)),
    Stream.runCollect
  )
  return [...old, ...included]
})

const keep = Effect.fnUntraced(function* (
  memory: Memory,
  block: ChainBlock,
  next: ReturnType<typeof DevRuntime.step>
) {
  const { hash, number } = block.ref
  const old = number % pruneEvery === 0 ? yield* prunable(memory) : []
  const brought = next.codes.map((code) => codes.put([validationCodeHash(code)], code))
  const included = Inclusions.writesOf(block.ref, next.state)
  yield* memory.store.batch([...old, ...brought, ...included, states.put([number, hash], next.state)])
  return remember(memory, hash, next.state)
})

/** The state of a block if it is at hand or on disk. */
const find = Effect.fnUntraced(function* (memory: Memory, { hash, number }: ChainBlock["ref"]) {
  const held = memory.cache.get(hash)
  if (held !== undefined) return held
  const stored = yield* states.get(memory.store, [number, hash])
  return Option.isSome(stored) ? remember(memory, hash, stored.value) : undefined
})

const compute = (
  memory: Memory,
  parent: ChainBlock,
  block: ChainBlock,
  subDag: SubDag,
  state: DevRuntime.RuntimeState
) =>
  keep(
    memory,
    block,
    DevRuntime.step(memory.context, state, inherentOf(parent, subDag), block, evidenceIn(subDag))
  )

/** Walks down to a known state, then computes its way up. */
const resolve = Effect.fnUntraced(function* (memory: Memory, hash: Hash, request: string) {
  const unknown = new RuntimeApiError({ request, reason: new UnknownState({ block: hash }) })
  const missing: Array<ChainBlock> = []
  let at = hash
  let state: DevRuntime.RuntimeState | undefined
  for (;;) {
    const ref = yield* memory.view().block(at)
    if (Option.isNone(ref)) return yield* unknown
    state = yield* find(memory, ref.value)
    if (state !== undefined) break
    const block = yield* memory.view().content(at)
    missing.push(block)
    if (block.ref.number <= memory.view().anchor.derived.number) break
    if (missing.length > memory.limits.cachedStates) return yield* unknown
    at = block.ref.parentHash
  }
  let parent = state === undefined ? missing.pop()! : yield* memory.view().content(at)
  let current =
    state ??
    (yield* keep(memory, parent, {
      state: DevRuntime.genesisState(memory.context.options, parent),
      codes: []
    }))
  for (const block of missing.toReversed()) {
    const subDag = subDagOf(block.body)
    if (Result.isFailure(subDag)) return yield* unknown
    current = yield* compute(memory, parent, block, subDag.success, current)
    parent = block
  }
  return current
})

/** Takes the states up from the store. */
export const makeStateStore = Effect.fnUntraced(function* (
  context: DevRuntime.Context,
  limits: Limits,
  view: () => View
) {
  const memory: Memory = { store: yield* Store, context, limits, view, cache: new Map() }

  const unreadable = (hash: Hash, request: string) => (error: { readonly message: string }) =>
    Effect.logWarning(`the state of block ${hash} cannot be read: ${error.message}`).pipe(
      Effect.andThen(Effect.fail(new RuntimeApiError({ request, reason: new UnknownState({ block: hash }) })))
    )

  const stateAt = (hash: Hash, request: string): Effect.Effect<DevRuntime.RuntimeState, RuntimeApiError> => {
    const held = memory.cache.get(hash)
    if (held !== undefined) return Effect.succeed(held)
    const failed = unreadable(hash, request)
    const gone = new RuntimeApiError({ request, reason: new UnknownState({ block: hash }) })
    const found = Effect.catchReason(resolve(memory, hash, request), "ChainError", "Pruned", () =>
      Effect.fail(gone)
    )
    return Effect.catchTags(found, { StoreError: failed, ChainError: failed })
  }

  /** Computes and stores the state of a block that was made here; nothing if that of its parent is not known. */
  const advance = Effect.fnUntraced(function* (parent: ChainBlock, block: ChainBlock, subDag: SubDag) {
    const state = yield* Effect.option(stateAt(parent.ref.hash, "advance"))
    if (Option.isSome(state)) yield* compute(memory, parent, block, subDag, state.value)
  })

  return { stateAt, advance }
})
