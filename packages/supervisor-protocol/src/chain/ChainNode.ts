/**
 * A managed node over the `Chain` of this process (supervisor-managed-node; node-side behaviour as in op-node).
 */
import { Effect, Option, PubSub, Queue, type Scope, Stream } from "effect"
import { Chain, type ChainError } from "@ephor/chain"
import type { BlockId, BlockRef, Hash, Heads, L2BlockRef, Timestamp } from "@ephor/types"
import * as ManagedEvent from "../ManagedEvent.ts"
import type { ChainOptions, Limits, Service } from "../ManagedNode.ts"
import {
  BlockNotFound,
  Conflict,
  InteropInactive,
  LookupFailed,
  Refused,
  type ResetHead,
  TargetNotFound
} from "../ManagedNodeError.ts"
import { byHash, fail, fromChain } from "./Lookup.ts"
import { makeUpdates } from "./Updates.ts"

/** The five heads in the order in which a reset verifies them. */
const resetOrder: ReadonlyArray<readonly [keyof Heads, ResetHead]> = [
  ["localUnsafe", "unsafe"],
  ["crossUnsafe", "cross-unsafe"],
  ["localSafe", "safe"],
  ["crossSafe", "cross-safe"],
  ["finalized", "finalized"]
]

const zeroHash: Hash = `0x${"00".repeat(32)}`
const isZero = (block: BlockId) => block.number === 0 && block.hash === zeroHash

export const makeChainNode = Effect.fnUntraced(function* (
  options: ChainOptions,
  limits: Limits
): Effect.fn.Return<Service, never, Chain.Chain | Scope.Scope> {
  const chain = yield* Chain.Chain
  const interopTime = options.interopTime ?? 0
  const driver = yield* makeDriver(chain, limits, interopTime)
  const provideL1 = yield* makeProvider(chain, limits)
  return {
    ...makeLookups(chain, options),
    events: driver.events,
    connection: Stream.concat(Stream.make("Connected" as const), Stream.never),
    chainId: Effect.succeed(options.chainId),
    anchorPoint:
      chain.anchor.derived.timestamp >= interopTime
        ? Effect.succeed(chain.anchor)
        : fail("interop_anchorPoint", new InteropInactive()),
    provideL1,
    ...makeUpdates(chain),
    invalidateBlock: Effect.fn("ManagedNode.invalidateBlock")(function* ({ hash }) {
      const method = "interop_invalidateBlock"
      yield* byHash(chain, method, "failed to get block: ", hash)
      yield* chain.invalidate(hash).pipe(Effect.mapError(fromChain(method, "")))
    }),
    reset: Effect.fn("ManagedNode.reset")(function* (heads) {
      const targets = yield* verifyTargets(chain, heads)
      yield* checkUnsafeTarget(chain, options, targets.localUnsafe)
      yield* chain
        .revert(targets, "commanded by the supervisor", { commanded: true })
        .pipe(Effect.mapError((error) => fromChain("interop_reset", tooDeep(error))(error)))
      yield* driver.confirm
    }),
    resetPreInterop: Effect.gen(function* () {
      const heads = Chain.headIds(yield* chain.heads)
      yield* chain
        .revert(heads, "commanded by the supervisor", { commanded: true })
        .pipe(Effect.mapError(fromChain("interop_resetPreInterop", "")))
      yield* driver.confirm
    }).pipe(Effect.withSpan("ManagedNode.resetPreInterop"))
  }
})

/** go-ethereum's rollups: a batch is valid for 12 hours of L1. */
const sequencerWindowBlocks = 3600

/** A head to which nobody can mean to go back: too far, or before interop. */
const checkUnsafeTarget = Effect.fnUntraced(function* (
  chain: Chain.Service,
  options: ChainOptions,
  target: BlockId
) {
  const method = "interop_reset"
  const at = (hash: Hash) => Effect.mapError(chain.block(hash), fromChain(method, ""))
  const head = yield* at((yield* chain.head("LocalUnsafe")).hash)
  const next = yield* at(target.hash)
  if (Option.isNone(head) || Option.isNone(next)) return
  const window = options.sequencerWindowBlocks ?? sequencerWindowBlocks
  const { hash, l1origin, number, timestamp } = next.value
  if (l1origin.number + 5 * window < head.value.l1origin.number) {
    const text = `reorg is too deep: traversed back to L2 block ${hash}:${number}, more than ${5 * window} L1 blocks behind ${head.value.hash}:${head.value.number}`
    return yield* fail(method, new Refused({ text }))
  }
  if (timestamp < (options.interopTime ?? 0)) {
    const text = `proposed local-unsafe block ${hash}:${number} is not interop-enabled`
    return yield* fail(method, new Refused({ text }))
  }
})

/** One fiber folds the chain's events for all subscribers, another one repeats the reset that nobody carried out. */
const makeDriver = Effect.fnUntraced(function* (
  chain: Chain.Service,
  limits: Limits,
  interopTime: Timestamp
) {
  const hub = yield* PubSub.sliding<ManagedEvent.ManagedEvent>(limits.eventBuffer)
  let state = ManagedEvent.initial
  yield* chain.events.pipe(
    Stream.runForEachArray((events) => {
      const out: Array<ManagedEvent.ManagedEvent> = []
      for (const event of events) {
        const [next, more] = ManagedEvent.step(state, event)
        state = next
        out.push(...more.filter((told) => ManagedEvent.isTold(told, interopTime)))
      }
      return PubSub.publishAll(hub, out)
    }),
    Effect.ensuring(PubSub.shutdown(hub)),
    Effect.forkScoped({ startImmediately: true })
  )
  yield* Effect.sleep(limits.repeatMs).pipe(
    Effect.andThen(
      Effect.suspend(() => PubSub.publishAll(hub, state.awaiting === undefined ? [] : [state.awaiting]))
    ),
    Effect.forever,
    Effect.forkScoped
  )
  const events = Stream.unwrap(
    Effect.map(PubSub.subscribe(hub), (subscription) =>
      Stream.concat(
        Stream.fromIterable(state.awaiting === undefined ? [] : [state.awaiting]),
        Stream.fromSubscription(subscription)
      )
    )
  )
  return {
    events,
    confirm: Effect.sync(() => {
      state = ManagedEvent.confirmed(state)
    })
  }
})

/** L1 blocks are handed to the chain one after the other, after the caller has its answer. */
const makeProvider = Effect.fnUntraced(function* (chain: Chain.Service, limits: Limits) {
  const offers = yield* Queue.dropping<BlockRef>(limits.provideQueue)
  yield* Queue.take(offers).pipe(
    Effect.flatMap((block) =>
      chain.provide(block).pipe(
        Effect.catch((error) =>
          Effect.logWarning("the chain did not take an L1 block", {
            hash: block.hash,
            number: block.number,
            why: error.message
          })
        )
      )
    ),
    Effect.forever,
    Effect.forkScoped
  )
  return (block: BlockRef) =>
    Effect.flatMap(Queue.offer(offers, block), (taken) =>
      taken
        ? Effect.void
        : Effect.logDebug("an L1 block was ignored: too many are waiting", {
            hash: block.hash,
            number: block.number
          })
    )
})

/** Whether a block is so far below finality that it is not kept any more. */
const isPruned = (chain: Chain.Service, { number }: BlockId) =>
  Effect.map(chain.history, (lowest) => number < lowest && number > chain.anchor.derived.number)

const tooDeep = (error: ChainError) => (error.reason._tag === "Finalized" ? "reorg is too deep: " : "")

/** The heads to go to, or the first one that the chain does not have. */
const verifyTargets = Effect.fnUntraced(function* (chain: Chain.Service, heads: Heads) {
  const method = "interop_reset"
  for (const [key, head] of resetOrder) {
    const target = heads[key]
    if (key === "finalized" && (isZero(target) || (yield* isPruned(chain, target)))) continue
    const found = yield* chain.block(target.number).pipe(
      Effect.catch((error) => {
        if (error.reason._tag === "UnknownBlock") return Effect.succeedNone
        return error.reason._tag === "Pruned"
          ? Effect.fail(fromChain(method, "")(error))
          : fail(method, new LookupFailed({ head }))
      })
    )
    if (Option.isNone(found)) return yield* fail(method, new TargetNotFound({ head }))
    if (found.value.hash !== target.hash) return yield* fail(method, new Conflict({ block: found.value }))
  }
  if (!isZero(heads.finalized) && !(yield* isPruned(chain, heads.finalized))) return heads
  const { hash, number } = yield* chain.head("Finalized")
  return { ...heads, finalized: { hash, number } }
})

/** Everything that only reads. */
const makeLookups = (chain: Chain.Service, options: ChainOptions) => {
  const atNumber = (method: string) => (number: number) =>
    chain.block(number).pipe(
      Effect.mapError(fromChain(method, "")),
      Effect.flatMap(
        Option.match({
          onSome: (block) => Effect.succeed(block),
          onNone: () => fail(method, new BlockNotFound({ text: `block not found: ${number}` }))
        })
      )
    )
  const atTime = Effect.fnUntraced(function* (method: string, timestamp: Timestamp) {
    const genesis = chain.anchor.derived.timestamp
    if (timestamp < genesis) {
      return yield* fail(method, new Refused({ text: `did not reach genesis time (${genesis}) yet` }))
    }
    const head = yield* chain.head("LocalUnsafe")
    const found =
      timestamp < head.timestamp + (options.blockTimeSeconds ?? 1)
        ? yield* chain.blockAt(timestamp).pipe(Effect.mapError(fromChain(method, "")))
        : Option.none<L2BlockRef>()
    if (Option.isSome(found)) return found.value
    return yield* fail(
      method,
      new BlockNotFound({ text: `block not found: nothing at timestamp ${timestamp} yet` })
    )
  })
  const content = (method: string, hash: Hash) =>
    chain.content(hash).pipe(Effect.mapError(fromChain(method, "")))
  const outputAt = (method: string, pending: boolean) =>
    Effect.fnUntraced(function* (timestamp: Timestamp) {
      const { hash } = yield* atTime(method, timestamp)
      const replaced = pending ? (yield* content(method, hash)).pending : undefined
      return replaced ?? (yield* chain.output(hash).pipe(Effect.mapError(fromChain(method, ""))))
    })
  // No spans here: a supervisor asks for every block, and a span costs more than the answer.
  return {
    fetchReceipts: (hash: Hash) =>
      Effect.map(content("interop_fetchReceipts", hash), ({ receipts }) => receipts),
    l2BlockRefByTimestamp: (timestamp: Timestamp) => atTime("interop_l2BlockRefByTimestamp", timestamp),
    l2BlockRefByNumber: atNumber("interop_l2BlockRefByNumber"),
    blockRefByNumber: atNumber("interop_blockRefByNumber"),
    outputV0AtTimestamp: outputAt("interop_outputV0AtTimestamp", false),
    pendingOutputV0AtTimestamp: outputAt("interop_pendingOutputV0AtTimestamp", true)
  } satisfies Partial<Service>
}
