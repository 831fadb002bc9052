/**
 * Asks an Ethereum execution client over JSON-RPC.
 */
import { Hash, Json, Quantity, Receipt } from "@ephor/types"
import type { Input } from "@ephor/json-rpc/Endpoint"
import { excerpt } from "@ephor/json-rpc/JsonRpcClient"
import { JsonRpcError, Malformed } from "@ephor/json-rpc/JsonRpcError"
import type { Secret } from "@ephor/json-rpc/Jwt"
import * as NodeJsonRpcClient from "@ephor/json-rpc/NodeJsonRpcClient"
import { Effect, Result, Schema, type Scope } from "effect"

/** The part of a block that a chain needs; transactions by hash. */
export interface Block {
  readonly hash: Hash
  readonly parentHash: Hash
  readonly number: number
  readonly timestamp: number
  readonly stateRoot: Hash
  readonly withdrawalsRoot?: Hash
  readonly transactions: ReadonlyArray<Hash>
}

/** A connection to a client. */
export interface Client {
  /** Its address as it is shown: without what is secret in it. */
  readonly url: string
  readonly call: (method: string, ...params: ReadonlyArray<unknown>) => Effect.Effect<unknown, JsonRpcError>
  /** A block by height, tag or hash; nothing if there is none. */
  readonly block: (
    id: number | "earliest" | "latest" | Hash
  ) => Effect.Effect<Block | undefined, JsonRpcError>
  /** The receipts of a block, with log indices that count over the whole block. */
  readonly receipts: (block: Block) => Effect.Effect<ReadonlyArray<Receipt>, JsonRpcError>
}

/** How to reach a client. */
export interface Options {
  /** `http(s)://` or `ws(s)://`, with a name and a password if it wants them. */
  readonly url: Input
  /** With a secret every request carries a fresh token, as the Engine API wants it. */
  readonly jwtSecret?: Secret | undefined
  readonly requestTimeoutMs: number
  /** Largest answer in bytes. */
  readonly answerLimitBytes: number
}

const decodeBlock = Json.decodeResult(
  Schema.Struct({
    hash: Hash,
    parentHash: Hash,
    number: Quantity,
    timestamp: Quantity,
    stateRoot: Hash,
    withdrawalsRoot: Schema.optionalKey(Hash),
    transactions: Schema.Array(Hash)
  })
)
const decodeFullReceipt = Json.decodeResult(Receipt)

/**
 * What a receipt may leave out by the JSON-RPC specification: the type of a transaction of before EIP-2718, and the status
 * of before Byzantium, when `root` was in its place and only what succeeded could leave logs.
 */
const decodeReceipt = (answer: unknown) => {
  if (typeof answer !== "object" || answer === null) return decodeFullReceipt(answer)
  const status = "root" in answer ? { status: "0x1" } : {}
  return decodeFullReceipt({ type: "0x0", ...status, ...answer })
}

const decodeReceipts = (answer: unknown): Result.Result<ReadonlyArray<Receipt>, Error> => {
  if (!Array.isArray(answer)) return Result.fail(new Error("expected an array"))
  const receipts: Array<Receipt> = []
  for (const [index, one] of answer.entries()) {
    const receipt = decodeReceipt(one)
    if (Result.isFailure(receipt))
      return Result.fail(new Error(`receipt ${index}: ${receipt.failure.message}`))
    receipts.push(receipt.success)
  }
  return Result.succeed(receipts)
}

/** Numbers the logs of a block from 0 on: some clients count per transaction. */
const renumbered = (receipts: ReadonlyArray<Receipt>): ReadonlyArray<Receipt> => {
  let logIndex = 0
  return receipts.map((receipt) => ({
    ...receipt,
    logs: receipt.logs.map((log) => ({ ...log, logIndex: logIndex++ }))
  }))
}

/** Opens nothing yet: an address of HTTP is asked anew each time, one of a WebSocket is dialled when it is needed. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Client, JsonRpcError, Scope.Scope> {
  const { call, endpoint } = yield* NodeJsonRpcClient.make({
    ...options,
    limits: { callTimeoutMs: options.requestTimeoutMs, answerBytes: options.answerLimitBytes }
  })
  const url = String(endpoint)
  const malformed = (method: string, why: string) =>
    new JsonRpcError({ endpoint: url, method, reason: new Malformed({ why }) })
  const read = <A>(method: string, answer: unknown, result: Result.Result<A, Error>) =>
    Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(malformed(method, `${excerpt(answer)} (${result.failure.message})`))

  const block: Client["block"] = Effect.fnUntraced(function* (id: number | "earliest" | "latest" | Hash) {
    const byHash = typeof id === "string" && id.startsWith("0x")
    const method = byHash ? "eth_getBlockByHash" : "eth_getBlockByNumber"
    const answer = yield* call(method, typeof id === "number" ? `0x${id.toString(16)}` : id, false)
    return answer === null ? undefined : yield* read(method, answer, decodeBlock(answer))
  })

  const oneByOne = (transactions: ReadonlyArray<Hash>) =>
    Effect.forEach(
      transactions,
      (hash) =>
        Effect.flatMap(call("eth_getTransactionReceipt", hash), (answer) =>
          read("eth_getTransactionReceipt", answer, decodeReceipt(answer))
        ),
      { concurrency: 8 }
    )

  const allAtOnce = Effect.fnUntraced(function* (hash: Hash) {
    const method = "eth_getBlockReceipts"
    const answer = yield* call(method, hash)
    if (answer === null) return yield* malformed(method, `null: it has no receipts of block ${hash} yet`)
    return yield* read(method, answer, decodeReceipts(answer))
  })

  // Clients refuse it in many ways; who refused it once is not asked again.
  let hasBlockReceipts = true
  const instead = (error: JsonRpcError, transactions: ReadonlyArray<Hash>) => {
    // Several blocks may be asked for at a time: each of them finds out.
    const known = !hasBlockReceipts
    hasBlockReceipts = false
    const say = Effect.logInfo(`${error.message}; receipts are asked for one by one from now on`)
    return Effect.andThen(known ? Effect.void : say, oneByOne(transactions))
  }
  const receipts: Client["receipts"] = ({ hash, transactions }) =>
    Effect.suspend(() =>
      hasBlockReceipts
        ? Effect.catchIf(
            allAtOnce(hash),
            (error) => error.isUnusableMethod,
            (error) => instead(error, transactions)
          )
        : oneByOne(transactions)
    ).pipe(Effect.map(renumbered))

  return { url, call, block, receipts }
})
