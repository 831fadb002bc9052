/** Follows an execution client: what it drops we drop, what it adds we add. */
import type { Receipt } from "@ephor/types"
import { Effect, type Latch, Metric, Option, Stream } from "effect"
import { type ChainBlock, headIds } from "@ephor/chain/Chain"
import { ChainError, Finalized, Invalidated } from "@ephor/chain/ChainError"
import { clientFailures } from "../Metrics.ts"
import type { Block } from "../NodeEthRpcClient.ts"
import { toRef } from "@ephor/chain/BlockTree"
import { executed, loweredTo, type Parts } from "./Blocks.ts"
import type { Steering } from "./Steering.ts"

/** The highest block of our canonical chain that the client has, too; it must not be below the finalized one. */
const common = Effect.fnUntraced(function* ({ chain: hub, client }: Parts, from: number) {
  const chain = hub()
  const finalized = yield* chain.head("Finalized")
  for (let number = from; number >= finalized.number; number--) {
    const ours = yield* chain.block(number)
    const theirs = yield* client.block(number)
    if (Option.isSome(ours) && theirs?.hash === ours.value.hash) return number
  }
  const { hash, number } = finalized
  return yield* new ChainError({
    method: "follow",
    reason: new Finalized({ block: hash, finalized: number })
  })
})

/** Goes back to what we and the client have in common. */
const followBack = Effect.fnUntraced(function* ({ chain: hub }: Parts, steering: Steering, number: number) {
  const chain = hub()
  const head = Option.getOrThrow(yield* chain.block(number))
  const lowered = loweredTo(toRef(head), yield* chain.heads)
  const reason = `the execution client went back to block ${number}`
  yield* steering.following(head.hash, chain.revert(headIds(lowered), reason))
})

/** The block of ours whose replacement the client has: we were killed before we knew. */
const replaced = Effect.fnUntraced(function* (
  { chain: hub, client }: Parts,
  steering: Steering,
  number: number
) {
  const ours = Option.getOrUndefined(yield* hub().block(number))
  const theirs = yield* client.block(number)
  if (ours === undefined || theirs === undefined) return undefined
  return (yield* steering.isReplacement(ours.hash, theirs)) ? ours.hash : undefined
})

/** A block of the client with its receipts, which are not fetched for a block that we have already. */
interface Fetched {
  readonly block: Block
  readonly receipts: ReadonlyArray<Receipt> | undefined
}

/** Polls for ever; failures are logged, and make the pauses longer. */
export const makeFollowing = (parts: Parts, steering: Steering, running: Latch.Latch) => {
  const { client, companion, options } = parts
  const chain = parts.chain()

  const fetch = Effect.fnUntraced(function* (number: number) {
    const block = yield* client.block(number)
    if (block === undefined) return undefined
    const known = Option.isSome(yield* chain.block(block.hash))
    const fetched: Fetched = { block, receipts: known ? undefined : yield* client.receipts(block) }
    return fetched
  })

  const importNext = Effect.fnUntraced(function* (
    parent: ChainBlock,
    { block, receipts }: Fetched,
    isNewest: boolean,
    isStale: () => boolean
  ) {
    const all = receipts ?? (yield* client.receipts(block))
    const wrapped = yield* companion.wrap(parent, executed(options, block, all), isNewest)
    const head = yield* chain.head("LocalUnsafe")
    if (isStale() || head.hash !== parent.ref.hash) return undefined
    yield* chain.import(wrapped)
    return wrapped
  })

  /** The child of `parent` in our chain, once it is there; nothing if what was fetched is not its child any more. */
  const take = Effect.fnUntraced(function* (
    parent: ChainBlock,
    fetched: Fetched | undefined,
    latest: number,
    isStale: () => boolean
  ) {
    // The client went back meanwhile: the next look sees where it stands.
    if (isStale() || fetched?.block.parentHash !== parent.ref.hash) return undefined
    const { hash, number } = fetched.block
    if (yield* chain.isInvalidated(hash)) {
      return yield* new ChainError({ method: "follow", reason: new Invalidated({ block: hash }) })
    }
    if (Option.isNone(yield* chain.block(hash))) {
      return yield* importNext(parent, fetched, number === latest, isStale)
    }
    const known = yield* chain.content(hash)
    yield* chain.import(known)
    return known
  })

  /** Takes the blocks after `shared`, in order, while the ones behind them are being fetched. */
  const forward = Effect.fnUntraced(function* (shared: number, latest: number, isStale: () => boolean) {
    let parent = yield* chain.content(Option.getOrThrow(yield* chain.block(shared)).hash)
    yield* Stream.range(shared + 1, latest).pipe(
      // As a result: a block that cannot be fetched must not stop those before it.
      Stream.mapEffect((number) => Effect.result(fetch(number)), { concurrency: options.fetchAheadBlocks }),
      Stream.runForEachWhile((result) =>
        Effect.gen(function* () {
          const child = yield* take(parent, yield* Effect.fromResult(result), latest, isStale)
          if (child !== undefined) parent = child
          return child !== undefined
        })
      )
    )
  })

  /** One look at the client: back to what is common, then forward to its latest block. */
  const poll = Effect.gen(function* () {
    const isStale = steering.watch()
    const latest = yield* client.block("latest")
    const head = yield* chain.head("LocalUnsafe")
    if (latest === undefined || latest.hash === head.hash) return
    const shared = yield* common(parts, Math.min(head.number, latest.number))
    if (isStale()) return
    if (shared < head.number) {
      const invalid = yield* replaced(parts, steering, shared + 1)
      if (invalid !== undefined) return void (yield* chain.invalidate(invalid))
      if (isStale()) return
      yield* followBack(parts, steering, shared)
    }
    yield* forward(shared, latest.number, isStale)
  })

  return Effect.gen(function* () {
    let pauseMs = options.pollIntervalMs
    for (;;) {
      yield* running.await
      const done = yield* poll.pipe(
        Effect.as(true),
        Effect.tapError(() => Metric.update(clientFailures, 1)),
        Effect.catch((error) =>
          Effect.as(Effect.logWarning(`following ${client.url}: ${error.message}`), false)
        ),
        Effect.catchDefect((defect) => Effect.as(Effect.logError(`following ${client.url}`, defect), false))
      )
      pauseMs = done ? options.pollIntervalMs : Math.min(pauseMs * 2, options.retryLimitMs)
      yield* Effect.sleep(pauseMs)
    }
  })
}
