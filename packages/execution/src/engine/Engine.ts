/** The verbs of a client's Engine API: which blocks are its heads, what to build, what to take in. */
import { Hash, HexData } from "@ephor/types"
import { Effect, Result, Schema } from "effect"
import { Backend } from "@ephor/chain/ChainError"
import { excerpt } from "@ephor/json-rpc/JsonRpcClient"
import { JsonRpcError, Malformed } from "@ephor/json-rpc/JsonRpcError"
import { Body, type PayloadAttributes } from "./Attributes.ts"
import type { EngineCall } from "./Token.ts"

/** Why the engine did not do it: it says what to do about it, unless nobody answered. */
export type EngineError = JsonRpcError | Backend

/** The three heads of a client. */
export interface Forkchoice {
  readonly headBlockHash: Hash
  readonly safeBlockHash: Hash
  readonly finalizedBlockHash: Hash
}

/** A block that the client built, with everything that it wants to see again when it takes it in. */
export interface Built {
  readonly hash: Hash
  readonly payload: unknown
  readonly requests: ReadonlyArray<unknown>
}

/** What a client does on the word of its Engine API. */
export interface Engine {
  readonly call: EngineCall
  /** Makes the heads those of the client. */
  readonly setForkchoice: (forkchoice: Forkchoice) => Effect.Effect<void, EngineError>
  /** Makes the heads those of the client, and has it build a block upon them, of nothing but what it is given. */
  readonly build: (forkchoice: Forkchoice, attributes: PayloadAttributes) => Effect.Effect<Built, EngineError>
  /** Has the client execute a block that was built from the attributes. */
  readonly insert: (built: Built, attributes: PayloadAttributes) => Effect.Effect<void, EngineError>
  /** The raw transactions and withdrawals of a block; nothing if the client has no such block. */
  readonly body: (hash: Hash) => Effect.Effect<Body | undefined, EngineError>
}

const code = {
  noSuchMethod: -32_601,
  unknownPayload: -38_001,
  invalidForkchoice: -38_002,
  invalidAttributes: -38_003,
  unsupportedFork: -38_005
} as const

/** What to do about a refusal. */
const advice: { readonly [Code in number]?: string } = {
  [code.noSuchMethod]:
    "engine.url must be the Engine API (not the public RPC) of an OP-stack client of today",
  [code.unknownPayload]:
    "the client gave up the block that it was to build: look into its log, then try again",
  [code.invalidForkchoice]:
    "the client's safe or finalized block is unknown or on another branch: let it catch up, or check that engine.url is of the same client",
  [code.invalidAttributes]: "the client must be of the OP stack, and of the fork that the block is of",
  [code.unsupportedFork]:
    "the block is of a fork that this program or the client does not know: update the older one"
}

/** Says of a refusal what to do about it. */
const explained = (error: EngineError): EngineError =>
  error._tag === "JsonRpcError" && error.reason._tag === "Refused" && !error.retryable
    ? new Backend({ what: error.message, cause: advice[error.reason.code] ?? "look into the client's log" })
    : error

const Status = Schema.Struct({
  status: Schema.String,
  validationError: Schema.optionalKey(Schema.NullOr(Schema.String))
})
const decodeStatus = Schema.decodeUnknownResult(Status)
const decodeForkchoice = Schema.decodeUnknownResult(
  Schema.Struct({ payloadStatus: Status, payloadId: Schema.optionalKey(Schema.NullOr(HexData)) })
)
const decodeBodies = Schema.decodeUnknownResult(Schema.Tuple([Schema.NullOr(Body)]))
const decodeEnvelope = Schema.decodeUnknownResult(
  Schema.Struct({
    executionPayload: Schema.StructWithRest(
      Schema.Struct({ blockHash: Hash, transactions: Schema.Array(HexData) }),
      [Schema.Record(Schema.String, Schema.Unknown)]
    ),
    executionRequests: Schema.optionalKey(Schema.NullOr(Schema.Array(Schema.Unknown)))
  })
)

const statusAdvice = (status: string, why: string | null | undefined) =>
  status === "INVALID" || status === "INVALID_BLOCK_HASH"
    ? `the client cannot execute the block (${why ?? "it does not say why"}): look into its log`
    : "the client has not executed what leads there: wait until it has caught up, then try again"

/** Speaks with an engine; opens nothing yet. */
export const makeEngine = (url: string, call: EngineCall): Engine => {
  const read = <A>(method: string, answer: unknown, result: Result.Result<A, unknown>) =>
    Result.isSuccess(result)
      ? Effect.succeed(result.success)
      : Effect.fail(
          new JsonRpcError({ endpoint: url, method, reason: new Malformed({ why: excerpt(answer) }) })
        )

  const checkStatus = (method: string, { status, validationError }: typeof Status.Type) =>
    status === "VALID"
      ? Effect.void
      : Effect.fail(
          new Backend({
            what: `${url} answered ${method} with ${status}`,
            cause: statusAdvice(status, validationError)
          })
        )

  const attempt = (method: string, params: ReadonlyArray<unknown>) =>
    Effect.map(call(method, ...params), (answer) => ({ method, answer }))

  /** The older method is for blocks before Isthmus, and for clients that do not know of it. */
  const newerOrOlder = (
    name: string,
    newer: ReadonlyArray<unknown>,
    older: ReadonlyArray<unknown>
  ): Effect.Effect<{ readonly method: string; readonly answer: unknown }, EngineError> =>
    attempt(`${name}V4`, newer).pipe(
      Effect.catchIf(
        (error) =>
          error._tag === "JsonRpcError" &&
          error.reason._tag === "Refused" &&
          (error.reason.code === code.noSuchMethod || error.reason.code === code.unsupportedFork),
        () => attempt(`${name}V3`, older)
      ),
      Effect.mapError(explained)
    )

  const forkchoiceUpdated = Effect.fnUntraced(function* (
    forkchoice: Forkchoice,
    attributes: PayloadAttributes | null
  ) {
    const method = "engine_forkchoiceUpdatedV3"
    const answer = yield* Effect.mapError(call(method, forkchoice, attributes), explained)
    const { payloadId, payloadStatus } = yield* read(method, answer, decodeForkchoice(answer))
    yield* checkStatus(method, payloadStatus)
    return payloadId
  })

  const build: Engine["build"] = Effect.fnUntraced(function* (forkchoice, attributes) {
    const id = yield* forkchoiceUpdated(forkchoice, attributes)
    const notOurs = (what: string) =>
      new Backend({ what: `${url} ${what}`, cause: "the client must be one of the OP stack" })
    if (id === undefined || id === null) return yield* notOurs("did not begin to build the block")
    const { answer, method } = yield* newerOrOlder("engine_getPayload", [id], [id])
    const envelope = yield* read(method, answer, decodeEnvelope(answer))
    const { executionPayload: payload, executionRequests } = envelope
    if (payload.transactions.join() !== attributes.transactions.join()) {
      return yield* notOurs("built a block of other transactions than it was given")
    }
    return { hash: payload.blockHash, payload, requests: executionRequests ?? [] }
  })

  const insert: Engine["insert"] = Effect.fnUntraced(function* ({ payload, requests }, attributes) {
    const params = [payload, [], attributes.parentBeaconBlockRoot ?? null]
    const { answer, method } = yield* newerOrOlder("engine_newPayload", [...params, requests], params)
    yield* checkStatus(method, yield* read(method, answer, decodeStatus(answer)))
  })

  const body: Engine["body"] = Effect.fnUntraced(function* (hash) {
    const method = "engine_getPayloadBodiesByHashV1"
    const answer = yield* Effect.mapError(call(method, [hash]), explained)
    const [found] = yield* read(method, answer, decodeBodies(answer))
    return found ?? undefined
  })

  return {
    call: (method, ...params) => Effect.mapError(call(method, ...params), explained),
    setForkchoice: (forkchoice) => Effect.asVoid(forkchoiceUpdated(forkchoice, null)),
    build,
    insert,
    body
  }
}
