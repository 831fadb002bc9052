/**
 * One fiber per chain: takes what nodes, the L1 and other chains say, one at a time, then moves the heads as far as
 * they go.
 */
import { Clock, Deferred, Effect, Latch, Metric, Option, Queue, Result, type Scope, Stream } from "effect"
import type { BlockId, BlockSeal, ChainId, DerivedBlockRefPair, SafetyLevel } from "@ephor/types"
import type { ManagedEvent } from "@ephor/supervisor-protocol/ManagedEvent"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import * as DerivationDb from "../DerivationDb.ts"
import type { L1Change, L1Error } from "../L1.ts"
import * as Metrics from "../Metrics.ts"
import * as OpMetrics from "../OpMetrics.ts"
import { crossUnsafeHead } from "../Promotion.ts"
import * as RollupConfig from "../RollupConfig.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import { activateSafe, activateUnsafe, adopt, initialize, type Seed } from "./Activation.ts"
import { type ChainContext, idOf, logFault, type Shared, stateOf } from "../supervisor/ChainContext.ts"
import { finalizedBlock, followL1Reorg, onFinalizedL1 } from "./Finality.ts"
import type { ChainState } from "../supervisor/Ledger.ts"
import { followSafe, indexMore, onUnsafeBlock } from "./Indexing.ts"
import { runInvalidator } from "./Invalidating.ts"
import type { NodeLink } from "../node/Link.ts"
import { rewind } from "./Rewinding.ts"
import { addLocalSafe, advance, onReplaced, postCrossSafe } from "./Promoting.ts"
import { checkAhead, checkConsistency, makeUp, resetNode } from "./Resetting.ts"

/** What a worker reacts to. */
export type Input =
  | { readonly _tag: "Event"; readonly link: NodeLink; readonly epoch: number; readonly event: ManagedEvent }
  | { readonly _tag: "L1"; readonly change: L1Change }
  | { readonly _tag: "Wake" }

/** An operator's order to go back. */
interface Order {
  readonly to: BlockId
  readonly done: Deferred.Deferred<void, SupervisorError>
}

/** A chain with its worker's mailbox. */
export interface ChainWorker {
  readonly context: ChainContext
  /** Hands an input over; suspends while too many wait. */
  readonly offer: (input: Input) => Effect.Effect<void>
  /** Makes the worker look again; many calls before it does are one. */
  readonly wake: () => void
  /** Goes back to a block, also while the work is stopped; done when it is on disk and the nodes were told. */
  readonly rewind: (to: BlockId) => Effect.Effect<void, SupervisorError>
  /** Works until it fails; never ends well. */
  readonly run: Effect.Effect<never, SupervisorError>
}

type Failure = ManagedNodeError | L1Error | SupervisorError

const onDerivation = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  pair: DerivedBlockRefPair
): Effect.fn.Return<void, Failure> {
  const { derived, source } = pair
  if (!RollupConfig.isInterop(chain.config, derived.timestamp)) return
  link.safe = idOf(derived)
  if (link.exhausted !== undefined && link.exhausted.source.number < source.number) link.exhausted = undefined
  if (stateOf(chain).local.length === 0) {
    if (!(yield* activateSafe(chain, pair))) yield* checkAhead(chain, link)
    return
  }
  const before = stateOf(chain).local.length
  const added = yield* addLocalSafe(chain, pair)
  if (Result.isSuccess(added)) {
    if (stateOf(chain).local.length !== before) yield* followSafe(chain, link, derived)
  } else {
    yield* logFault(
      `derivation of block ${derived.number} from L1 block ${source.number} changes nothing`,
      added.failure
    )
    if (added.failure._tag === "Future") return yield* checkAhead(chain, link)
  }
  yield* checkConsistency(chain, link)
  // A node that catches up learns what is cross-safe already.
  const known = DerivationDb.ofDerived(stateOf(chain).cross, derived, "last")
  if (Result.isSuccess(known)) postCrossSafe(link, known.success)
})

/** Gives a node the L1 block after the one that it has exhausted, once there is one. */
const provideNext = Effect.fnUntraced(function* (chain: ChainContext, link: NodeLink) {
  if (link.exhausted === undefined) return
  const next = yield* chain.shared.l1.blockByNumber(link.exhausted.source.number + 1)
  if (Option.isSome(next)) link.post("provideL1", link.node.provideL1(next.value))
})

const onEvent = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  event: ManagedEvent
): Effect.fn.Return<void, Failure> {
  const { derivationOriginUpdate, derivationUpdate, exhaustL1, replaceBlock, reset, unsafeBlock } = event
  if (reset !== undefined) yield* resetNode(chain, link, reset)
  if (unsafeBlock !== undefined && RollupConfig.isInterop(chain.config, unsafeBlock.timestamp)) {
    if (stateOf(chain).logs.length === 0) yield* activateUnsafe(chain, link, unsafeBlock)
    if (stateOf(chain).logs.length > 0) yield* onUnsafeBlock(chain, link, unsafeBlock)
    yield* checkConsistency(chain, link)
  }
  if (derivationUpdate !== undefined) yield* onDerivation(chain, link, derivationUpdate)
  if (exhaustL1 !== undefined) {
    link.exhausted = exhaustL1
    // Nodes repeat this one: a contradiction that was passed over is looked at again.
    yield* checkConsistency(chain, link)
    yield* provideNext(chain, link)
  }
  if (replaceBlock !== undefined && (yield* onReplaced(chain, replaceBlock))) {
    link.safe = idOf(replaceBlock.replacement)
    chain.indexLink = link
    yield* checkConsistency(chain, link)
  }
  if (derivationOriginUpdate !== undefined) chain.currentL1 = derivationOriginUpdate
})

/** Of an event from before a reset only this counts: that a block was replaced stays true. */
const current = ({ epoch, event, link }: Extract<Input, { readonly _tag: "Event" }>): ManagedEvent => {
  if (epoch === link.epoch) return event
  return event.replaceBlock === undefined ? {} : { replaceBlock: event.replaceBlock }
}

const onInput = Effect.fnUntraced(function* (
  chain: ChainContext,
  input: Input
): Effect.fn.Return<void, Failure> {
  switch (input._tag) {
    case "Event":
      return yield* Effect.annotateLogs(onEvent(chain, input.link, current(input)), { node: input.link.name })
    case "L1":
      if (input.change._tag === "Finalized") return yield* onFinalizedL1(chain, input.change.block)
      chain.l1Suspect ||= input.change.reorg
      // What could not be looked up, or is not confirmed yet, is looked at again with the next block.
      if (chain.l1Suspect) chain.l1Suspect = !(yield* followL1Reorg(chain))
      for (const link of chain.links) yield* provideNext(chain, link)
      return
    case "Wake":
      return
  }
})

/** Whoever could not be asked is asked again by the next input; only the supervisor's own failures end the worker. */
const tolerant = (effect: Effect.Effect<void, Failure>): Effect.Effect<void, SupervisorError> =>
  effect.pipe(
    Effect.catchTags({
      ManagedNodeError: (error) => Effect.logWarning(`a node could not be asked: ${error.message}`),
      L1Error: (error) => Effect.logWarning(error.message)
    })
  )

const makeGauges = (chain: ChainContext) => {
  const heads = (
    [
      ["LocalUnsafe", "local_unsafe", (state) => state.logs.at(-1)],
      ["CrossUnsafe", "cross_unsafe", crossUnsafeHead],
      ["LocalSafe", "local_safe", (state) => DerivationDb.lastValid(state.local)?.derived],
      ["CrossSafe", "cross_safe", (state) => state.cross.at(-1)?.derived],
      ["Finalized", "finalized", () => finalizedBlock(chain)?.derived]
    ] satisfies ReadonlyArray<
      readonly [SafetyLevel, OpMetrics.RefType, (state: ChainState) => BlockSeal | undefined]
    >
  ).map(([level, type, head]) => ({
    ours: Metrics.refsOf(chain.id, level),
    theirs: OpMetrics.makeRef(chain.id, type),
    head
  }))
  const databases = (["log", "local_derived", "cross_derived"] as const).map((kind) =>
    Metric.withAttributes(OpMetrics.logdbEntries, { chain: chain.id, kind })
  )
  return Effect.fnUntraced(function* () {
    const state = stateOf(chain)
    const nowMs = yield* Clock.currentTimeMillis
    for (const { head: headOf, ours, theirs } of heads) {
      const head = headOf(state)
      if (head === undefined) continue
      yield* Metric.update(ours.number, head.number)
      yield* Metric.update(ours.time, head.timestamp)
      yield* theirs(head, nowMs)
    }
    for (const [index, { length }] of [state.logs, state.local, state.cross].entries()) {
      yield* Metric.update(databases[index]!, length)
    }
  })
}

/** Builds a chain's worker on loaded databases. `waiting` names the chains that wait for this one. */
export const makeChainWorker = Effect.fnUntraced(function* (options: {
  readonly id: ChainId
  readonly config: RollupConfig.RollupConfig
  readonly shared: Shared
  readonly wakeWaiting: (id: ChainId) => void
  readonly seed: Seed | undefined
}): Effect.fn.Return<ChainWorker, SupervisorError, Scope.Scope> {
  const { config, id, seed, shared, wakeWaiting } = options
  const scope = yield* Effect.scope
  const queue = yield* Queue.bounded<Input>(shared.options.inputs)
  const poked = yield* Latch.make(false)
  let wakePending = false
  const wake = () => {
    if (wakePending) return
    // A full queue needs no wake: the worker looks after each input.
    wakePending = Queue.offerUnsafe(queue, { _tag: "Wake" })
  }
  const chain: ChainContext = {
    id,
    config,
    shared,
    links: [],
    pokeInvalidator: () => poked.openUnsafe(),
    remind: (afterMs) =>
      Effect.sleep(afterMs).pipe(Effect.andThen(Effect.sync(wake)), Effect.forkIn(scope), Effect.asVoid),
    indexTarget: 0,
    lastIndexTarget: 0,
    indexLink: undefined,
    currentL1: undefined,
    waitsOn: new Set(),
    lastConflict: undefined,
    wait: undefined,
    l1Suspect: false
  }
  if (seed !== undefined) yield* adopt(chain, seed)
  yield* initialize(chain)
  if (DerivationDb.marker(stateOf(chain).local) !== undefined) chain.pokeInvalidator()
  const gauges = makeGauges(chain)
  const length = Metric.withAttributes(Metrics.inputQueueLength, { chain: id })
  const orders: Array<Order> = []
  const ordered = yield* Latch.make(false)
  /** Carries out what was ordered, and waits while the work is stopped. */
  const obey = Effect.gen(function* () {
    while (shared.stopped || orders.length > 0) {
      yield* Effect.raceFirst(shared.running.await, ordered.await)
      for (const { done, to } of orders.splice(0)) yield* Deferred.into(rewind(chain, to), done)
      ordered.closeUnsafe()
    }
  })
  let more = true
  const turn = Effect.gen(function* () {
    const input = more ? yield* Queue.poll(queue) : Option.some(yield* Queue.take(queue))
    wakePending = false
    yield* obey
    const before = stateOf(chain).version
    if (Option.isSome(input)) yield* tolerant(onInput(chain, input.value))
    yield* makeUp(chain)
    more = yield* indexMore(chain)
    yield* advance(chain)
    const moved = stateOf(chain).version !== before
    // Finality moves without a change here, with the L1.
    if (moved || (Option.isSome(input) && input.value._tag === "L1")) yield* gauges()
    yield* Metric.update(length, yield* Queue.size(queue))
    if (moved) wakeWaiting(id)
  })
  const follow = shared.l1.changes.pipe(
    Stream.runForEach((change) => Queue.offer(queue, { _tag: "L1", change }))
  )
  const invalidate = runInvalidator(chain, poked, (link, replaceBlock) =>
    Effect.asVoid(Queue.offer(queue, { _tag: "Event", link, epoch: link.epoch, event: { replaceBlock } }))
  )
  return {
    context: chain,
    offer: (input) => Effect.asVoid(Queue.offer(queue, input)),
    wake,
    rewind: Effect.fnUntraced(function* (to) {
      const done = yield* Deferred.make<void, SupervisorError>()
      orders.push({ to, done })
      ordered.openUnsafe()
      wake()
      yield* Deferred.await(done)
    }),
    run: Effect.raceFirst(
      Effect.forever(turn),
      Effect.andThen(Effect.all([follow, invalidate], { concurrency: 2 }), Effect.never)
    ).pipe(Effect.annotateLogs({ chain: id }))
  }
})
