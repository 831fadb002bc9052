/** The execution client of a node that is followed: its blocks as references. */
import { Effect } from "effect"
import { excerpt, type Client as RpcClient } from "@ephor/json-rpc/JsonRpcClient"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import type { BlockRef, ChainId, Hash, Receipt } from "@ephor/types"
import { fromJsonRpc } from "../client/Failure.ts"
import { BlockNotFound, Malformed, ManagedNodeError } from "../ManagedNodeError.ts"
import { type L1Position, positionOf } from "./Origin.ts"
import { type Transaction, transactionOf } from "./Transaction.ts"

/** A block, with its transactions by hash. */
export interface ExecutionBlock extends BlockRef {
  readonly stateRoot: Hash
  readonly withdrawalsRoot?: Hash
  readonly transactions: ReadonlyArray<Hash>
}

/** An execution client. `NodeEthRpcClient` of `@ephor/execution` is one. */
export interface ExecutionClient {
  /** Its address as it is shown. */
  readonly url: string
  readonly call: RpcClient["call"]
  /** A block by height, tag or hash; nothing if there is none. */
  readonly block: (id: number | "latest" | Hash) => Effect.Effect<ExecutionBlock | undefined, JsonRpcError>
  /** The receipts of a block, with log indices that count over the whole block. */
  readonly receipts: (block: ExecutionBlock) => Effect.Effect<ReadonlyArray<Receipt>, JsonRpcError>
}

/** See `makeExecution`. */
export interface Execution {
  readonly url: string
  readonly chainId: Effect.Effect<ChainId, ManagedNodeError>
  readonly latest: Effect.Effect<ExecutionBlock | undefined, ManagedNodeError>
  /** A block; fails with `BlockNotFound` if there is none. */
  readonly block: (id: number | Hash, method: string) => Effect.Effect<ExecutionBlock, ManagedNodeError>
  readonly receipts: (block: ExecutionBlock) => Effect.Effect<ReadonlyArray<Receipt>, ManagedNodeError>
  /** A transaction of a block by its position; nothing if there is none, or it cannot be asked for. */
  readonly transaction: (
    block: ExecutionBlock,
    index: number
  ) => Effect.Effect<Transaction | undefined, ManagedNodeError>
  /** What the first transaction of a block says of L1; nothing if it is not the deposit that says so. */
  readonly position: (block: ExecutionBlock) => Effect.Effect<L1Position | undefined, ManagedNodeError>
}

/** Four fields of a block. */
export const refOf = ({ hash, number, parentHash, timestamp }: BlockRef): BlockRef => ({
  hash,
  number,
  parentHash,
  timestamp
})

/** An execution client in the words of a managed node. */
export const makeExecution = (client: ExecutionClient): Execution => {
  const block: Execution["block"] = (id, method) =>
    client.block(id).pipe(
      Effect.mapError(fromJsonRpc),
      Effect.flatMap((found) =>
        found === undefined
          ? Effect.fail(
              new ManagedNodeError({ method, reason: new BlockNotFound({ text: `block not found: ${id}` }) })
            )
          : Effect.succeed(found)
      )
    )
  const transaction: Execution["transaction"] = Effect.fnUntraced(function* ({ hash, transactions }, index) {
    if (transactions[index] === undefined) return undefined
    const answer = yield* client
      .call("eth_getTransactionByBlockHashAndIndex", hash, `0x${index.toString(16)}`)
      .pipe(
        Effect.catchIf(
          (error) => error.isUnusableMethod,
          () => Effect.succeed(null)
        ),
        Effect.mapError(fromJsonRpc)
      )
    return transactionOf(answer)
  })
  let known: ChainId | undefined
  const askChainId = client.call("eth_chainId").pipe(
    Effect.mapError(fromJsonRpc),
    Effect.flatMap((answer) => {
      if (typeof answer === "string" && /^0x[0-9a-fA-F]{1,64}$/.test(answer)) {
        known = BigInt(answer).toString()
        return Effect.succeed(known)
      }
      const reason = new Malformed({ why: `${excerpt(answer ?? null)} is no chain id` })
      return Effect.fail(new ManagedNodeError({ method: "eth_chainId", reason }))
    })
  )
  return {
    url: client.url,
    chainId: Effect.suspend(() => (known === undefined ? askChainId : Effect.succeed(known))),
    latest: Effect.mapError(client.block("latest"), fromJsonRpc),
    block,
    receipts: (found) => Effect.mapError(client.receipts(found), fromJsonRpc),
    transaction,
    position: (found) =>
      Effect.map(transaction(found, 0), (first) => (first === undefined ? undefined : positionOf(first)))
  }
}
