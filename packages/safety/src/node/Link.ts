/**
 * The supervisor's end of one managed node: bounded calls for what is needed now, and an outbox that keeps only the
 * newest of each kind of update, so that a slow node never holds up its chain.
 */
import { Cause, Effect, Latch, Metric, type Option, type Scope } from "effect"
import type { BlockId, BlockNumber, BlockRef, ChainId, DerivedBlockRefPair, L2BlockRef } from "@ephor/types"
import type { Service as ManagedNode } from "@ephor/supervisor-protocol/ManagedNode"
import { ManagedNodeError, TimedOut } from "@ephor/supervisor-protocol/ManagedNodeError"
import * as Metrics from "../Metrics.ts"
import * as OpMetrics from "../OpMetrics.ts"

/** Kinds of updates: of each, only the newest is worth sending. */
export type UpdateKind =
  | "invalidateBlock"
  | "updateCrossUnsafe"
  | "updateCrossSafe"
  | "updateFinalized"
  | "provideL1"

/** A block with its L1 origin, which older nodes do not tell. */
export type NodeBlock = BlockRef & { readonly l1origin?: BlockId }

export interface NodeLink {
  readonly name: string
  readonly chainId: ChainId
  readonly node: ManagedNode
  /** Events that were queued under an older epoch are stale: the node was reset in between. */
  epoch: number
  /** The last local-safe block that the node reported. */
  safe: BlockId | undefined
  /** What the node wants the next L1 block for. */
  exhausted: DerivedBlockRefPair | undefined
  /** When the last reset began, in milliseconds. */
  resetAtMs: number
  /** It contradicted us too soon after a reset to be reset again: that is looked at later. */
  owesReset: boolean
  /** While a reset runs, nothing else is sent. */
  resetting: boolean
  /** Queues an update in place of an older one of its kind. */
  readonly post: (kind: UpdateKind, call: Effect.Effect<void, ManagedNodeError>) => void
  /** Forgets the updates that were not sent yet. */
  readonly clear: () => void
  /** A call with the time limit of all calls. */
  readonly ask: <A>(
    call: Effect.Effect<A, ManagedNodeError>,
    method: string
  ) => Effect.Effect<A, ManagedNodeError>
  /** The same, without its L1 origin, which some nodes have to look up. */
  readonly headerAt: (number: BlockNumber) => Effect.Effect<Option.Option<BlockRef>, ManagedNodeError>
  /** An invalid block that the node goes on with, once that was told. */
  reported: BlockId["hash"] | undefined
  /** The node's block at a height; none if it has no such block. */
  readonly blockAt: (number: BlockNumber) => Effect.Effect<Option.Option<NodeBlock>, ManagedNodeError>
}

/** How op-node says that it has no block at a height; no other refusal of a look-up has these words. */
const notFound = /\bnot found\b/i

const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const squashed = Cause.squash(cause)
  return squashed instanceof Error ? squashed.message : String(squashed)
}

const withLimit =
  (afterMs: number): NodeLink["ask"] =>
  (call, method) =>
    Effect.timeoutOrElse(call, {
      duration: afterMs,
      orElse: () => Effect.fail(new ManagedNodeError({ method, reason: new TimedOut({ afterMs }) }))
    }).pipe(OpMetrics.asClientCall(method))

/** No block is one that the node does not have. */
const orNone = <A>(asked: Effect.Effect<A, ManagedNodeError>) =>
  asked.pipe(
    Effect.asSome,
    Effect.catchReason("ManagedNodeError", "BlockNotFound", () => Effect.succeedNone),
    Effect.catchReason("ManagedNodeError", "Refused", (reason, error) =>
      notFound.test(reason.text) ? Effect.succeedNone : Effect.fail(error)
    )
  )

/** Looks a block up by height, on nodes of every age: which method a node knows is asked once. */
const makeBlockAt = (node: ManagedNode, ask: NodeLink["ask"]): NodeLink["blockAt"] => {
  let legacy = false
  const older = (number: BlockNumber): Effect.Effect<NodeBlock, ManagedNodeError> =>
    ask(node.blockRefByNumber(number), "interop_blockRefByNumber")
  const newer = (number: BlockNumber): Effect.Effect<NodeBlock, ManagedNodeError> =>
    ask<L2BlockRef>(node.l2BlockRefByNumber(number), "interop_l2BlockRefByNumber").pipe(
      Effect.catchReason("ManagedNodeError", "Unsupported", () => {
        legacy = true
        return older(number)
      })
    )
  return (number) => orNone(Effect.suspend(() => (legacy ? older(number) : newer(number))))
}

/** Opens the link: its outbox runs for as long as the scope lives. */
export const makeNodeLink = Effect.fnUntraced(function* (options: {
  readonly name: string
  readonly chainId: ChainId
  readonly node: ManagedNode
  readonly callTimeoutMs: number
}): Effect.fn.Return<NodeLink, never, Scope.Scope> {
  const { callTimeoutMs, chainId, name, node } = options
  const ask = withLimit(callTimeoutMs)
  const outbox = new Map<UpdateKind, Effect.Effect<void, ManagedNodeError>>()
  const waiting = yield* Latch.make(false)
  const failures = Metric.withAttributes(Metrics.nodeCallFailures, { chain: chainId })
  const sendNext = Effect.suspend(() => {
    const next = outbox.entries().next()
    if (next.done === true) {
      waiting.closeUnsafe()
      return waiting.await
    }
    const [kind, call] = next.value
    outbox.delete(kind)
    return ask(call, `interop_${kind}`).pipe(
      Effect.catchCause((cause) =>
        Effect.andThen(
          Metric.update(failures, 1),
          Effect.logWarning(`the node did not take interop_${kind}: ${reasonOf(cause)}`)
        )
      )
    )
  })
  const link: NodeLink = {
    name,
    chainId,
    node,
    epoch: 0,
    safe: undefined,
    exhausted: undefined,
    resetAtMs: Number.NEGATIVE_INFINITY,
    owesReset: false,
    resetting: false,
    post: (kind, call) => {
      if (link.resetting) return
      outbox.set(kind, call)
      waiting.openUnsafe()
    },
    clear: () => outbox.clear(),
    ask,
    headerAt: (number) => orNone(ask(node.blockRefByNumber(number), "interop_blockRefByNumber")),
    reported: undefined,
    blockAt: makeBlockAt(node, ask)
  }
  yield* sendNext.pipe(Effect.forever, Effect.annotateLogs({ chain: chainId, node: name }), Effect.forkScoped)
  return link
})
