/** The state of a chain behind one lock: a change is one batch on disk, then visible, then told. */
import { Effect, HashMap, Option, Queue, Semaphore, type Stream } from "effect"
import type { BlockNumber, Hash, L2BlockRef } from "@ephor/types"
import * as BlockTree from "../BlockTree.ts"
import type { Backend, ChainBlock, Limits } from "../Chain.ts"
import { Backend as BackendReason, ChainError, type ChainErrorReason, ForeignStore } from "../ChainError.ts"
import type { ChainEvent } from "../ChainEvent.ts"
import * as Derivation from "../Derivation.ts"
import { type Service as StoreService, Store, StoreError } from "@ephor/store/Store"
import type { Table } from "@ephor/store/Table"
import { observeDraft } from "./Gauges.ts"
import { type Draft, type Refused, type State } from "./State.ts"
import { load } from "./Loading.ts"
import * as Tables from "./Tables.ts"
import { makeEventHub } from "./Events.ts"

type Content = typeof Tables.contents extends Table<infer _, infer A> ? A : never

/** What may go wrong inside a verb, before it is known which verb it was. */
export type Problem = ChainErrorReason | ChainError | StoreError

/** Fails with the reason. */
export const refuse = (reason: ChainErrorReason): Effect.Effect<never, Problem> => Effect.fail(reason)

/** Fails if a rule gave a reason. */
export const check = (reason: Refused): Effect.Effect<void, Problem> =>
  reason === undefined ? Effect.void : refuse(reason)

/** Problems as the error of a verb. */
export const during = <A>(method: string, effect: Effect.Effect<A, Problem>): Effect.Effect<A, ChainError> =>
  Effect.mapError(effect, (problem) => {
    if (problem instanceof ChainError) return problem
    if (!(problem instanceof StoreError)) return new ChainError({ method, reason: problem })
    return new ChainError({
      method,
      reason: new BackendReason({ what: "the chain's store failed", cause: problem })
    })
  })

/** What stands in a record for a storage root that is not known yet: no trie has it. */
export const unknownRoot: Hash = `0x${"0".repeat(64)}`

/** The part of a block that is not its reference, as it is stored. */
export const contentOf = ({ body, output, pending, receipts }: ChainBlock): Content => ({
  body,
  receipts,
  output: { ...output, messagePasserStorageRoot: output.messagePasserStorageRoot ?? unknownRoot },
  ...(pending === undefined ? {} : { pending })
})

/** The block that was stored. */
export const blockOf = (ref: L2BlockRef, { output, ...rest }: Content): ChainBlock => {
  const { messagePasserStorageRoot, ...known } = output
  return { ref, ...rest, output: messagePasserStorageRoot === unknownRoot ? known : output }
}

const stateRecord = (genesis: L2BlockRef, { derivation, heads }: State) =>
  Tables.current.put([], { version: 1, genesis: genesis.hash, heads, derivation })

/** The state on disk; a store that holds none is given the genesis. */
const open = Effect.fnUntraced(function* (store: StoreService, backend: Backend, limits: Limits) {
  const { anchorSource, genesis } = backend
  const record = yield* Tables.current.get(store, [])
  if (Option.isSome(record)) {
    if (record.value.genesis === genesis.ref.hash) {
      return yield* load(store, record.value, genesis.ref, limits.retainedBlocks)
    }
    const reason = new ForeignStore({ genesis: genesis.ref.hash, stored: record.value.genesis })
    return yield* new ChainError({ method: "make", reason })
  }
  const { hash, number } = genesis.ref
  const head = BlockTree.toRef(genesis.ref)
  const state: State = {
    tree: BlockTree.make(genesis.ref),
    heads: { localUnsafe: head, crossUnsafe: head, localSafe: head, crossSafe: head, finalized: head },
    derivation: Derivation.start(anchorSource),
    sources: HashMap.make([number, anchorSource])
  }
  yield* store.batch([
    Tables.blocks.put([number, hash], { ref: genesis.ref, abandoned: false }),
    Tables.numbers.put([hash], number),
    Tables.canonical.put([number], hash),
    Tables.sources.put([number], anchorSource),
    Tables.contents.put([hash], contentOf(genesis)),
    stateRecord(genesis.ref, state)
  ])
  return state
})

/** What the verbs share. */
export interface Core {
  readonly backend: Backend
  readonly limits: Limits
  readonly store: StoreService
  readonly events: Stream.Stream<ChainEvent>
  /** Told when the final head moved. */
  readonly finality: Queue.Dequeue<void>
  /** Where history begins, as readers see it. */
  readonly history: { lowest: BlockNumber }
  /** The state after the last change. */
  readonly state: () => State
  /**
   * Runs `body` on a draft of the state, then makes the draft the state. `after` runs in the same step, when the change
   * is visible; a `body` that fails changes nothing.
   */
  readonly change: <A>(
    method: string,
    body: (draft: Draft) => Effect.Effect<A, Problem>,
    after?: Effect.Effect<void>
  ) => Effect.Effect<A, ChainError>
  /** Tells events that repeat what is known. */
  readonly repeat: (events: ReadonlyArray<ChainEvent>) => Effect.Effect<void>
}

/** Opens the store and builds the core around it. */
export const makeCore = Effect.fnUntraced(function* (backend: Backend, limits: Limits) {
  const store = yield* Store
  let state = yield* open(store, backend, limits)
  const pruned = Option.getOrUndefined(yield* Tables.history.get(store, []))
  const history = { lowest: pruned?.lowest ?? backend.genesis.ref.number }
  const finality = yield* Queue.sliding<void>(1)
  const hub = yield* makeEventHub(limits.eventBacklog)
  const lock = yield* Semaphore.make(1)

  const commit = (draft: Draft) => {
    if (draft.state === state && draft.events.length === 0 && draft.writes.length === 0) return Effect.void
    const show = Effect.suspend(() => {
      if (draft.state.heads.finalized !== state.heads.finalized) Queue.offerUnsafe(finality, undefined)
      state = draft.state
      return Effect.andThen(hub.publish(draft.events), observeDraft(draft))
    })
    return Effect.andThen(store.batch([...draft.writes, stateRecord(backend.genesis.ref, draft.state)]), show)
  }
  const core: Core = {
    backend,
    limits,
    store,
    events: hub.events,
    finality,
    history,
    state: () => state,
    repeat: hub.publish,
    change: (method, body, after = Effect.void) =>
      lock.withPermits(1)(
        Effect.suspend(() => {
          const draft: Draft = { state, events: [], writes: [] }
          // A verb that is interrupted has either not begun to write, or is written and shown.
          return during(
            method,
            Effect.tap(body(draft), () => Effect.uninterruptible(Effect.andThen(commit(draft), after)))
          )
        })
      )
  }
  return core
})
