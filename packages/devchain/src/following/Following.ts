/** A followed chain: page after page from its maker, checked, then taken in. */
import { type BlockNumber, type Hash, verifyDagBlock } from "@ephor/types"
import { Effect, Latch, Metric, Option, Queue, Result, Stream } from "effect"
import {
  type Backend,
  type ChainBlock,
  headIds,
  type HeadRefs,
  make as makeChain,
  type Service as Chain
} from "@ephor/chain/Chain"
import { Backend as BackendReason, ChainError, Unsupported } from "@ephor/chain/ChainError"
import { type FeedBlock, type Locator, type Page, type Service as ChainFeed } from "../ChainFeed.ts"
import { committeeOf } from "@ephor/chain/Committee"
import { type SubDag, subDagOf } from "@ephor/chain/DagBody"
import type { Service as DevChain } from "../DevChain.ts"
import { execute, genesis as genesisBlock } from "../DevExecution.ts"
import { feedFailures } from "../DevMetrics.ts"
import * as FinalityVotes from "../finality/FinalityVotes.ts"
import type { Resolved } from "../FollowedChain.ts"
import { toRef } from "@ephor/chain/BlockTree"
import { makeRelayStates } from "../runtime/RelayStates.ts"
import { ed25519Verify } from "@ephor/keystore/Signatures"

/** Only the newest final block matters: older ones that nobody took yet are dropped. */
const finalityBacklog = 4

/** Newest blocks that a locator names one by one; further down each step is twice the last. */
const denseLocator = 8

const malformed = (hash: Hash, cause: unknown) =>
  new ChainError({
    method: "follow",
    reason: new BackendReason({ what: `block ${hash} of the chain's maker does not hold`, cause })
  })

/** Where we stand, for the maker. */
const locatorOf = Effect.fnUntraced(function* (chain: Chain, declined: BlockNumber) {
  const { finalized, localUnsafe } = yield* chain.heads
  const known: Array<Hash> = [localUnsafe.hash]
  let step = 1
  for (let number = localUnsafe.number - 1; number > finalized.number; number -= step) {
    const ref = yield* chain.block(number)
    if (Option.isSome(ref)) known.push(ref.value.hash)
    if (known.length > denseLocator) step *= 2
  }
  if (localUnsafe.hash !== finalized.hash) known.push(finalized.hash)
  const locator: Locator = { known, finalized: Math.max(finalized.number, declined) }
  return locator
})

/** Goes back to what we and the maker have in common. */
const followBack = Effect.fnUntraced(function* (chain: Chain, number: BlockNumber) {
  const head = Option.getOrThrow(yield* chain.block(number))
  const heads = yield* chain.heads
  const lowered = Object.fromEntries(
    Object.entries(heads).map(([level, ref]) => [level, ref.number > number ? toRef(head) : ref])
  ) as unknown as HeadRefs
  yield* chain.revert(headIds(lowered), `the chain's maker went back to block ${number}`, { commanded: true })
})

/** Builds the chain with its services; following runs in the scope. */
export const makeFollowedChain = Effect.fnUntraced(function* (feed: ChainFeed, options: Resolved) {
  const committee = committeeOf(options.authors)
  const genesis = genesisBlock({
    chainId: options.chainId,
    timestamp: options.genesisTime,
    ...(options.l1Genesis === undefined ? {} : { l1origin: options.l1Genesis })
  })
  const finality = yield* Queue.sliding<Hash>(finalityBacklog)
  const backend: Backend = {
    genesis,
    anchorSource: options.l1Genesis ?? toRef(genesis.ref),
    finality: Stream.fromQueue(finality)
  }
  const chain = yield* makeChain(backend, options.chainLimits)
  const relay = yield* makeRelayStates(options.runtime, options, () => chain)
  // What is final is the maker's word; only a validator of ours that waits for people keeps us from taking it over.
  const votes = FinalityVotes.make({ votes: 1 }, () => chain)

  /** The block as its body makes it, or why it is none. */
  const verified = (parent: ChainBlock, { body, ref }: FeedBlock) =>
    Effect.gen(function* () {
      const subDag: SubDag = yield* Effect.mapError(Effect.fromResult(subDagOf(body)), (cause) =>
        malformed(ref.hash, cause)
      )
      const forged = [...subDag.blocks, ...subDag.tip].find(
        (block) => verifyDagBlock(block, committee, ed25519Verify) !== true
      )
      if (forged !== undefined) {
        return yield* malformed(ref.hash, new Error(`no author signed its DAG block ${forged.ref.digest}`))
      }
      const l1origin = options.l1Genesis === undefined ? undefined : ref.l1origin
      const block = execute({ parent, timestamp: ref.timestamp, l1origin }, subDag, body)
      if (block.ref.hash !== ref.hash) {
        return yield* malformed(ref.hash, new Error(`its content makes block ${block.ref.hash}`))
      }
      return { block, subDag }
    })

  /** Takes blocks in until one was found invalid here; whether all were. */
  const takeBlocks = Effect.fnUntraced(function* (blocks: Page["blocks"]) {
    for (const fed of blocks) {
      if (yield* chain.isInvalidated(fed.ref.hash)) return false
      if (yield* chain.isInvalidated(fed.ref.parentHash)) return false
      const parent = yield* chain.content(fed.ref.parentHash)
      const { block, subDag } = yield* verified(parent, fed)
      yield* relay.advance(parent, block, subDag)
      yield* chain.import(block)
    }
    return true
  })

  let declined: BlockNumber = 0
  const turn = Effect.gen(function* () {
    const page = yield* feed.next(yield* locatorOf(chain, declined))
    const ours = yield* chain.head("LocalUnsafe")
    const common = yield* chain.block(page.common.number)
    // While we asked, our own verdict may have taken out what we had in common: the next page begins lower.
    if (Option.isNone(common) || common.value.hash !== page.common.hash) return false
    if (ours.number > page.common.number) yield* followBack(chain, page.common.number)
    const all = yield* takeBlocks(page.blocks)
    const finalized = yield* chain.head("Finalized")
    if (page.finalized.number > finalized.number && Option.isSome(yield* chain.block(page.finalized.hash))) {
      // What was declined is no news any more: the maker need not tell it again.
      if (yield* votes.isStanding(page.finalized.hash)) declined = page.finalized.number
      else yield* Queue.offer(finality, page.finalized.hash)
    }
    return all && page.blocks.length > 0
  })

  const running = yield* Latch.make(true)
  const following = Effect.gen(function* () {
    let pauseMs = options.pauseMs
    for (;;) {
      yield* running.await
      const moved = yield* turn.pipe(
        Effect.result,
        Effect.catchDefect((defect) => Effect.succeed(Result.fail(malformed(genesis.ref.hash, defect))))
      )
      if (Result.isFailure(moved)) {
        yield* Metric.update(feedFailures, 1)
        if (pauseMs === options.pauseMs)
          yield* Effect.logWarning(`following the chain's maker: ${moved.failure.message}`)
        pauseMs = Math.min(pauseMs * 2, options.retryLimitMs)
      } else pauseMs = options.pauseMs
      if (!(Result.isSuccess(moved) && moved.success)) yield* Effect.sleep(pauseMs)
    }
  })
  yield* Effect.forkScoped(following)

  const devChain: DevChain = {
    committee,
    submit: () =>
      Effect.fail(
        new ChainError({
          method: "submit",
          reason: new Unsupported({ what: "take transactions: send them to the node that makes the blocks" })
        })
      ),
    provideInherents: feed.provideInherents,
    provideBlocks: feed.provideBlocks,
    reject: relay.reject,
    voteFinality: votes.register,
    finalityWaited: Effect.succeed(0),
    pause: Effect.asVoid(running.close),
    resume: Effect.asVoid(running.open)
  }
  return { chain, devChain, runtimeApi: relay.api }
})
