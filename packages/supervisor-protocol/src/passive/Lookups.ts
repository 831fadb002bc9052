/** What a node that is followed answers: blocks by its execution client, outputs by its op-node. */
import { Effect } from "effect"
import type { BlockNumber, Hash, L2BlockRef, OutputV0, Timestamp } from "@ephor/types"
import {
  BlockNotFound,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  Refused,
  Unsupported
} from "../ManagedNodeError.ts"
import type { Service } from "../ManagedNode.ts"
import type { Beginning } from "./Beginning.ts"
import { type Execution, type ExecutionBlock, refOf } from "./Execution.ts"
import type { OpNode } from "./OpNode.ts"
import { replacedBy } from "./Transaction.ts"

const fail = (method: string, reason: ManagedNodeErrorReason) =>
  Effect.fail(new ManagedNodeError({ method, reason }))

/** See `makeLookups`. */
export interface Lookups {
  readonly calls: Pick<
    Service,
    | "fetchReceipts"
    | "l2BlockRefByTimestamp"
    | "l2BlockRefByNumber"
    | "blockRefByNumber"
    | "outputV0AtTimestamp"
    | "pendingOutputV0AtTimestamp"
  >
  /** A block with the L1 block that it was built upon. */
  readonly withOrigin: (block: ExecutionBlock) => Effect.Effect<L2BlockRef, ManagedNodeError>
}

/** The hash of the empty trie, which headers have in this place from before Isthmus. */
const emptyRoot: Hash = "0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"

/** The look-ups of a node. */
export const makeLookups = (
  execution: Execution,
  opNode: OpNode | undefined,
  beginning: Effect.Effect<Beginning | undefined, ManagedNodeError>
): Lookups => {
  const byNumber = (method: string, number: BlockNumber) => execution.block(number, method)

  const withOrigin = Effect.fnUntraced(function* (
    block: ExecutionBlock
  ): Effect.fn.Return<L2BlockRef, ManagedNodeError> {
    const method = "interop_l2BlockRefByNumber"
    const genesis = (yield* beginning)?.genesis
    if (genesis !== undefined && genesis.l2.hash === block.hash) {
      const { hash, number } = genesis.l1
      return { ...refOf(block), l1origin: { hash, number }, sequenceNumber: 0 }
    }
    const position = yield* execution.position(block)
    if (position !== undefined) return { ...refOf(block), ...position }
    if (opNode === undefined) return yield* fail(method, new Unsupported({ method }))
    const told = (yield* opNode.outputAt(block.number)).block
    return told.hash === block.hash
      ? told
      : yield* fail(method, new BlockNotFound({ text: `block not found: ${block.number} was reorganised` }))
  })

  const atTime = Effect.fnUntraced(function* (method: string, timestamp: Timestamp) {
    const found = yield* beginning
    if (found === undefined) return yield* fail(method, new Refused({ text: "the chain is not known here" }))
    const { block_time: blockTime, genesis } = found
    const { number, timestamp: start } = genesis.l2
    if (timestamp < start) {
      return yield* fail(method, new Refused({ text: `did not reach genesis time (${start}) yet` }))
    }
    return yield* byNumber(method, number + Math.floor((timestamp - start) / blockTime))
  })

  const outputOf = Effect.fnUntraced(function* (method: string, block: ExecutionBlock) {
    const { hash, number, stateRoot, withdrawalsRoot } = block
    if (opNode === undefined) {
      return withdrawalsRoot === undefined || withdrawalsRoot === emptyRoot
        ? yield* fail(method, new Unsupported({ method }))
        : { stateRoot, messagePasserStorageRoot: withdrawalsRoot, blockHash: hash }
    }
    return (yield* opNode.outputAt(number)).output
  })

  const replaced = Effect.fnUntraced(function* (
    block: ExecutionBlock
  ): Effect.fn.Return<OutputV0 | undefined, ManagedNodeError> {
    const last = yield* execution.transaction(block, block.transactions.length - 1)
    return last === undefined ? undefined : replacedBy(last)
  })

  return {
    withOrigin,
    calls: {
      fetchReceipts: (hash) =>
        Effect.flatMap(execution.block(hash, "interop_fetchReceipts"), execution.receipts),
      l2BlockRefByTimestamp: (timestamp) =>
        Effect.flatMap(atTime("interop_l2BlockRefByTimestamp", timestamp), withOrigin),
      l2BlockRefByNumber: (number) =>
        Effect.flatMap(byNumber("interop_l2BlockRefByNumber", number), withOrigin),
      blockRefByNumber: (number) => Effect.map(byNumber("interop_blockRefByNumber", number), refOf),
      outputV0AtTimestamp: (timestamp) => {
        const method = "interop_outputV0AtTimestamp"
        return Effect.flatMap(atTime(method, timestamp), (block) => outputOf(method, block))
      },
      pendingOutputV0AtTimestamp: Effect.fnUntraced(function* (timestamp) {
        const method = "interop_pendingOutputV0AtTimestamp"
        const block = yield* atTime(method, timestamp)
        return (yield* replaced(block)) ?? (yield* outputOf(method, block))
      })
    }
  }
}
