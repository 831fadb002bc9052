/**
 * The read side of the Ethereum JSON-RPC interface over a `Chain`: what a supervisor asks of an L1, and what any
 * Ethereum tool can look at. Pure shaping of answers, free of transports; `NodeEthRpcServer` puts it on HTTP.
 */
import { Effect, Option, Result, Schema } from "effect"
import { type ChainId, Json, type L2BlockRef, logsBloom, Receipt } from "@ephor/types"
import type { ChainBlock, Service as Chain } from "@ephor/chain/Chain"
import type { ChainError } from "@ephor/chain/ChainError"
import { emptyUnclesHash, listRoot, receiptsRoot } from "@ephor/chain/Receipts"

/** A JSON-RPC error as go-ethereum answers it. */
export class EthRpcError extends Schema.TaggedError<EthRpcError>()("EthRpcError", {
  code: Schema.Int,
  message: Schema.String
}) {}

/** Codes of JSON-RPC 2.0, and go-ethereum's code for everything else. */
export const codes = {
  parse: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internal: -32_603,
  server: -32_000
} as const

/** One answer of JSON-RPC: `result`, or `error`. */
export type Response = { readonly jsonrpc: "2.0"; readonly id: unknown } & (
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }
)

/** A number as Ethereum writes it: `0x`, lower case, no leading zeros. */
export const quantity = (value: number | bigint | string): `0x${string}` => `0x${BigInt(value).toString(16)}`

const invalid = (message: string) => new EthRpcError({ code: codes.invalidParams, message })

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
export const blockJson = ({ output, receipts, ref }: ChainBlock) => ({
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
    Schema.String.check(Schema.isPattern(/^0x(0|[1-9a-f][0-9a-f]{0,13})$/))
  ])
)
const hashParameter = Schema.decodeUnknownResult(Schema.String.check(Schema.isPattern(/^0x[0-9a-fA-F]{64}$/)))
const request = Schema.decodeUnknownResult(
  Schema.Struct({
    jsonrpc: Schema.Literal("2.0"),
    id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite, Schema.Null])),
    method: Schema.String,
    params: Schema.optionalKey(Schema.Array(Schema.Unknown))
  })
)

const decodeJson = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Unknown))

const parse = <A, E>(result: Result.Result<A, E>, position: number, expected: string) =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(invalid(`invalid argument ${position}: expected ${expected}`))

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
      return yield* at(chain.anchor.derived)
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

/** Answers one method. A block that is not there is `null`, as go-ethereum has it. */
export const call = (
  chain: Chain,
  options: Options,
  method: string,
  params: ReadonlyArray<unknown>
): Effect.Effect<unknown, EthRpcError | ChainError> => {
  const block = (ref: Option.Option<L2BlockRef>) =>
    found(ref, ({ hash }) => Effect.map(chain.content(hash), blockJson))
  const receipts = (ref: Option.Option<L2BlockRef>) =>
    found(ref, ({ hash, timestamp }) =>
      Effect.map(chain.content(hash), (content) => content.receipts.map((one) => receiptJson(one, timestamp)))
    )
  const byBlock = (ref: Effect.Effect<Option.Option<L2BlockRef>, EthRpcError | ChainError>) =>
    params[1] === true
      ? Effect.fail(invalid("invalid argument 1: transactions are known by hash only, ask with false"))
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
      return Effect.fail(
        new EthRpcError({
          code: codes.methodNotFound,
          message: `the method ${method} does not exist/is not available`
        })
      )
  }
}

const failure = (id: unknown, code: number, message: string): Response => ({
  jsonrpc: "2.0",
  id,
  error: { code, message }
})

const answerOne = (chain: Chain, options: Options, message: unknown): Effect.Effect<Response> => {
  const parsed = request(message)
  if (Result.isFailure(parsed)) return Effect.succeed(failure(null, codes.invalidRequest, "invalid request"))
  const { id = null, method, params = [] } = parsed.success
  return call(chain, options, method, params).pipe(
    Effect.map((result): Response => ({ jsonrpc: "2.0", id, result })),
    Effect.catchTags({
      EthRpcError: ({ code, message }) => Effect.succeed(failure(id, code, message)),
      ChainError: ({ message }) => Effect.succeed(failure(id, codes.server, message))
    })
  )
}

/** Answers the text of one HTTP request: a call or a batch of calls. Never fails: whatever is wrong is an answer. */
export const answer = (
  chain: Chain,
  options: Options,
  text: string
): Effect.Effect<Response | ReadonlyArray<Response>> => {
  const json = decodeJson(text)
  if (Result.isFailure(json)) return Effect.succeed(failure(null, codes.parse, "parse error"))
  const message = json.success
  if (!Array.isArray(message)) return answerOne(chain, options, message)
  if (message.length === 0) return Effect.succeed(failure(null, codes.invalidRequest, "empty batch"))
  if (message.length > options.batchLimit) {
    return Effect.succeed(
      failure(null, codes.invalidRequest, `batch too large: at most ${options.batchLimit} calls`)
    )
  }
  return Effect.forEach(message, (one) => answerOne(chain, options, one))
}
