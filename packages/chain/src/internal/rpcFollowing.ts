/** Follows an execution client: what it drops we drop, what it adds we add. */
import { Effect, type Latch, Metric, Option } from "effect"
import { type ChainBlock, headIds, type HeadRefs } from "../Chain.ts"
import { ChainError, Finalized, Invalidated } from "../ChainError.ts"
import { clientFailures } from "../DevMetrics.ts"
import type { Block } from "../NodeEthRpcClient.ts"
import { toRef } from "./chainState.ts"
import type { Providers } from "./inherents.ts"
import { type Parts, wrap } from "./rpcBlocks.ts"
import type { Steering } from "./rpcSteering.ts"

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
  const heads = yield* chain.heads
  const lowered = Object.fromEntries(
    Object.entries(heads).map(([level, ref]) => [level, ref.number > number ? toRef(head) : ref])
  ) as unknown as HeadRefs
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

/** Polls for ever; failures are logged, and make the pauses longer. */
export const makeFollowing = (
  parts: Parts,
  steering: Steering,
  providers: Providers,
  running: Latch.Latch
) => {
  const { client, dag, options, relay } = parts
  const chain = parts.chain()

  const importNext = Effect.fnUntraced(function* (
    parent: ChainBlock,
    block: Block,
    newest: boolean,
    isStale: () => boolean
  ) {
    const inherent = newest ? yield* providers.ask(yield* dag.nextLeader, toRef(parent.ref)) : null
    const receipts = yield* client.receipts(block)
    const wrapped = yield* wrap(parts, parent, block, yield* relay.carrying(parent, inherent), receipts)
    const head = yield* chain.head("LocalUnsafe")
    if (isStale() || head.hash !== parent.ref.hash) return undefined
    yield* chain.import(wrapped)
    return wrapped
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
      yield* followBack(parts, steering, shared)
    }
    let parent = yield* chain.content(Option.getOrThrow(yield* chain.block(shared)).hash)
    while (parent.ref.number < latest.number) {
      const block = yield* client.block(parent.ref.number + 1)
      // The client went back meanwhile: the next look sees where it stands.
      if (isStale() || block === undefined || block.parentHash !== parent.ref.hash) return
      if (yield* chain.isInvalidated(block.hash)) {
        return yield* new ChainError({ method: "follow", reason: new Invalidated({ block: block.hash }) })
      }
      if (Option.isSome(yield* chain.block(block.hash))) {
        parent = yield* chain.content(block.hash)
        yield* chain.import(parent)
        continue
      }
      const next = yield* importNext(parent, block, block.number === latest.number, isStale)
      if (next === undefined) return
      parent = next
    }
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
