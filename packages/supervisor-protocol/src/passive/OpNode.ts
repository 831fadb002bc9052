/** What a plain op-node is asked: how far it is, which block was safe as of an L1 block, and what a block comes to. */
import { Effect, Result, Schema } from "effect"
import type { Client as RpcClient } from "@ephor/json-rpc/JsonRpcClient"
import { excerpt } from "@ephor/json-rpc/JsonRpcClient"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import { BlockId, type BlockNumber, BlockRef, Hash, Json, L2BlockRef, type OutputV0 } from "@ephor/types"
import { fromJsonRpc } from "../client/Failure.ts"
import { Malformed, ManagedNodeError } from "../ManagedNodeError.ts"

/** How far op-node is: all L1 blocks below `currentL1` are done with, and `safe` comes from those up to it. */
export interface Progress {
  readonly currentL1: BlockRef
  readonly safe: BlockId
}

/** Which block was safe as of an L1 block. `NotKept`: there is no database of safe heads. */
export type SafeHead =
  | { readonly _tag: "Known"; readonly movedAt: BlockId; readonly head: BlockId }
  | { readonly _tag: "Unknown" }
  | { readonly _tag: "NotKept" }

/** A block with its output. */
export interface BlockOutput {
  readonly block: L2BlockRef
  readonly output: OutputV0
}

/** See `makeOpNode`. */
export interface OpNode {
  readonly url: string
  readonly progress: Effect.Effect<Progress, ManagedNodeError>
  readonly safeHeadAt: (l1: BlockNumber) => Effect.Effect<SafeHead, ManagedNodeError>
  readonly outputAt: (number: BlockNumber) => Effect.Effect<BlockOutput, ManagedNodeError>
}

const decodeStatus = Json.decodeResult(
  Schema.Struct({ current_l1: BlockRef, safe_l2: BlockId, local_safe_l2: Schema.optionalKey(BlockId) })
)
const decodeSafeHead = Json.decodeResult(Schema.Struct({ l1Block: BlockId, safeHead: BlockId }))
const decodeOutput = Json.decodeResult(
  Schema.Struct({ blockRef: L2BlockRef, stateRoot: Hash, withdrawalStorageRoot: Hash })
)

const notEnabled = /safe head database|not enabled|safedb/i
const notFound = /not found/i

const isNotKept = (error: JsonRpcError) =>
  error.isUnusableMethod || (error.reason._tag === "Refused" && notEnabled.test(error.reason.text))
const isNotFound = ({ reason }: JsonRpcError) => reason._tag === "Refused" && notFound.test(reason.text)

const zeroHash = `0x${"0".repeat(64)}`

/** The RPC of an op-node. */
export const makeOpNode = ({ call, endpoint }: RpcClient): OpNode => {
  const read = <A>(method: string, decode: (json: unknown) => Result.Result<A, Error>, answer: unknown) => {
    const found = decode(answer)
    if (Result.isSuccess(found)) return Effect.succeed(found.success)
    const reason = new Malformed({ why: `${excerpt(answer ?? null)} (${found.failure.message})` })
    return Effect.fail(new ManagedNodeError({ method, reason }))
  }
  const ask = <A>(
    method: string,
    decode: (json: unknown) => Result.Result<A, Error>,
    ...params: ReadonlyArray<unknown>
  ) =>
    call(method, ...params).pipe(
      Effect.mapError(fromJsonRpc),
      Effect.flatMap((answer) => read(method, decode, answer))
    )
  const safeHeadMethod = "optimism_safeHeadAtL1Block"
  return {
    url: String(endpoint),
    progress: Effect.map(
      ask("optimism_syncStatus", decodeStatus),
      ({ current_l1, local_safe_l2, safe_l2 }) => {
        // Nodes from before interop have the key and nothing behind it.
        const isTold = local_safe_l2 !== undefined && local_safe_l2.hash !== zeroHash
        return { currentL1: current_l1, safe: isTold ? local_safe_l2 : safe_l2 }
      }
    ),
    safeHeadAt: (l1) =>
      call(safeHeadMethod, `0x${l1.toString(16)}`).pipe(
        Effect.flatMap((answer) =>
          Effect.map(read(safeHeadMethod, decodeSafeHead, answer), ({ l1Block, safeHead }): SafeHead => ({
            _tag: "Known",
            movedAt: l1Block,
            head: safeHead
          }))
        ),
        Effect.catchIf(
          (error): error is JsonRpcError => error._tag === "JsonRpcError",
          (error) =>
            isNotKept(error)
              ? Effect.succeed<SafeHead>({ _tag: "NotKept" })
              : isNotFound(error)
                ? Effect.succeed<SafeHead>({ _tag: "Unknown" })
                : Effect.fail(fromJsonRpc(error))
        )
      ),
    outputAt: (number) =>
      Effect.map(
        ask("optimism_outputAtBlock", decodeOutput, `0x${number.toString(16)}`),
        ({ blockRef, stateRoot, withdrawalStorageRoot }) => ({
          block: blockRef,
          output: { stateRoot, messagePasserStorageRoot: withdrawalStorageRoot, blockHash: blockRef.hash }
        })
      )
  }
}
