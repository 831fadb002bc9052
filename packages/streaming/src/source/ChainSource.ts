/**
 * A source over a chain whose block bodies are sub-DAGs: what is imported feeds the block stream, what becomes final
 * feeds the commit stream, and history is read back from the bodies that the chain has stored.
 */
import { Chain, type ChainError, type ChainEvent } from "@ephor/chain"
import * as DagBody from "@ephor/chain/DagBody"
import type { BlockRef, CommittedSubDag } from "@ephor/types"
import { Cause, Effect, PubSub, Queue, Result, type Scope, Stream } from "effect"
import type { Service, SourceBlock, SourceEvent, Tip } from "../BlockSource.ts"
import { ObserverError, OutOfRange, Source } from "../ObserverError.ts"
import { BlockLedger } from "./BlockLedger.ts"

/** Limits of a source over a chain. */
export interface ChainOptions {
  /** Number of authorities of the committee. */
  readonly committeeSize: number
  /** Rounds kept below the leader of the last commit. Default 60. */
  readonly gcDepth: number
  /** Commits kept in memory; older ones are read from the chain. Default 1000. */
  readonly maxCommits: number
  /** Bytes of blocks in those commits. Default 128 MiB. */
  readonly maxCommitBytes: number
  /** Bytes of commits read from the chain at a time. Default 4 MiB. */
  readonly readBytes: number
  /** Events of the chain, and of this source, that may wait. Default 4096. */
  readonly maxEvents: number
}

/** Documented defaults. */
export const defaults: Omit<ChainOptions, "committeeSize"> = {
  gcDepth: 60,
  maxCommits: 1000,
  maxCommitBytes: 128 * 1024 * 1024,
  readBytes: 4 * 1024 * 1024,
  maxEvents: 4096
}

const failed = (why: string) => new ObserverError({ where: "BlockSource", reason: new Source({ why }) })
const fromChain = <A>(effect: Effect.Effect<A, ChainError>): Effect.Effect<A, ObserverError> =>
  Effect.mapError(effect, (error) => failed(error.message))

/** Part of a block's body that each stream wants. */
interface Reading {
  readonly commit: CommittedSubDag
  /** Committed blocks, then the newest ones that no commit has yet. */
  readonly blocks: ReadonlyArray<SourceBlock>
}

/** What the body of a chain block says; nothing for the first block of a chain, which has none. */
export const read = (body: Uint8Array): Result.Result<Reading | undefined, string> => {
  if (body.length === 0) return Result.succeed(undefined)
  const subDag = DagBody.subDagOf(body)
  if (Result.isFailure(subDag)) return Result.fail(subDag.failure.message)
  const blocks = [...subDag.success.blocks, ...subDag.success.tip].map(({ bytes, ref }) => ({ bytes, ref }))
  return Result.succeed({ commit: DagBody.committedSubDag(subDag.success), blocks })
}

/** Commits read back from the chain, newest use last. */
class History {
  readonly #commits = new Map<number, CommittedSubDag>()
  readonly #limit: number
  constructor(limit: number) {
    this.#limit = limit
  }
  get(index: number): CommittedSubDag | undefined {
    const commit = this.#commits.get(index)
    if (commit !== undefined) {
      this.#commits.delete(index)
      this.#commits.set(index, commit)
    }
    return commit
  }
  set(commit: CommittedSubDag): void {
    this.#commits.set(commit.commitIndex, commit)
    for (const oldest of this.#commits.keys()) {
      if (this.#commits.size <= this.#limit) break
      this.#commits.delete(oldest)
    }
  }
}

type ReadBlock = (
  block: Pick<BlockRef, "hash" | "number">
) => Effect.Effect<Reading | undefined, ObserverError>

const makeReadBlock = (chain: Chain.Service, failing = fromChain): ReadBlock =>
  Effect.fnUntraced(function* (block) {
    const { body } = yield* failing(chain.content(block.hash))
    const reading = read(body)
    if (Result.isSuccess(reading)) return reading.success
    return yield* failed(`the body of block #${block.number} ${block.hash} is no sub-DAG: ${reading.failure}`)
  })

/** Makes the source; see `BlockSource.layerChain`. */
export const makeChain = Effect.fnUntraced(function* (
  given: Pick<ChainOptions, "committeeSize"> & Partial<ChainOptions>
): Effect.fn.Return<Service, ObserverError, Chain.Chain | Scope.Scope> {
  const options = { ...defaults, ...given }
  const chain = yield* Chain.Chain
  // Subscribe before anything is read, so that nothing falls between.
  const events = yield* Queue.bounded<ChainEvent, Cause.Done>(options.maxEvents)
  yield* Stream.runForEach(chain.events, (event) => Queue.offer(events, event)).pipe(
    Effect.ensuring(Queue.end(events)),
    Effect.forkScoped({ startImmediately: true })
  )
  const hub = yield* PubSub.bounded<SourceEvent>(options.maxEvents)
  yield* Effect.addFinalizer(() => PubSub.shutdown(hub))
  const readBlock = makeReadBlock(chain)
  const ledger = yield* restore(chain, readBlock, options)
  // A source that has stopped needs nothing any more.
  let stopped = false
  yield* chain.keep(Effect.sync(() => (stopped ? Infinity : ledger.tip().highestCommitIndex)))
  yield* Stream.runForEach(Stream.fromQueue(events), makeFollow(chain, readBlock, ledger, hub)).pipe(
    Effect.tapCause((cause) => Effect.logError("the block source has stopped", cause)),
    Effect.ensuring(
      Effect.suspend(() => {
        stopped = true
        return PubSub.shutdown(hub)
      })
    ),
    Effect.ignore,
    Effect.forkScoped
  )
  const tip = Effect.map(chain.history, (lowest): Tip => {
    const known = ledger.tip()
    return { ...known, earliestCommitIndex: Math.max(known.earliestCommitIndex, lowest) }
  })
  const readCommits = makeReadCommits(chain, ledger, tip, options)
  return {
    committeeSize: options.committeeSize,
    tip,
    blocksAfter: (rounds, page) => Effect.sync(() => ledger.blocksAfter(rounds, page)),
    blocksOf: (refs) => Effect.sync(() => ledger.blocksOf(refs)),
    commitsAfter: (index, limit) =>
      Effect.suspend(() =>
        index + 1 >= ledger.firstCommitInMemory
          ? Effect.succeed(ledger.commitsAfter(index, limit))
          : readCommits(index, limit)
      ),
    subscribe: Effect.map(PubSub.subscribe(hub), (subscription) => Stream.fromSubscription(subscription))
  }
})

/** What each event of the chain does to the ledger, and what subscribers are told of it. */
const makeFollow = (
  chain: Chain.Service,
  readBlock: ReadBlock,
  ledger: BlockLedger,
  hub: PubSub.PubSub<SourceEvent>
) => {
  const accept = Effect.fnUntraced(function* (blocks: ReadonlyArray<SourceBlock>) {
    const fresh = ledger.accept(blocks)
    if (fresh.length > 0) yield* PubSub.publish(hub, { _tag: "Accepted", blocks: fresh })
  })
  // A block may be gone again (reverted, blacklisted) by the time its event is read: then nobody needs it.
  const takeIn = (block: BlockRef) =>
    readBlock(block).pipe(
      Effect.flatMap((reading) => accept(reading?.blocks ?? [])),
      Effect.catch((error) => Effect.logDebug("block not streamed", error.message))
    )
  const finalize = Effect.fnUntraced(function* (head: BlockRef) {
    const missing = head.number - ledger.tip().highestCommitIndex
    if (missing <= 0) return
    const parents = missing === 1 ? [] : yield* fromChain(chain.ancestors(head.hash, missing - 1))
    for (const block of [head, ...parents].toReversed()) {
      const reading = yield* readBlock(block)
      if (reading === undefined || reading.commit.commitIndex !== block.number) {
        return yield* failed(
          `the final block #${block.number} ${block.hash} does not hold commit ${block.number}`
        )
      }
      yield* accept(reading.blocks)
      ledger.commit([reading.commit])
      yield* PubSub.publish(hub, { _tag: "Committed", commits: [reading.commit] })
    }
  })
  return (event: ChainEvent): Effect.Effect<void, ObserverError> => {
    switch (event._tag) {
      case "Imported":
        return takeIn(event.block)
      case "Replaced":
        return takeIn(event.replacement)
      case "Promoted":
        return event.level === "Finalized" ? finalize(event.block) : Effect.void
      case "Reverted":
      case "Exhausted":
        return Effect.void
    }
  }
}

/** Commits that are in memory no more, read back from the chain. */
const makeReadCommits = (
  chain: Chain.Service,
  ledger: BlockLedger,
  tip: Effect.Effect<Tip>,
  options: ChainOptions
) => {
  const history = new History(options.maxCommits)
  /** What was deleted meanwhile is out of range, which is no failure of ours. */
  const outOfRange = Effect.flatMap(tip, ({ earliestCommitIndex: earliest, highestCommitIndex: latest }) =>
    Effect.fail(new ObserverError({ where: "BlockSource", reason: new OutOfRange({ earliest, latest }) }))
  )
  const orOutOfRange = <A>(effect: Effect.Effect<A, ChainError>): Effect.Effect<A, ObserverError> =>
    Effect.catch(effect, (error) =>
      error.reason._tag === "Pruned" ? outOfRange : fromChain(Effect.fail(error))
    )
  const readBlock = makeReadBlock(chain, orOutOfRange)
  const commitAt = Effect.fnUntraced(function* (index: number) {
    const known = history.get(index)
    if (known !== undefined) return known
    const block = yield* orOutOfRange(chain.block(index))
    const reading = block._tag === "Some" ? yield* readBlock(block.value) : undefined
    if (reading === undefined) return yield* failed(`commit ${index} is not in the chain any more`)
    history.set(reading.commit)
    return reading.commit
  })
  return Effect.fnUntraced(function* (index: number, limit: number) {
    const out: Array<CommittedSubDag> = []
    const last = Math.min(index + limit, ledger.firstCommitInMemory - 1)
    let bytes = 0
    for (let at = index + 1; at <= last && bytes < options.readBytes; at++) {
      const commit = yield* commitAt(at)
      bytes += commit.blocks.reduce((sum, block) => sum + block.length, 0)
      out.push(commit)
    }
    return out
  })
}

/** Fills a ledger with what the chain holds now: the blocks of the GC window below the final head, and all above it. */
const restore = Effect.fnUntraced(function* (
  chain: Chain.Service,
  readBlock: ReadBlock,
  options: ChainOptions
) {
  const { finalized, localUnsafe } = yield* chain.heads
  const earliest = chain.anchor.derived.number + 1
  const last = yield* readBlock(finalized)
  const gcRound = Math.max(0, (last?.commit.leader.round ?? 0) - options.gcDepth)
  const ledger = new BlockLedger(options, { highest: finalized.number, earliest, gcRound })
  const readings: Array<Reading> = []
  for (let block: BlockRef | undefined = localUnsafe; block !== undefined;) {
    const reading: Reading | undefined = yield* readBlock(block)
    if (reading === undefined) break
    readings.push(reading)
    if (reading.commit.leader.round <= gcRound) break
    const parents: ReadonlyArray<BlockRef> = yield* fromChain(chain.ancestors(block.hash, 1))
    block = parents[0]
  }
  for (const reading of readings.toReversed()) ledger.accept(reading.blocks)
  return ledger
})
