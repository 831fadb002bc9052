/**
 * Where a publisher takes blocks and commits from. Items are shared: every call hands out the same objects, so that
 * what is encoded once is encoded for all subscribers.
 */
import { Context, Effect, Layer, PubSub, type Scope, Stream } from "effect"
import type { CommittedSubDag, DagBlockRef } from "@ephor/types"
import type { Chain } from "@ephor/chain"
import { BlockLedger } from "./source/BlockLedger.ts"
import { type ChainOptions, makeChain } from "./source/ChainSource.ts"
import type { Path } from "./source/Path.ts"
import type { ObserverError } from "./ObserverError.ts"

/** A signed block and its reference. */
export interface SourceBlock {
  readonly ref: DagBlockRef
  readonly bytes: Uint8Array
}

/** What a source holds at one moment. */
export interface Tip {
  /** Index of the last commit; 0 before the first. */
  readonly highestCommitIndex: number
  /** Index of the first commit that is still kept. */
  readonly earliestCommitIndex: number
  /** Blocks at or below this round are not held. */
  readonly gcRound: number
}

/** What is new in a source, in order of acceptance. */
export type SourceEvent =
  | { readonly _tag: "Accepted"; readonly blocks: ReadonlyArray<SourceBlock> }
  | { readonly _tag: "Committed"; readonly commits: ReadonlyArray<CommittedSubDag> }
  | { readonly _tag: "Auxiliary"; readonly randomnessSignatures: ReadonlyArray<Uint8Array> }

/** Where to go on within one answer: after this block in the order (round, author, digest). */
export interface Page {
  readonly after?: DagBlockRef | undefined
  readonly limit: number
}

/** Shape of a source. */
export interface Service {
  /** Number of authorities. */
  readonly committeeSize: number
  readonly tip: Effect.Effect<Tip>
  /** Held blocks above the round given for their author (missing authors: 0), ordered by round, author, digest. */
  readonly blocksAfter: (
    rounds: ReadonlyArray<number>,
    page: Page
  ) => Effect.Effect<ReadonlyArray<SourceBlock>, ObserverError>
  /** Those of the blocks that are held, in no particular order. */
  readonly blocksOf: (
    refs: ReadonlyArray<DagBlockRef>
  ) => Effect.Effect<ReadonlyArray<SourceBlock>, ObserverError>
  /** Commits `index + 1`, `index + 2`, ... without a gap, at most `limit`; fewer near the tip. */
  readonly commitsAfter: (
    index: number,
    limit: number
  ) => Effect.Effect<ReadonlyArray<CommittedSubDag>, ObserverError>
  /** What is new from the moment on at which this effect returns: attach, then take a snapshot, so that nothing is lost. */
  readonly subscribe: Effect.Effect<Stream.Stream<SourceEvent>, never, Scope.Scope>
  /** Identities that all this comes through, as they are now and whenever they change; without it, this is an origin. */
  readonly path?: Stream.Stream<Path>
}

/** Blocks and commits for a publisher. */
export class BlockSource extends Context.Service<BlockSource, Service>()("@ephor/streaming/BlockSource") {}

/** A source that is fed by hand. */
export interface Memory {
  readonly source: Service
  /** Adds blocks; those that are known already are ignored. */
  readonly accept: (blocks: ReadonlyArray<SourceBlock>) => Effect.Effect<void>
  /** Adds the next commits. Indices must go on where the last ones ended. */
  readonly commit: (commits: ReadonlyArray<CommittedSubDag>) => Effect.Effect<void>
  /** Tells signatures of randomness to whoever is at the tip now; they are not kept. */
  readonly auxiliary: (randomnessSignatures: ReadonlyArray<Uint8Array>) => Effect.Effect<void>
}

/** Limits of a source in memory. */
export interface MemoryOptions {
  readonly committeeSize: number
  /** Rounds kept below the leader of the last commit. Default: all. */
  readonly gcDepth?: number
  /** Commits kept. Default: all. */
  readonly maxCommits?: number
}

/** Events that a source holds for a subscriber that does not take them; then feeding it waits. */
const hubCapacity = 4096

/** Makes a source in memory, with the two verbs that feed it. */
export const makeMemory = Effect.fnUntraced(function* (
  options: MemoryOptions
): Effect.fn.Return<Memory, never, Scope.Scope> {
  const { committeeSize, gcDepth = Number.MAX_SAFE_INTEGER, maxCommits = Number.MAX_SAFE_INTEGER } = options
  const ledger = new BlockLedger({ gcDepth, maxCommits, maxCommitBytes: Number.MAX_SAFE_INTEGER })
  const hub = yield* PubSub.bounded<SourceEvent>(hubCapacity)
  yield* Effect.addFinalizer(() => PubSub.shutdown(hub))
  const source: Service = {
    committeeSize,
    tip: Effect.sync(() => ledger.tip()),
    blocksAfter: (rounds, page) => Effect.sync(() => ledger.blocksAfter(rounds, page)),
    blocksOf: (refs) => Effect.sync(() => ledger.blocksOf(refs)),
    commitsAfter: (index, limit) => Effect.sync(() => ledger.commitsAfter(index, limit)),
    subscribe: Effect.map(PubSub.subscribe(hub), (subscription) => Stream.fromSubscription(subscription))
  }
  return {
    source,
    accept: Effect.fnUntraced(function* (blocks) {
      const fresh = ledger.accept(blocks)
      if (fresh.length > 0) yield* PubSub.publish(hub, { _tag: "Accepted", blocks: fresh })
    }),
    commit: Effect.fnUntraced(function* (commits) {
      ledger.commit(commits)
      ledger.forgetEarlier()
      yield* PubSub.publish(hub, { _tag: "Committed", commits })
    }),
    auxiliary: (randomnessSignatures) =>
      Effect.asVoid(PubSub.publish(hub, { _tag: "Auxiliary", randomnessSignatures }))
  }
})

/** A source in memory as a layer; `feed` receives the verbs. */
export const layerMemory = (
  options: MemoryOptions,
  feed: (memory: Memory) => Effect.Effect<void, never, Scope.Scope> = () => Effect.void
): Layer.Layer<BlockSource> =>
  Layer.effect(
    BlockSource,
    Effect.gen(function* () {
      const memory = yield* makeMemory(options)
      yield* feed(memory)
      return memory.source
    })
  )

export { type ChainOptions, defaults as chainDefaults } from "./source/ChainSource.ts"

/**
 * A source over a chain: `Imported` gives the DAG blocks of its body (each once), `Promoted(Finalized)` the next
 * commits. Commit index = chain block number. After a restart everything is read back from the chain's stored bodies; what the
 * chain keeps no longer is out of range.
 */
export const layerChain = (
  options: Pick<ChainOptions, "committeeSize"> & Partial<ChainOptions>
): Layer.Layer<BlockSource, ObserverError, Chain.Chain> => Layer.effect(BlockSource, makeChain(options))
