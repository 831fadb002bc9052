/**
 * Keeping the logs database equal to the chain of the nodes: new blocks in order, and the way back when the nodes'
 * unsafe chain turned out to be another one.
 */
import { Effect, Metric, Option, Result } from "effect"
import type { BlockNumber, BlockRef, ChainId, Receipt } from "@ephor/types"
import type { ManagedNodeError } from "@ephor/supervisor-protocol/ManagedNodeError"
import { sealBlock } from "../BlockLogs.ts"
import * as DerivationDb from "../DerivationDb.ts"
import type { Fault, Verdict } from "../Fault.ts"
import * as LogsDb from "../LogsDb.ts"
import * as Metrics from "../Metrics.ts"
import type { SupervisorError } from "../SupervisorError.ts"
import { type ChainContext, crossSafeEntry, rewindLogs, stateOf } from "../supervisor/ChainContext.ts"
import type { NodeLink } from "../node/Link.ts"

/** Whether derivation allows a block: unknown heights do, a different local-safe block does not. */
const isAccepted = (local: DerivationDb.DerivationDb, block: BlockRef): Verdict<void> => {
  const found = DerivationDb.ofDerived(local, block, "last")
  if (Result.isSuccess(found)) return Result.void
  return found.failure._tag === "Conflict" || found.failure._tag === "AwaitReplacement"
    ? Result.fail(found.failure)
    : Result.void
}

/** Takes logs above a block out, unless the block is not ours any more. */
const rewindTo = Effect.fnUntraced(function* (chain: ChainContext, to: LogsDb.SealedBlock) {
  const { ledger } = chain.shared
  const removed = yield* ledger.decide(() => {
    const rewind = rewindLogs(ledger, chain.id, to)
    return { result: rewind.removed, changes: [rewind.own, ...rewind.others] }
  })
  if (removed === 0) return
  chain.shared.wakeAll()
  yield* Metric.update(Metric.withAttributes(Metrics.rewoundBlocks, { chain: chain.id }), removed)
  yield* Effect.logInfo("the unsafe chain was reorganised", { to: to.number, removed })
})

/**
 * Finds the highest block, from the cross-safe head up, that a node and we have in common, by bisection. A node that
 * is merely behind changes nothing; a node with another block makes us go back to the common one.
 */
export const reconcileUnsafe = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink
): Effect.fn.Return<void, ManagedNodeError | SupervisorError> {
  const { logs } = stateOf(chain)
  const head = logs.at(-1)
  const floor = crossSafeEntry(chain)?.derived ?? logs[0]
  if (head === undefined || floor === undefined) return
  let low = floor.number
  let high = head.number + 1
  let differs = false
  // The head first: nearly always, nothing has changed.
  for (let probe = head.number; probe > low; probe = Math.floor((low + high) / 2)) {
    const theirs = yield* link.headerAt(probe)
    const ours = LogsDb.at(logs, probe)
    if (Option.isSome(theirs) && theirs.value.hash === ours?.hash) low = probe
    else {
      high = probe
      differs ||= Option.isSome(theirs)
    }
  }
  const common = LogsDb.at(logs, low)
  if (differs && common !== undefined) yield* rewindTo(chain, common)
})

/** A new unsafe block of a node: what is known is passed over, what contradicts us makes us look for the fork. */
export const onUnsafeBlock = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  block: BlockRef
): Effect.fn.Return<void, ManagedNodeError | SupervisorError> {
  const state = stateOf(chain)
  const known = LogsDb.at(state.logs, block.number)
  if (known?.hash === block.hash) {
    const head = state.crossUnsafe
    // A node that catches up learns what is cross-unsafe already.
    if (head !== undefined && block.number <= head.number) {
      link.post("updateCrossUnsafe", link.node.updateCrossUnsafe({ hash: block.hash, number: block.number }))
    }
    return
  }
  const accepted = isAccepted(state.local, block)
  if (Result.isFailure(accepted)) {
    return yield* Effect.logDebug(`unsafe block ${block.number} is not indexed: ${accepted.failure.detail}`)
  }
  if (known !== undefined) yield* reconcileUnsafe(chain, link)
  if (block.number > chain.indexTarget) chain.indexTarget = block.number
  chain.indexLink = link
})

/**
 * A block became local-safe. If the logs hold another one at its height, they go back to the last block that derivation
 * agrees with; then they are indexed up to it.
 */
export const followSafe = Effect.fnUntraced(function* (
  chain: ChainContext,
  link: NodeLink,
  block: BlockRef
): Effect.fn.Return<void, SupervisorError> {
  const { local, logs } = stateOf(chain)
  const ours = LogsDb.at(logs, block.number)
  if (ours !== undefined && ours.hash !== block.hash) {
    let low = crossSafeEntry(chain)?.derived.number ?? logs[0]!.number
    let high = block.number
    while (low + 1 < high) {
      const middle = Math.floor((low + high) / 2)
      const sealed = LogsDb.at(logs, middle)
      const agrees = sealed !== undefined && Result.isSuccess(DerivationDb.ofDerived(local, sealed, "last"))
      if (agrees) low = middle
      else high = middle
    }
    const common = LogsDb.at(logs, low)
    if (common !== undefined) yield* rewindTo(chain, common)
  }
  if (block.number > chain.indexTarget) chain.indexTarget = block.number
  chain.indexLink ??= link
})

type Fetched = readonly [BlockRef, ReadonlyArray<Receipt>]

/** The next blocks with their receipts, as far as the node has them. */
const fetchNext = Effect.fnUntraced(function* (link: NodeLink, from: number, to: number) {
  const numbers = Array.from({ length: to - from + 1 }, (_, i) => from + i)
  const blocks = yield* Effect.forEach(numbers, link.headerAt, { concurrency: numbers.length })
  const missing = blocks.findIndex(Option.isNone)
  const present = Option.all(missing < 0 ? blocks : blocks.slice(0, missing))
  return yield* Effect.forEach(
    Option.getOrElse(present, (): ReadonlyArray<BlockRef> => []),
    (block): Effect.Effect<Fetched, ManagedNodeError> =>
      Effect.map(link.ask(link.node.fetchReceipts(block.hash), "interop_fetchReceipts"), (receipts) => [
        block,
        receipts
      ]),
    { concurrency: numbers.length }
  )
})

interface Appended {
  readonly count: number
  /** The chains that the executing messages say they come from. */
  readonly messages: ReadonlyArray<ChainId>
  readonly fault: Fault | undefined
}

/** Seals fetched blocks one on top of the other, as far as they fit. What comes of them is told after promotion only. */
const append = (chain: ChainContext, fetched: ReadonlyArray<Fetched>) =>
  chain.shared.ledger.decideAhead<Appended>(() => {
    const { local, logs } = stateOf(chain)
    const sealed: Array<LogsDb.SealedBlock> = []
    let fault: Fault | undefined
    for (const [block, receipts] of fetched) {
      const top = sealed.at(-1) ?? logs.at(-1)
      const next = Result.flatMap(isAccepted(local, block), () =>
        sealBlock(top === undefined ? [] : [top], block, receipts)
      )
      if (Result.isFailure(next)) {
        fault = next.failure
        break
      }
      sealed.push(next.success)
    }
    const messages = sealed.flatMap(({ executing }) => executing.map(({ message }) => message.chainId))
    const changes =
      sealed.length === 0 ? [] : [{ chainId: chain.id, logs: { keep: logs.length, append: sealed } }]
    return { result: { count: sealed.length, messages, fault }, changes }
  })

/** Counts messages by the chain that they say they come from; one that is not supervised counts without a name. */
const countMessages = ({ id, shared }: ChainContext, from: ReadonlyArray<ChainId>) => {
  shared.executingMessages += from.length
  for (const chain of from) {
    const row = shared.messages.get(chain)
    row?.set(id, (row.get(id) ?? 0) + 1)
  }
}

/** Indexes one batch from one node; answers whether it got anywhere. */
const indexFrom = Effect.fnUntraced(function* (chain: ChainContext, link: NodeLink) {
  const head = stateOf(chain).logs.at(-1)
  if (head === undefined) return false
  const to = Math.min(chain.indexTarget, head.number + chain.shared.options.indexBatch)
  const fetched = yield* fetchNext(link, head.number + 1, to)
  const { count, fault, messages } = yield* append(chain, fetched)
  if (messages.length > 0) {
    countMessages(chain, messages)
    yield* Metric.update(
      Metric.withAttributes(Metrics.executingMessages, { chain: chain.id }),
      messages.length
    )
  }
  if (fault === undefined) return count > 0
  if (fault._tag === "Conflict" && count === 0) {
    const before = stateOf(chain).version
    yield* reconcileUnsafe(chain, link)
    return stateOf(chain).version !== before
  }
  if (fault._tag !== "AwaitReplacement") yield* Effect.logWarning(`a block was not indexed: ${fault.detail}`)
  return count > 0
})

/** Whether less than a batch is to be indexed, and more of it was reported since the last look. */
const isGrowing = (chain: ChainContext, head: BlockNumber): boolean => {
  const target = chain.indexTarget
  const grows = target !== chain.lastIndexTarget && target < head + chain.shared.options.indexBatch
  chain.lastIndexTarget = target
  return grows
}

/**
 * Indexes the next batch, if there is something to index: first from the node that reported it, then from the others.
 * Answers whether there may be more right away. Reports that came together are one batch, which waits for the disk once:
 * while the batch grows, the next one of the inputs that wait is heard first.
 */
export const indexMore = Effect.fnUntraced(function* (
  chain: ChainContext
): Effect.fn.Return<boolean, SupervisorError> {
  const { local, logs } = stateOf(chain)
  const head = logs.at(-1)
  const waiting = DerivationDb.marker(local)
  if (head === undefined || head.number >= chain.indexTarget || waiting?.derived.number === head.number + 1)
    return false
  if (isGrowing(chain, head.number)) return true
  const links = [...chain.links].sort((a, b) => Number(b === chain.indexLink) - Number(a === chain.indexLink))
  let answered = true
  for (const link of links) {
    const progressed = yield* indexFrom(chain, link).pipe(
      Effect.catchTag("ManagedNodeError", (error) => {
        answered = false
        return Effect.as(Effect.logWarning(`indexing from ${link.name} failed: ${error.message}`), false)
      })
    )
    if (progressed) return (logs.at(-1)?.number ?? 0) < chain.indexTarget
  }
  // All nodes answered and none has a block that fits: the next event says how far to go.
  if (answered) chain.indexTarget = logs.at(-1)?.number ?? 0
  return false
})
