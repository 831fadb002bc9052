/**
 * The read side of the Ethereum JSON-RPC interface over a `Chain`: what a supervisor asks of an L1, and what any
 * Ethereum tool can look at. Pure shaping of answers, free of transports; `NodeEthRpcServer` puts it on HTTP.
 */
import { Effect, Option, Result, Schema } from "effect"
import { type ChainId, Json, type L2BlockRef, logsBloom, type OutputV0, Receipt } from "@ephor/types"
import { codes, errors, positional, type RpcError } from "@ephor/json-rpc/JsonRpc"
import * as JsonRpcServer from "@ephor/json-rpc/JsonRpcServer"
import type { Dispatch } from "@ephor/json-rpc/JsonRpcServer"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import { emptyUnclesHash, listRoot, receiptsRoot } from "@ephor/chain/Receipts"

/** A number as Ethereum writes it: `0x`, lower case, no leading zeros. */
export const quantity = (value: number | bigint | string): `0x${string}` => `0x${BigInt(value).toString(16)}`

const encodeReceipt = Json.encode(Receipt)

/** A receipt as go-ethereum prints it. Sender and recipient are not kept by the hub and are left out. */
export const receiptJson = (receipt: Receipt, timestamp: number): Json.Json =>
  encodeReceipt({
    contractAddress: null,
    effectiveGasPrice: 1n,
    ...receipt,
    logsBloom: logsBloom(receipt.logs),
    logs: receipt.logs.map((log) => ({ ...log, blockTimestamp: timestamp, removed: false }))
  })

const zeros = (bytes: number) => `0x${"00".repeat(bytes)}`

/** A block as go-ethereum prints it, with transactions as hashes. What a development block has no notion of is zero. */
export const blockJson = ({ receipts, ref }: ChainBlock, output: OutputV0) => ({
  hash: ref.hash,
  parentHash: ref.parentHash,
  number: quantity(ref.number),
  timestamp: quantity(ref.timestamp),
  sha3Uncles: emptyUnclesHash,
  miner: zeros(20),
  stateRoot: output.stateRoot,
  transactionsRoot: listRoot(receipts.map((receipt) => receipt.transactionHash)),
  receiptsRoot: receiptsRoot(receipts),
  withdrawalsRoot: output.messagePasserStorageRoot,
  logsBloom: logsBloom(receipts.flatMap((receipt) => receipt.logs)),
  difficulty: "0x0",
  totalDifficulty: "0x0",
  gasLimit: quantity(30_000_000),
  gasUsed: quantity(receipts.at(-1)?.cumulativeGasUsed ?? 0),
  extraData: "0x",
  mixHash: zeros(32),
  nonce: zeros(8),
  baseFeePerGas: "0x1",
  size: quantity(1024 + receipts.length * 128),
  uncles: [],
  transactions: receipts.map((receipt) => receipt.transactionHash)
})

const blockTag = Schema.decodeUnknownResult(
  Schema.Union([
    Schema.Literals(["latest", "safe", "finalized", "earliest", "pending"]),
    Schema.String.check(Schema.isPattern(/^0x(0|[1-9a-fA-F][0-9a-fA-F]{0,12})$/))
  ])
)
const hashParameter = Schema.decodeUnknownResult(Schema.String.check(Schema.isPattern(/^0x[0-9a-fA-F]{64}$/)))
const parse = <A, E>(result: Result.Result<A, E>, position: number, expected: string) =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(errors.invalidArgument(position, `expected ${expected}`))

/** What a server says about itself. */
export interface Options {
  readonly chainId: ChainId
  /** Text of `web3_clientVersion`. */
  readonly clientVersion: string
  /** How many calls one batch may hold. */
  readonly batchLimit: number
  /** How many blocks back `eth_getTransactionReceipt` looks for a transaction. */
  readonly transactionWindow: number
}

/** Defaults of `Options` but for the chain id. */
export const defaults: Omit<Options, "chainId"> = {
  clientVersion: "ephor/devchain",
  batchLimit: 100,
  transactionWindow: 256
}

const found = <A, B>(option: Option.Option<A>, use: (value: A) => Effect.Effect<B, ChainError>) =>
  Option.isNone(option) ? Effect.succeed(null) : use(option.value)

const byTag = Effect.fnUntraced(function* (chain: Chain, parameter: unknown) {
  const tag = yield* parse(blockTag(parameter), 0, "a block number as 0x quantity, or a block tag")
  const at = (ref: { readonly hash: `0x${string}` }) => chain.block(ref.hash)
  switch (tag) {
    case "latest":
    case "pending":
      return yield* Effect.flatMap(chain.head("LocalUnsafe"), at)
    case "safe":
      return yield* Effect.flatMap(chain.head("CrossSafe"), at)
    case "finalized":
      return yield* Effect.flatMap(chain.head("Finalized"), at)
    case "earliest":
      return yield* Effect.flatMap(chain.history, chain.block)
    default:
      return yield* chain.block(Number(tag))
  }
})

const byHash = (chain: Chain, parameter: unknown, position: number) =>
  Effect.flatMap(parse(hashParameter(parameter), position, "a 32-byte hash"), (hash) =>
    chain.block(hash.toLowerCase() as `0x${string}`)
  )

const byEither = (chain: Chain, parameter: unknown) =>
  Result.isSuccess(hashParameter(parameter)) ? byHash(chain, parameter, 0) : byTag(chain, parameter)

const receiptOf = Effect.fnUntraced(function* (chain: Chain, parameter: unknown, window: number) {
  const text = yield* parse(hashParameter(parameter), 0, "a transaction hash")
  const hash = text.toLowerCase()
  const head = yield* chain.head("LocalUnsafe")
  const recent = [head, ...(yield* chain.ancestors(head.hash, window - 1))]
  for (const ref of recent) {
    const { receipts } = yield* chain.content(ref.hash)
    const receipt = receipts.find((receipt) => receipt.transactionHash === hash)
    if (receipt !== undefined) return receiptJson(receipt, ref.timestamp)
  }
  return null
})

/**
 * Answers one method. A block that is not there is `null`, one that is not kept any more is an error of its own, and
 * `earliest` is the first one that is kept: as go-ethereum has it.
 */
export const call = (
  chain: Chain,
  options: Options,
  method: string,
  params: ReadonlyArray<unknown>
): Effect.Effect<unknown, RpcError | ChainError> => {
  const block = (ref: Option.Option<L2BlockRef>) =>
    found(ref, ({ hash }) => Effect.zipWith(chain.content(hash), chain.output(hash), blockJson))
  const receipts = (ref: Option.Option<L2BlockRef>) =>
    found(ref, ({ hash, timestamp }) =>
      Effect.map(chain.content(hash), (content) => content.receipts.map((one) => receiptJson(one, timestamp)))
    )
  const byBlock = (ref: Effect.Effect<Option.Option<L2BlockRef>, RpcError | ChainError>) =>
    params[1] === true
      ? Effect.fail(errors.invalidArgument(1, "transactions are known by hash only, ask with false"))
      : Effect.flatMap(ref, block)
  switch (method) {
    case "web3_clientVersion":
      return Effect.succeed(options.clientVersion)
    case "net_version":
      return Effect.succeed(options.chainId)
    case "eth_chainId":
      return Effect.succeed(quantity(options.chainId))
    case "eth_syncing":
      return Effect.succeed(false)
    case "eth_blockNumber":
      return Effect.map(chain.head("LocalUnsafe"), ({ number }) => quantity(number))
    case "eth_getBlockByNumber":
      return byBlock(byTag(chain, params[0]))
    case "eth_getBlockByHash":
      return byBlock(byHash(chain, params[0], 0))
    case "eth_getBlockReceipts":
      return Effect.flatMap(byEither(chain, params[0]), receipts)
    case "eth_getTransactionReceipt":
      return receiptOf(chain, params[0], options.transactionWindow)
    default:
      return Effect.fail(errors.methodNotFound(method))
  }
}

/** Most parameters that a method of the table takes. */
const mostParams = 3

/** The methods, to be answered by a server of any kind. */
export const dispatch =
  (chain: Chain, options: Options): Dispatch =>
  (method, json) => {
    const parsed = positional(json, 0, mostParams)
    if ("error" in parsed) return Effect.fail(parsed.error)
    return Effect.mapError(call(chain, options, method, parsed.args), (error): RpcError => {
      if (!("_tag" in error)) return error
      return error.reason._tag === "Pruned"
        ? { code: codes.prunedHistory, message: error.reason.message }
        : { code: codes.default, message: error.message }
    })
  }

/**
 * Answers the text of one request: a call or a batch of calls; nothing for notifications. Never fails: whatever is wrong
 * is an answer.
 */
export const answer = (chain: Chain, options: Options, text: string): Effect.Effect<string | undefined> =>
  Effect.map(
    JsonRpcServer.answer(text, dispatch(chain, options), {
      ...JsonRpcServer.defaults,
      batchItems: options.batchLimit
    }),
    (answer) => answer.text
  )
