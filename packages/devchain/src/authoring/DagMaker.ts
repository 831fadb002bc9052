/**
 * A committee at work: rounds are written to the store before anything that follows from them is shown to anybody.
 */
import {
  Bcs,
  type BlockId,
  type BlockNumber,
  CommitIndex,
  type DagCommitRef,
  type DagCommittee,
  DagPublicKey,
  Elapsed,
  type Hash,
  type Round,
  Wire
} from "@ephor/types"
import { Clock, Effect, Metric, Option, Schema, Semaphore, Stream } from "effect"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import { Backend, ChainError } from "@ephor/chain/ChainError"
import * as Committee from "@ephor/chain/Committee"
import { type SubDag, subDagOf } from "@ephor/chain/DagBody"
import { roundsMade } from "../DevMetrics.ts"
import { Store, type Service as StoreService, type StoreError } from "@ephor/store/Store"
import * as Table from "@ephor/store/Table"
import { SteadyTime } from "./SteadyTime.ts"

const StoredRound = Schema.Struct({ blocks: Schema.Array(Wire.Bytes), voted: CommitIndex })

/** The last rounds of the committee. */
export const rounds = Table.make({
  name: "dev/round",
  key: [Table.u32],
  value: StoredRound,
  codec: { encode: Bcs.encode(StoredRound), decode: Bcs.decode(StoredRound) }
})

/** The keys of the committee. */
export const members = Table.make({ name: "dev/committee", key: [], value: Schema.Array(DagPublicKey) })

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
   * Makes a round whose leader carries `transactions`, and commits it upon `parent`. Never calls verbs of the chain, so
   * that it may run inside one.
   */
  readonly make: (
    view: View,
    parent: ChainBlock,
    transactions: ReadonlyArray<Uint8Array>
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
}

const broken = (what: string, cause: unknown) =>
  new ChainError({ method: "DevChain", reason: new Backend({ what, cause }) })

const open = (body: Uint8Array, hash: Hash) =>
  Effect.mapError(Effect.fromResult(subDagOf(body)), (cause) =>
    broken(`the body of block ${hash} is no sub-DAG`, cause)
  )

/** Final commits that the authors have not voted for, as many as one block takes. */
const votes = Effect.fnUntraced(function* ({ state }: Memory, view: View, finalized: number) {
  const last = Math.min(finalized, state.voted + Committee.votesPerBlock)
  const found: Array<DagCommitRef> = []
  for (let index = state.voted + 1; index <= last; index++) {
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

/** Takes the committee up where the store left it; `heldRounds` of it stay in memory. */
export const makeDag = Effect.fnUntraced(function* (
  authors: ReadonlyArray<Committee.Author>,
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
  const memory: Memory = { store, anchor, state: Committee.initial(committee, anchor), prunedFor: undefined }
  const newest = yield* rounds
    .iterate(store, [], { reverse: true })
    .pipe(Stream.take(heldRounds), Stream.runCollect)
  for (const [, { blocks, voted }] of newest.toReversed()) {
    memory.state = Committee.restoreRound(memory.state, blocks, voted)
  }
  const lock = yield* Semaphore.make(1)
  const time = new SteadyTime()
  const now = Clock.clockWith((clock) =>
    Effect.sync(() => time.at(clock.currentTimeMillisUnsafe(), Elapsed.msOf(clock)))
  )

  const make = Effect.fnUntraced(function* (
    view: View,
    parent: ChainBlock,
    transactions: ReadonlyArray<Uint8Array>
  ) {
    const finalized = yield* view.head("Finalized")
    const tip = parent.body.length === 0 ? undefined : yield* open(parent.body, parent.ref.hash)
    const old = yield* prune(memory, view, finalized)
    const next = Committee.nextRound(memory.state, authors, {
      timestampMs: yield* now,
      transactions: new Map([[Committee.leaderOf(committee, memory.state.latest + 1), transactions]]),
      votes: yield* votes(memory, view, finalized.number)
    })
    const reaching = yield* reachingTo(memory, next, tip?.commit.leader.round ?? 1)
    const committed = yield* Effect.try({
      try: () => Committee.commitUpon(reaching, tip, parent.ref.number + 1),
      catch: (cause) => broken(`the committee cannot build upon block ${parent.ref.hash}`, cause)
    })
    const subDag = yield* open(committed.body, parent.ref.hash)
    // From here on the round exists, whatever happens to the block that is made of it.
    const stored = { blocks: Committee.roundBytes(next, next.latest), voted: next.voted }
    yield* store.batch([...old, rounds.put([next.latest], stored)])
    memory.state = Committee.prune(next, next.latest - heldRounds + 1)
    yield* Metric.update(roundsMade, 1)
    return { body: committed.body, subDag }
  })

  const maker: DagMaker = {
    committee,
    now,
    keepFrom: Effect.sync(() => memory.state.voted + 1),
    nextLeader: Effect.sync(() => Committee.leaderOf(committee, memory.state.latest + 1)),
    make: (view, parent, transactions) =>
      lock.withPermits(1)(Effect.uninterruptible(make(view, parent, transactions)))
  }
  return maker
})
