/**
 * Ethereum JSON-RPC, as far as the L1 needs it: headers by tag, height and hash.
 */
import { Effect, Option, Schema } from "effect"
import { type HttpClient, HttpClientRequest } from "effect/http"
import { type BlockRef, Hash } from "@ephor/types"
import { L1Error, type Source } from "../L1Source.ts"

const Quantity = Schema.String.check(Schema.isPattern(/^0x(0|[1-9a-fA-F][0-9a-fA-F]{0,12})$/))

const Header = Schema.Struct({ hash: Hash, parentHash: Hash, number: Quantity, timestamp: Quantity })

const Answer = Schema.Union([
  Schema.Struct({ error: Schema.Struct({ code: Schema.Finite, message: Schema.String }) }),
  Schema.Struct({ result: Schema.NullOr(Header) })
])
const decodeAnswer = Schema.decodeUnknownEffect(Answer)

/** Execution clients answer this way for a tag or hash that they do not know (yet). */
const notFound = /(block|header) not found|unknown block/i

/** Puts one request (a JSON-RPC object, its id included) to a client: the JSON of the answer, or why there is none. */
export type Ask = (request: object) => Effect.Effect<unknown, string>

/** Asks over HTTP, a POST each. */
export const askOverHttp =
  (client: HttpClient.HttpClient, url: string): Ask =>
  (request) =>
    HttpClientRequest.post(url).pipe(
      HttpClientRequest.bodyJsonUnsafe(request),
      client.execute,
      Effect.flatMap((response) =>
        response.status === 200 ? response.json : Effect.fail({ message: `HTTP status ${response.status}` })
      ),
      Effect.mapError(({ message }) => message)
    )

/** The four questions of the L1, put to an execution client. */
export const makeEthClient = (ask: Ask, url: string): Source => {
  let id = 0
  const header = Effect.fnUntraced(function* (
    method: string,
    parameter: string
  ): Effect.fn.Return<Option.Option<BlockRef>, L1Error> {
    const fail = (why: string) => new L1Error({ method: `${method}(${parameter}) at ${url}`, why })
    const request = { jsonrpc: "2.0", id: ++id, method, params: [parameter, false] }
    const body = yield* Effect.mapError(ask(request), fail)
    const answer = yield* Effect.mapError(decodeAnswer(body), (error) => fail(error.message))
    if ("error" in answer) {
      return notFound.test(answer.error.message)
        ? Option.none()
        : yield* fail(`${answer.error.message} (${answer.error.code})`)
    }
    return Option.map(Option.fromNullOr(answer.result), ({ hash, number, parentHash, timestamp }) => ({
      hash,
      number: Number(number),
      parentHash,
      timestamp: Number(timestamp)
    }))
  })
  return {
    latest: header("eth_getBlockByNumber", "latest"),
    finalized: header("eth_getBlockByNumber", "finalized"),
    blockByNumber: (number) => header("eth_getBlockByNumber", `0x${number.toString(16)}`),
    blockByHash: (hash) => header("eth_getBlockByHash", hash)
  }
}
