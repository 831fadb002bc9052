/**
 * Asks an Ethereum execution client over HTTP JSON-RPC.
 */
import { Hash, Json, Receipt } from "@ephor/types"
import { Effect, Result, Schema, Stream } from "effect"
import { FetchHttpClient, HttpClient, HttpClientRequest } from "effect/http"

/** An address without what follows the host and without credentials: providers have their keys there. */
const shown = (url: string): string => {
  if (!URL.canParse(url)) return "the address"
  const { host, pathname, protocol, search } = new URL(url)
  return `${protocol}//${host}${pathname === "/" && search === "" ? "" : "/..."}`
}

/** Nobody answered, or not in time; a later try may succeed. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  url: Schema.String,
  method: Schema.String,
  cause: Schema.Defect()
}) {
  override get message() {
    const cause = this.cause
    const why = cause instanceof Error ? cause.message : String(cause)
    return `${shown(this.url)} did not answer ${this.method}: ${why.replaceAll(this.url, shown(this.url))}`
  }
}

/** Whoever answers is no execution client, or answers what makes no sense. */
export class NotExecutionClient extends Schema.TaggedError<NotExecutionClient>()("NotExecutionClient", {
  url: Schema.String,
  method: Schema.String,
  answer: Schema.String
}) {
  override get message() {
    return `${shown(this.url)} is not the JSON-RPC address of an execution client: it answered ${this.method} with ${this.answer}`
  }
}

/** The client refused the call. */
export class Refused extends Schema.TaggedError<Refused>()("Refused", {
  url: Schema.String,
  method: Schema.String,
  code: Schema.Int,
  text: Schema.String
}) {
  override get message() {
    return `${shown(this.url)} refused ${this.method}: ${this.text} (${this.code})`
  }
}

/** Why a call has no result. */
export type ClientError = Unreachable | NotExecutionClient | Refused

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
  readonly url: string
  readonly call: (method: string, ...params: ReadonlyArray<unknown>) => Effect.Effect<unknown, ClientError>
  /** A block by height, tag or hash; nothing if there is none. */
  readonly block: (id: number | "latest" | Hash) => Effect.Effect<Block | undefined, ClientError>
  /** The receipts of a block, with log indices that count over the whole block. */
  readonly receipts: (block: Block) => Effect.Effect<ReadonlyArray<Receipt>, ClientError>
}

/** How to reach a client. */
export interface Options {
  readonly url: string
  readonly requestTimeoutMs: number
  /** Largest answer in bytes. */
  readonly answerLimitBytes: number
}

const quantity = Schema.String.check(Schema.isPattern(/^0x(0|[1-9a-f][0-9a-f]{0,13})$/))
const decodeBlock = Schema.decodeUnknownResult(
  Schema.Struct({
    hash: Hash,
    parentHash: Hash,
    number: quantity,
    timestamp: quantity,
    stateRoot: Hash,
    withdrawalsRoot: Schema.optionalKey(Hash),
    transactions: Schema.Array(Hash)
  })
)
const decodeReceipts = Json.decodeResult(Schema.Array(Receipt))
const decodeReceipt = Json.decodeResult(Receipt)
const decodeAnswer = Schema.decodeUnknownResult(
  Schema.fromJsonString(
    Schema.Union([
      Schema.Struct({
        jsonrpc: Schema.Literal("2.0"),
        error: Schema.Struct({ code: Schema.Int, message: Schema.String })
      }),
      Schema.Struct({ jsonrpc: Schema.Literal("2.0"), result: Schema.Unknown })
    ])
  )
)

const methodNotFound = -32_601
const excerptLength = 80
const excerpt = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value)
  return text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text
}

/** Numbers the logs of a block from 0 on: some clients count per transaction. */
const renumbered = (receipts: ReadonlyArray<Receipt>): ReadonlyArray<Receipt> => {
  let logIndex = 0
  return receipts.map((receipt) => ({
    ...receipt,
    logs: receipt.logs.map((log) => ({ ...log, logIndex: logIndex++ }))
  }))
}

const makeCall = (options: Options): Client["call"] => {
  const { url } = options
  const post = Effect.fnUntraced(function* (method: string, params: ReadonlyArray<unknown>) {
    const http = yield* HttpClient.HttpClient
    const request = HttpClientRequest.bodyJsonUnsafe(HttpClientRequest.post(url), {
      jsonrpc: "2.0",
      id: 1,
      method,
      params
    })
    const response = yield* http.execute(request)
    const decoder = new TextDecoder()
    const text = yield* Stream.runFoldEffect(
      response.stream,
      () => "",
      (text, bytes) =>
        text.length + bytes.length > options.answerLimitBytes
          ? Effect.fail(
              new NotExecutionClient({ url, method, answer: `more than ${options.answerLimitBytes} bytes` })
            )
          : Effect.succeed(text + decoder.decode(bytes, { stream: true }))
    )
    return { status: response.status, text }
  })
  return Effect.fnUntraced(function* (method: string, ...params: ReadonlyArray<unknown>) {
    const { status, text } = yield* post(method, params).pipe(
      Effect.timeout(options.requestTimeoutMs),
      Effect.mapError((cause) =>
        cause._tag === "NotExecutionClient" ? cause : new Unreachable({ url, method, cause })
      ),
      Effect.provide(FetchHttpClient.layer)
    )
    const answer = decodeAnswer(text)
    if (Result.isFailure(answer)) {
      // A proxy in front of a client that restarts answers like this, too.
      if (status >= 500) return yield* new Unreachable({ url, method, cause: `HTTP status ${status}` })
      return yield* new NotExecutionClient({ url, method, answer: `HTTP status ${status}: ${excerpt(text)}` })
    }
    if ("error" in answer.success) {
      const { code, message } = answer.success.error
      return yield* new Refused({ url, method, code, text: message })
    }
    return answer.success.result
  })
}

/** Opens nothing yet: each call is one HTTP request. */
export const make = (options: Options): Client => {
  const { url } = options
  const call = makeCall(options)

  const read = <A>(method: string, answer: unknown, result: Result.Result<A, unknown>) =>
    Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(new NotExecutionClient({ url, method, answer: excerpt(answer) }))

  const block: Client["block"] = Effect.fnUntraced(function* (id: number | "latest" | Hash) {
    const byHash = typeof id === "string" && id !== "latest"
    const method = byHash ? "eth_getBlockByHash" : "eth_getBlockByNumber"
    const answer = yield* call(method, typeof id === "number" ? `0x${id.toString(16)}` : id, false)
    if (answer === null) return undefined
    const found = yield* read(method, answer, decodeBlock(answer))
    return { ...found, number: Number(found.number), timestamp: Number(found.timestamp) }
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
    if (answer === null) return yield* new Unreachable({ url, method, cause: `no receipts of block ${hash}` })
    return yield* read(method, answer, decodeReceipts(answer))
  })

  const receipts: Client["receipts"] = ({ hash, transactions }) =>
    allAtOnce(hash).pipe(
      Effect.catchIf(
        (error) => error._tag === "Refused" && error.code === methodNotFound,
        () => oneByOne(transactions)
      ),
      Effect.map(renumbered)
    )

  return { url, call, block, receipts }
}
