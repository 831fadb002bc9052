/**
 * Where the blocks of a devnet come from: our own development chains, or real execution clients (anvil).
 */
import type { BlockRef, HexData, LogContent } from "@ephor/types"
import { crossL2InboxAddress } from "@ephor/types"
import { Effect, Schema } from "effect"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "effect/http"
import { emitterAddress, emitterCode, inboxCode } from "./Evm.ts"

/** A call to an execution client or to a node's development endpoint failed. */
export class ExecutionError extends Schema.TaggedError<ExecutionError>()("ExecutionError", {
  message: Schema.String
}) {}

const toError = (url: string) => (cause: { readonly message: string }) =>
  new ExecutionError({ message: `${url}: ${cause.message}` })

const decodeAccounts = Schema.decodeUnknownEffect(Schema.Array(Schema.String))

const Answer = Schema.Struct({
  result: Schema.optionalKey(Schema.Unknown),
  error: Schema.optionalKey(Schema.Struct({ message: Schema.String }))
})

/** One JSON-RPC call of an execution client. */
export const call = Effect.fnUntraced(function* (
  url: string,
  method: string,
  params: ReadonlyArray<unknown>
) {
  const client = yield* HttpClient.HttpClient
  const answer = yield* client
    .execute(
      HttpClientRequest.post(url).pipe(
        HttpClientRequest.bodyJsonUnsafe({ jsonrpc: "2.0", id: 1, method, params })
      )
    )
    .pipe(
      Effect.flatMap(HttpClientResponse.schemaBodyJson(Answer)),
      Effect.timeout("5 seconds"),
      Effect.mapError((cause) => new ExecutionError({ message: `${method} at ${url}: ${cause.message}` }))
    )
  if (answer.error !== undefined)
    return yield* new ExecutionError({ message: `${method} at ${url}: ${answer.error.message}` })
  return answer.result
})

const Header = Schema.Struct({
  hash: Schema.String,
  parentHash: Schema.String,
  number: Schema.String,
  timestamp: Schema.String
})

/** The first block of an execution client. */
export const genesisOf = Effect.fnUntraced(function* (url: string) {
  const header = yield* call(url, "eth_getBlockByNumber", ["0x0", false]).pipe(
    Effect.flatMap(Schema.decodeUnknownEffect(Header)),
    Effect.mapError(
      (cause) => new ExecutionError({ message: `no genesis block at ${url}: ${cause.message}` })
    )
  )
  return {
    hash: header.hash as BlockRef["hash"],
    parentHash: header.parentHash as BlockRef["hash"],
    number: Number(header.number),
    timestamp: Number(header.timestamp)
  }
})

/** Puts the two contracts of the devnet into an anvil. */
export const deployContracts = (url: string) =>
  Effect.all(
    [
      call(url, "anvil_setCode", [emitterAddress, emitterCode]),
      call(url, "anvil_setCode", [crossL2InboxAddress, inboxCode])
    ],
    { discard: true }
  )

const calldata = (log: LogContent): HexData =>
  `0x${log.topics.map((topic) => topic.slice(2)).join("")}${log.data.slice(2)}`

/** Emits a log by a transaction of anvil's first account to the contract that stands at the log's address. */
export const emitOnAnvil = (url: string) =>
  Effect.fnUntraced(function* (log: LogContent) {
    const accounts = yield* call(url, "eth_accounts", []).pipe(
      Effect.flatMap(decodeAccounts),
      Effect.mapError(toError(url))
    )
    const transaction = { from: accounts[0], to: log.address, data: calldata(log), gas: "0x30d40" }
    yield* call(url, "eth_sendTransaction", [transaction])
  })

/** Fetches JSON. */
export const get = Effect.fnUntraced(function* (url: string) {
  const client = yield* HttpClient.HttpClient
  return yield* client.get(url).pipe(
    Effect.flatMap(HttpClientResponse.filterStatusOk),
    Effect.flatMap((response) => response.json),
    Effect.timeout("5 seconds"),
    Effect.mapError(toError(url))
  )
})

/** Emits a log through the development endpoint of a node. */
export const emitOnDevelopmentChain = (adminUrl: string) =>
  Effect.fnUntraced(function* (log: LogContent) {
    const client = yield* HttpClient.HttpClient
    yield* client
      .execute(
        HttpClientRequest.post(`${adminUrl}/dev/transactions`).pipe(HttpClientRequest.bodyJsonUnsafe(log))
      )
      .pipe(
        Effect.flatMap(HttpClientResponse.filterStatusOk),
        Effect.timeout("5 seconds"),
        Effect.mapError(
          (cause) => new ExecutionError({ message: `${adminUrl}/dev/transactions: ${cause.message}` })
        )
      )
  })
