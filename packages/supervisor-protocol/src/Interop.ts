/**
 * The wire table of the protocol: every `interop_*` method with its positional parameters, its result and the call
 * that it stands for, and the table of errors (supervisor-managed-node, "Supervisor -> Node").
 *
 * This is a table of our own and not an `RpcGroup` of `effect/rpc`: the peers are go-ethereum programs, and an
 * `RpcGroup` decides by itself how failures, missing parameters, batches and ids look (its error values, for one, are
 * whole causes), so that each of its messages would have to be rewritten on both ends; it also costs about 8
 * microseconds per call before a byte is sent. The table costs one row per method.
 */
import { Effect, Option } from "effect"
import {
  BlockId,
  BlockNumber,
  BlockRef,
  type BlockSeal,
  ChainId,
  CodecError,
  DerivedBlockRefPair,
  Hash,
  L2BlockRef,
  OutputV0,
  type Receipt,
  Timestamp
} from "@ephor/types"
import { blockSeal, fromSchema, nothing, receipts, type Wire } from "./interop/Wire.ts"
import { codes, type RpcError } from "@ephor/json-rpc/JsonRpc"
import { ManagedEvent } from "./ManagedEvent.ts"
import type { Service } from "./ManagedNode.ts"
import {
  BlockNotFound,
  Pruned,
  Conflict,
  InteropInactive,
  LookupFailed,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  OutOfEvents,
  Refused,
  Remote,
  ResetHead,
  TargetNotFound,
  Unsupported
} from "./ManagedNodeError.ts"

/** One row of the table. */
export interface Method<Params extends ReadonlyArray<unknown>, Result> {
  /** Name on the wire. */
  readonly name: string
  /** Wire forms of the positional parameters; all of them are required. */
  readonly params: { readonly [I in keyof Params]: Wire<Params[I]> }
  readonly result: Wire<Result>
  /** What the node does for it. */
  readonly call: (node: Service, ...params: Params) => Effect.Effect<Result, ManagedNodeError>
}

const method = <Params extends ReadonlyArray<unknown>, Result>(
  name: string,
  params: { readonly [I in keyof Params]: Wire<Params[I]> },
  result: Wire<Result>,
  call: Method<Params, Result>["call"]
): Method<Params, Result> => ({ name, params, result, call })

const blockId = fromSchema(BlockId)
const blockRef = fromSchema(BlockRef)
const l2BlockRef = fromSchema(L2BlockRef)
const pair = fromSchema(DerivedBlockRefPair)
const hash = fromSchema(Hash)
const uint64 = fromSchema(BlockNumber)
const timestamp = fromSchema(Timestamp)
const output = fromSchema(OutputV0)

/** An event, bare as `pullEvent` answers it. */
export const event: Wire<ManagedEvent> = fromSchema(ManagedEvent)

/** Adds the time of the block to the logs, where the node knows it. */
const timed = (node: Service, found: ReadonlyArray<Receipt>): Effect.Effect<ReadonlyArray<Receipt>> => {
  const [first] = found
  if (first === undefined) return Effect.succeed(found)
  return Effect.map(Effect.option(node.blockRefByNumber(first.blockNumber)), (block) => {
    if (Option.isNone(block) || block.value.hash !== first.blockHash) return found
    const blockTimestamp = block.value.timestamp
    return found.map((receipt) => ({
      ...receipt,
      logs: receipt.logs.map((log) => ({ ...log, blockTimestamp }))
    }))
  })
}

/** Every method that a call of the service stands behind. Subscriptions and `pullEvent` belong to the event queue. */
export const methods = {
  chainId: method("interop_chainID", [], fromSchema(ChainId), (node) => node.chainId),
  anchorPoint: method("interop_anchorPoint", [], pair, (node) => node.anchorPoint),
  invalidateBlock: method<[BlockSeal], void>("interop_invalidateBlock", [blockSeal], nothing, (node, block) =>
    node.invalidateBlock(block)
  ),
  provideL1: method<[BlockRef], void>("interop_provideL1", [blockRef], nothing, (node, block) =>
    node.provideL1(block)
  ),
  reset: method<[BlockId, BlockId, BlockId, BlockId, BlockId], void>(
    "interop_reset",
    [blockId, blockId, blockId, blockId, blockId],
    nothing,
    (node, localUnsafe, crossUnsafe, localSafe, crossSafe, finalized) =>
      node.reset({ localUnsafe, crossUnsafe, localSafe, crossSafe, finalized })
  ),
  resetPreInterop: method("interop_resetPreInterop", [], nothing, (node) => node.resetPreInterop),
  updateCrossUnsafe: method<[BlockId], void>("interop_updateCrossUnsafe", [blockId], nothing, (node, block) =>
    node.updateCrossUnsafe(block)
  ),
  updateCrossSafe: method<[derived: BlockId, source: BlockId], void>(
    "interop_updateCrossSafe",
    [blockId, blockId],
    nothing,
    (node, derived, source) => node.updateCrossSafe(derived, source)
  ),
  updateFinalized: method<[BlockId], void>("interop_updateFinalized", [blockId], nothing, (node, block) =>
    node.updateFinalized(block)
  ),
  fetchReceipts: method<[Hash], ReadonlyArray<Receipt>>(
    "interop_fetchReceipts",
    [hash],
    receipts,
    (node, block) => Effect.flatMap(node.fetchReceipts(block), (found) => timed(node, found))
  ),
  l2BlockRefByTimestamp: method<[Timestamp], L2BlockRef>(
    "interop_l2BlockRefByTimestamp",
    [timestamp],
    l2BlockRef,
    (node, time) => node.l2BlockRefByTimestamp(time)
  ),
  l2BlockRefByNumber: method<[BlockNumber], L2BlockRef>(
    "interop_l2BlockRefByNumber",
    [uint64],
    l2BlockRef,
    (node, number) => node.l2BlockRefByNumber(number)
  ),
  blockRefByNumber: method<[BlockNumber], BlockRef>(
    "interop_blockRefByNumber",
    [uint64],
    blockRef,
    (node, number) => node.blockRefByNumber(number)
  ),
  outputV0AtTimestamp: method<[Timestamp], OutputV0>(
    "interop_outputV0AtTimestamp",
    [timestamp],
    output,
    (node, time) => node.outputV0AtTimestamp(time)
  ),
  pendingOutputV0AtTimestamp: method<[Timestamp], OutputV0>(
    "interop_pendingOutputV0AtTimestamp",
    [timestamp],
    output,
    (node, time) => node.pendingOutputV0AtTimestamp(time)
  )
} as const

/** Names around the event stream. */
export const names = {
  namespace: "interop",
  /** The stream's name is the first parameter of `subscribe`, not part of the method. */
  stream: "events",
  subscribe: "interop_subscribe",
  unsubscribe: "interop_unsubscribe",
  subscription: "interop_subscription",
  pullEvent: "interop_pullEvent"
} as const

/** Codes of a managed node beyond those of JSON-RPC. The first stands for two things; the method tells which. */
export const nodeCodes = { notFound: -39001, conflict: -39002, interopInactive: -39003 } as const

/** How a failure of the node looks on the wire. */
export const toRpcError = ({ reason }: ManagedNodeError): RpcError => {
  const { message } = reason
  switch (reason._tag) {
    case "OutOfEvents":
    case "TargetNotFound":
      return { code: nodeCodes.notFound, message }
    case "Conflict":
      return {
        code: nodeCodes.conflict,
        message,
        data: "l1origin" in reason.block ? l2BlockRef.encode(reason.block) : blockRef.encode(reason.block)
      }
    case "InteropInactive":
      return { code: nodeCodes.interopInactive, message }
    case "LookupFailed":
      return { code: codes.internal, message, data: reason.head }
    case "Unsupported":
      return { code: codes.methodNotFound, message }
    case "Pruned":
      return { code: codes.prunedHistory, message }
    case "Remote":
      return { code: reason.code, message: reason.text, data: reason.data }
    default:
      return { code: codes.default, message }
  }
}

/** The texts by which supervisors tell a missing block from a failure. */
const notFoundText = /block not found|header not found|unknown block/i
const resetHeads = new Map<string, ResetHead>(
  ResetHead.literals.map((head) => [`${head} reset target not found`, head])
)

const conflict = (data: unknown): Conflict | undefined => {
  for (const wire of [l2BlockRef, blockRef]) {
    try {
      return new Conflict({ block: wire.decode(data) })
    } catch (error) {
      if (!(error instanceof CodecError)) throw error
    }
  }
  return undefined
}

/** What an error of the wire means in answer to a method; what is not in the table stays as it came. */
export const fromRpcError = (name: string, error: RpcError): ManagedNodeErrorReason => {
  const remote = () =>
    new Remote({
      code: Math.trunc(error.code),
      text: error.message,
      ...(error.data === undefined ? undefined : { data: error.data })
    })
  switch (error.code) {
    case nodeCodes.notFound: {
      if (name === names.pullEvent) return new OutOfEvents()
      const head = resetHeads.get(error.message)
      return head === undefined ? remote() : new TargetNotFound({ head })
    }
    case nodeCodes.conflict:
      return conflict(error.data) ?? remote()
    case nodeCodes.interopInactive:
      return new InteropInactive()
    case codes.methodNotFound:
      return new Unsupported({ method: name })
    case codes.internal: {
      const head = ResetHead.literals.find((head) => head === error.data)
      return head === undefined ? remote() : new LookupFailed({ head })
    }
    case codes.prunedHistory:
      return new Pruned({ text: error.message })
    case codes.default:
      return notFoundText.test(error.message)
        ? new BlockNotFound({ text: error.message })
        : new Refused({ text: error.message })
    default:
      return remote()
  }
}
