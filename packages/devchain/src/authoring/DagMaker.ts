/**
 * A committee at work: rounds are written to the store before anything that follows from them is shown to anybody.
 */
import {
  type BlockId,
  type BlockNumber,
  type DagCommitRef,
  type DagCommittee,
  Elapsed,
  type Hash,
  type Round
} from "@ephor/types"
import { Clock, Effect, Metric, Option, Semaphore, Stream } from "effect"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import * as Committee from "@ephor/chain/Committee"
import { type SubDag, subDagOf } from "@ephor/chain/DagBody"
import { roundsMade } from "../DevMetrics.ts"
import { Store, type Service as StoreService, type StoreError } from "@ephor/store/Store"
import { type Draft, drafts, lastBlocks, members, rounds } from "./DagRecords.ts"
import type { Signers } from "./Signers.ts"
import { SteadyTime } from "./SteadyTime.ts"

/** A chain block's share of the DAG, ready to be executed. */
export interface Made {
  readonly body: Uint8Array
  readonly subDag: SubDag
}

/** The part of a chain that a committee reads. */
export type View = Pick<Chain, "head" | "block" | "content">

/** A committee with its store. */
export interface DagMaker {
  readonly committee: DagCommittee
  /** The time in milliseconds that goes into rounds and blocks; see `SteadyTime`. */
  readonly now: Effect.Effect<number>
  /** Height of the first block whose commit the authors have not voted for: they need it, and all above. */
  readonly keepFrom: Effect.Effect<BlockNumber>
  /** The author that leads the next round. */
  readonly nextLeader: Effect.Effect<number>
  /**
   * Ends a round that was begun and has no quorum yet; what it holds is committed by the next one. Who leads the next
   * round is known only then.
   */
  readonly settle: (view: View) => Effect.Effect<void, ChainError | StoreError>
  /**
   * Makes a round whose leader carries `transactions`, and commits it upon `parent`. Never calls verbs of the chain, so
   * that it may run inside one. Fails without a quorum of authors: then the round stays begun. `carried` runs as soon as a
   * round holds the transactions, whatever becomes of it.
   */
  readonly make: (
    view: View,
    parent: ChainBlock,
    transactions: ReadonlyArray<Uint8Array>,
    carried?: Effect.Effect<void>
  ) => Effect.Effect<Made, ChainError | StoreError>
}

/** All that changes. */
interface Memory {
  readonly store: StoreService
  /** Height of the block before the first commit. */
  readonly anchor: number
  state: Committee.State
  /** The finalized block for which rounds were deleted last. */
  prunedFor: Hash | undefined
  /** The round that was asked for and is not there yet, be it that this process or the asking began anew. */
  begun: Begun | undefined
}

interface Begun {
  readonly draft: Draft
  /** What to do when it is there; a process that began anew knows nothing of it. */
  readonly carried: Effect.Effect<void>
}

const broken = (what: string, cause: unknown) =>
  new ChainError({ method: "DevChain", reason: new Backend({ what, cause }) })

const open = (body: Uint8Array, hash: Hash) =>
  Effect.mapError(Effect.fromResult(subDagOf(body)), (cause) =>
    broken(`the body of block ${hash} is no sub-DAG`, cause)
  )

/** Final commits above the one that was voted for last, as many as one block takes. */
export const finalVotes = Effect.fnUntraced(function* (view: View, voted: number, finalized: number) {
  const last = Math.min(finalized, voted + Committee.votesPerBlock)
  const found: Array<DagCommitRef> = []
  for (let index = voted + 1; index <= last; index++) {
    const ref = yield* view.block(index)
    if (Option.isNone(ref)) break
    const { body } = yield* view.content(ref.value.hash)
    found.push({ index, digest: (yield* open(body, ref.value.hash)).digest })
  }
  return found
})

/** Forgets the rounds that no branch above the finalized block can need any more; the writes that delete them. */
const prune = Effect.fnUntraced(function* (memory: Memory, view: View, finalized: BlockId) {
  if (finalized.hash === memory.prunedFor || finalized.number <= memory.anchor) return []
  const { body } = yield* view.content(finalized.hash)
  const below: Round = (yield* open(body, finalized.hash)).commit.leader.round
  const old = yield* rounds.iterate(memory.store, []).pipe(
    Stream.takeWhile(([[round]]) => round < below),
    Stream.map(([key]) => rounds.delete(key)),
    Stream.runCollect
  )
  memory.state = Committee.prune(memory.state, below)
  memory.prunedFor = finalized.hash
  return old
})

/** The state with all rounds from `from` on, also those that are not held in memory. */
const reachingTo = Effect.fnUntraced(function* (
  { anchor, store }: Memory,
  known: Committee.State,
  from: Round
) {
  const lowest = Math.min(...[...known.rounds.keys()].filter((round) => round > 0))
  if (lowest <= from) return known
  const older = yield* rounds.iterate(store, [], { from: [from] }).pipe(
    Stream.takeWhile(([[round]]) => round < lowest),
    Stream.runCollect
  )
  let reaching = Committee.initial(known.committee, anchor)
  for (const [, { blocks, voted }] of older) reaching = Committee.restoreRound(reaching, blocks, voted)
  return { ...known, rounds: new Map([...reaching.rounds, ...known.rounds]) }
})

/** Takes up what the store has of a committee; `heldRounds` of it stay in memory. */
const restore = Effect.fnUntraced(function* (
  store: StoreService,
  committee: DagCommittee,
  anchor: number,
  heldRounds: number
) {
  let state = Committee.initial(committee, anchor)
  const last = yield* lastBlocks.iterate(store, []).pipe(Stream.runCollect)
  state = Committee.restoreNewest(
    state,
    last.map(([, bytes]) => bytes)
  )
  const newest = yield* rounds
    .iterate(store, [], { reverse: true })
    .pipe(Stream.take(heldRounds), Stream.runCollect)
  for (const [, { blocks, voted }] of newest.toReversed()) {
    state = Committee.restoreRound(state, blocks, voted)
  }
  return state
})

/** Takes the committee up where the store left it. */
export const makeDag = Effect.fnUntraced(function* (
  authors: ReadonlyArray<Pick<Committee.Author, "publicKey">>,
  signers: Signers,
  anchor: number,
  heldRounds: number
) {
  const store = yield* Store
  const committee = Committee.committeeOf(authors)
  const keys = authors.map(({ publicKey }) => publicKey)
  const known = yield* members.get(store, [])
  if (Option.isNone(known)) yield* store.batch([members.put([], keys)])
  else if (known.value.join() !== keys.join()) {
    return yield* broken(
      "the store belongs to another committee",
      "use another data directory, or the same secrets"
    )
  }
  const memory: Memory = {
    store,
    anchor,
    state: yield* restore(store, committee, anchor, heldRounds),
    prunedFor: undefined,
    begun: Option.getOrUndefined(
      Option.map(yield* drafts.get(store, []), (draft) => ({ draft, carried: Effect.void }))
    )
  }
  const lock = yield* Semaphore.make(1)
  const time = new SteadyTime()
  const now = Clock.clockWith((clock) =>
    Effect.sync(() => time.at(clock.currentTimeMillisUnsafe(), Elapsed.msOf(clock)))
  )

  /** The state with the next round, and the writes that keep it. What was asked for once is never asked for otherwise. */
  const gather = Effect.fnUntraced(function* (begun: Begun, view: View) {
    const { state } = memory
    const { draft } = begun
    const finalized = yield* view.head("Finalized")
    const votes = Committee.votesOf(state, yield* finalVotes(view, state.voted, finalized.number))
    if (!signers.areAllHere && memory.begun !== begun) {
      yield* store.batch([drafts.put([], draft)])
      memory.begun = begun
    }
    const blocks = yield* signers.gather(state, draft, votes)
    const next = Committee.withRound(state, blocks, votes.at(-1)?.index ?? state.voted)
    const went = state.rounds
      .get(state.latest)!
      .filter(({ ref }) => ref.round > 0 && next.newest[ref.author]!.ref.round < next.latest)
    const stored = { blocks: Committee.roundBytes(next, next.latest), voted: next.voted }
    const writes = [
      rounds.put([next.latest], stored),
      ...went.map(({ bytes, ref }) => lastBlocks.put([ref.author], bytes))
    ]
    return { next, writes }
  })

  const hasLeader = (next: Committee.State, leader: number) => next.newest[leader]!.ref.round === next.latest

  const keep = Effect.fnUntraced(function* (
    { carried, draft }: Begun,
    next: Committee.State,
    writes: Parameters<StoreService["batch"]>[0]
  ) {
    yield* store.batch(writes)
    memory.begun = undefined
    memory.state = Committee.prune(next, next.latest - heldRounds + 1)
    yield* Metric.update(roundsMade, 1)
    if (hasLeader(next, draft.leader)) yield* carried
  })

  const endBegun = Effect.fnUntraced(function* (view: View) {
    const { begun, state } = memory
    if (begun === undefined || begun.draft.round !== state.latest + 1) return
    const { next, writes } = yield* gather(begun, view)
    yield* Effect.uninterruptible(keep(begun, next, writes))
  })

  const make = Effect.fnUntraced(function* (
    restoreInterrupts: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>,
    view: View,
    parent: ChainBlock,
    transactions: ReadonlyArray<Uint8Array>,
    carried: Effect.Effect<void>
  ) {
    const finalized = yield* view.head("Finalized")
    const tip = parent.body.length === 0 ? undefined : yield* open(parent.body, parent.ref.hash)
    const old = yield* prune(memory, view, finalized)
    yield* restoreInterrupts(endBegun(view))
    for (;;) {
      const { state } = memory
      const leader = Committee.nextLeader(state)
      const timestampMs = Math.max(yield* now, Committee.earliestMs(state))
      const draft: Draft = { round: state.latest + 1, leader, timestampMs, transactions }
      const begun: Begun = { draft, carried }
      const { next, writes } = yield* restoreInterrupts(gather(begun, view))
      if (!hasLeader(next, leader)) {
        // Its leader is away, and nobody else carries what it would have carried: the next round does.
        yield* keep(begun, next, writes)
        continue
      }
      const reaching = yield* reachingTo(memory, next, tip?.commit.leader.round ?? 1)
      const committed = yield* Effect.try({
        try: () => Committee.commitUpon(reaching, tip, parent.ref.number + 1, leader),
        catch: (cause) => broken(`the committee cannot build upon block ${parent.ref.hash}`, cause)
      })
      const subDag = yield* open(committed.body, parent.ref.hash)
      // From here on the round exists, whatever happens to the block that is made of it.
      yield* keep(begun, next, [...old, ...writes])
      return { body: committed.body, subDag }
    }
  })

  const maker: DagMaker = {
    committee,
    now,
    keepFrom: Effect.sync(() => memory.state.voted + 1),
    nextLeader: Effect.sync(() => Committee.nextLeader(memory.state)),
    settle: (view) => lock.withPermits(1)(endBegun(view)),
    make: (view, parent, transactions, carried = Effect.void) =>
      lock.withPermits(1)(
        Effect.uninterruptibleMask((restoreInterrupts) =>
          make(restoreInterrupts, view, parent, transactions, carried)
        )
      )
  }
  return maker
})
