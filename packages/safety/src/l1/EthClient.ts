/**
 * Ethereum JSON-RPC, as far as the L1 needs it: headers by tag, height and hash.
 */
import { Effect, Option, Result, Schema } from "effect"
import { excerpt, type Client } from "@ephor/json-rpc/JsonRpcClient"
import type { JsonRpcError } from "@ephor/json-rpc/JsonRpcError"
import { type BlockRef, Hash, Json, Quantity } from "@ephor/types"
import { L1Error, type Source } from "../L1Source.ts"

const decodeHeader = Json.decodeResult(
  Schema.Struct({ hash: Hash, parentHash: Hash, number: Quantity, timestamp: Quantity })
)

/** Execution clients answer this way for a tag or hash that they do not know (yet). */
const notFound = /(block|header) not found|unknown block/i

const isNotFound = ({ reason }: JsonRpcError) => reason._tag === "Refused" && notFound.test(reason.text)

/** The four questions of the L1, put to an execution client. */
export const makeEthClient = ({ call, endpoint }: Client): Source => {
  const header = Effect.fnUntraced(function* (
    method: string,
    parameter: string
  ): Effect.fn.Return<Option.Option<BlockRef>, L1Error> {
    const fail = (why: string) => new L1Error({ method: `${method}(${parameter}) at ${endpoint}`, why })
    const answer = yield* call(method, parameter, false).pipe(
      Effect.catchIf(isNotFound, () => Effect.succeed(null)),
      Effect.mapError(({ reason }) => fail(reason.message))
    )
    if (answer === null) return Option.none()
    const decoded = decodeHeader(answer)
    return Result.isSuccess(decoded)
      ? Option.some(decoded.success)
      : yield* fail(`${excerpt(answer)} is no header: ${decoded.failure.message}`)
  })
  return {
    latest: header("eth_getBlockByNumber", "latest"),
    finalized: header("eth_getBlockByNumber", "finalized"),
    blockByNumber: (number) => header("eth_getBlockByNumber", `0x${number.toString(16)}`),
    blockByHash: (hash) => header("eth_getBlockByHash", hash)
  }
}
