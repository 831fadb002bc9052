/**
 * JSON-RPC 2.0 as go-ethereum speaks it, one JSON text per frame: parsing, printing and the errors of the framework.
 * Pure; who reads and writes the frames is not its business.
 *
 * Numbers are never rounded: a number that JavaScript cannot hold comes out as an opaque value that prints as it came
 * in (so that an id is echoed to the digit) and that no decoder takes for a number.
 */
import { Json } from "@ephor/types"

/** An error object of a response. `data` is left out when it is `undefined`. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data?: unknown
}

/** Error codes of the framework (go-ethereum `rpc/errors.go`). */
export const codes = {
  parse: -32700,
  invalidRequest: -32600,
  methodNotFound: -32601,
  invalidParams: -32602,
  internal: -32603,
  /** What a handler answers unless it says otherwise. */
  default: -32000,
  /** "Notifications not supported" of old servers. */
  legacyUnsupported: -32001,
  timeout: -32002,
  responseTooLarge: -32003,
  /** What was asked for is not kept any more (go-ethereum's `PrunedHistoryError`, EIP-4444). */
  prunedHistory: 4444
} as const

/** The fixed errors of the framework, and those that name what was wrong. */
export const errors = {
  parse: { code: codes.parse, message: "parse error" },
  invalidRequest: { code: codes.invalidRequest, message: "invalid request" },
  emptyBatch: { code: codes.invalidRequest, message: "empty batch" },
  batchTooLarge: { code: codes.invalidRequest, message: "batch too large" },
  nonArrayArgs: { code: codes.invalidParams, message: "non-array args" },
  crashed: { code: codes.internal, message: "method handler crashed" },
  timedOut: { code: codes.timeout, message: "request timed out" },
  responseTooLarge: { code: codes.responseTooLarge, message: "response too large" },
  notificationsUnsupported: { code: codes.methodNotFound, message: "notifications not supported" },
  subscriptionNotFound: { code: codes.default, message: "subscription not found" },
  methodNotFound: (method: string): RpcError => ({
    code: codes.methodNotFound,
    message: `the method ${method} does not exist/is not available`
  }),
  noSubscription: (name: string, namespace: string): RpcError => ({
    code: codes.methodNotFound,
    message: `no ${JSON.stringify(name)} subscription in ${namespace} namespace`
  }),
  missingArgument: (index: number): RpcError => ({
    code: codes.invalidParams,
    message: `missing value for required argument ${index}`
  }),
  tooManyArguments: (most: number): RpcError => ({
    code: codes.invalidParams,
    message: `too many arguments, want at most ${most}`
  }),
  invalidArgument: (index: number, why: string): RpcError => ({
    code: codes.invalidParams,
    message: `invalid argument ${index}: ${why}`
  })
} as const

/** One message of a frame, told apart as go-ethereum does. Ids are opaque: print them with `JSON.stringify`. */
export type Message =
  | { readonly _tag: "Call"; readonly id: unknown; readonly method: string; readonly params: unknown }
  | { readonly _tag: "Notification"; readonly method: string; readonly params: unknown }
  | { readonly _tag: "Success"; readonly id: unknown; readonly result: unknown }
  | { readonly _tag: "Failure"; readonly id: unknown; readonly error: RpcError }
  /** Not a request object; `id` is what an answer would carry. */
  | { readonly _tag: "Invalid"; readonly id: unknown }

/** What a frame holds; `undefined` if it is not JSON. */
export type Frame =
  | { readonly _tag: "Single"; readonly message: Message }
  | { readonly _tag: "Batch"; readonly messages: ReadonlyArray<Message> }
  /** More messages than allowed; `id` is that of the first call among them. */
  | { readonly _tag: "BatchTooLarge"; readonly id: unknown }

// `JSON.rawJSON` is in every Node since 21, but not in the type library yet.
const rawJson = (JSON as unknown as { readonly rawJSON: (source: string) => unknown }).rawJSON

/** A number that JavaScript cannot hold. It prints as it came in, and no decoder takes it for a number. */
export class ExactNumber {
  /** The number as it was written. */
  readonly digits: string
  constructor(digits: string) {
    this.digits = digits
  }
  toJSON(): unknown {
    return rawJson(this.digits)
  }
  toString(): string {
    return this.digits
  }
}

/** A number token of 16 digits or more, or with a fraction or an exponent: only those need the slow path. */
const awkwardNumber = /(?:^|[:,[\s])-?\d+(?:\d{15}|[.eE])|-0/
const isAwkward = (token: string) => String(Number(token)) !== token
const exactNumber = (token: string) => new ExactNumber(token)

/** Numbers of one text that JavaScript cannot hold. Nobody sends many of them, and each costs more than others do. */
export const exactNumbersLimit = 10_000

/**
 * JSON text to a value without rounding any number, at a cost that is linear in the length of the text. Throws
 * `SyntaxError`, also for a text with more than `exactNumbersLimit` numbers that cannot be held.
 */
export const parseJson = (text: string): unknown =>
  awkwardNumber.test(text)
    ? Json.readNumbers(text, isAwkward, exactNumber, exactNumbersLimit)
    : JSON.parse(text)

const isId = (id: unknown) => id === null || typeof id !== "object" || id instanceof ExactNumber

const isRpcError = (error: unknown): error is RpcError =>
  Json.isObject(error) && typeof error["code"] === "number" && typeof error["message"] === "string"

const toMessage = (json: unknown): Message => {
  if (!Json.isObject(json)) return { _tag: "Invalid", id: null }
  const { error, id, method, params, result } = json
  const hasId = id !== undefined && isId(id)
  if (json["jsonrpc"] === "2.0") {
    if (typeof method === "string" && method !== "") {
      if (id === undefined) return { _tag: "Notification", method, params }
      if (hasId) return { _tag: "Call", id, method, params }
    } else if (hasId && (method === undefined || method === "")) {
      if (isRpcError(error)) return { _tag: "Failure", id, error }
      if (result !== undefined) return { _tag: "Success", id, result }
    }
  }
  return { _tag: "Invalid", id: hasId ? id : null }
}

const openBracket = 0x5b
const openBrace = 0x7b
const comma = 0x2c

/**
 * Whether a text has more brackets, braces and commas than that: more values than somebody needs who calls a method. To be
 * looked at before the text is parsed, when it has cost nothing yet: 5 MiB of `{}` become 1.7 million objects.
 */
export const holdsMoreThan = (text: string, values: number): boolean => {
  if (text.length <= values) return false
  let left = values
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if ((code === comma || code === openBrace || code === openBracket) && --left < 0) return true
  }
  return false
}

/** Takes a frame apart; `undefined` if it is not JSON. */
export const parse = (text: string, batchLimit: number): Frame | undefined => {
  let json: unknown
  try {
    json = parseJson(text)
  } catch {
    return undefined
  }
  if (!Array.isArray(json)) return { _tag: "Single", message: toMessage(json) }
  if (json.length <= batchLimit) return { _tag: "Batch", messages: json.map(toMessage) }
  const call = json
    .slice(0, batchLimit)
    .map(toMessage)
    .find((message) => message._tag === "Call")
  return { _tag: "BatchTooLarge", id: call?.id ?? null }
}

/** A call, keys in go-ethereum's order. */
export const formatCall = (id: number, method: string, params: ReadonlyArray<unknown>): string =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${JSON.stringify(params)}}`

/** A successful answer. Nothing to answer is `null`, never a missing key: Go clients insist on it. */
export const formatResult = (id: unknown, result: unknown): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"result":${JSON.stringify(result ?? null)}}`

/** A failed answer; an unknown id is `null`. */
export const formatError = (id: unknown, error: RpcError): string =>
  `{"jsonrpc":"2.0","id":${JSON.stringify(id)},"error":${JSON.stringify({
    code: error.code,
    message: error.message,
    data: error.data ?? undefined
  })}}`

/** One item of a subscription. */
export const formatNotification = (namespace: string, subscription: string, result: unknown): string =>
  `{"jsonrpc":"2.0","method":"${namespace}_subscription","params":{"subscription":"${subscription}","result":${JSON.stringify(result)}}}`

/** Several answers in one frame. */
export const formatBatch = (answers: ReadonlyArray<string>): string => `[${answers.join(",")}]`

/** The id of a subscription out of 16 random bytes: hex without leading zeros. */
export const subscriptionId = (bytes: Uint8Array): string => {
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("")
  return `0x${hex.replace(/^0+(?=.)/, "")}`
}

/** The arguments of a call, or the error that answers it. Trailing arguments may be missing down to `required`. */
export const positional = (
  params: unknown,
  required: number,
  most: number
): { readonly args: ReadonlyArray<unknown> } | { readonly error: RpcError } => {
  if (params !== undefined && params !== null && !Array.isArray(params)) return { error: errors.nonArrayArgs }
  const args: ReadonlyArray<unknown> = params ?? []
  if (args.length > most) return { error: errors.tooManyArguments(most) }
  return args.length < required ? { error: errors.missingArgument(args.length) } : { args }
}
