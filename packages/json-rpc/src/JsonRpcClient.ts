/**
 * Calls to a server, whatever carries them. `NodeJsonRpcClient` makes one out of a URL.
 */
import { Effect } from "effect"
import type { Endpoint } from "./Endpoint.ts"
import { formatCall, parse } from "./JsonRpc.ts"
import { JsonRpcError, type JsonRpcErrorReason, Malformed, Refused } from "./JsonRpcError.ts"

/** A server that can be called. */
export interface Client {
  readonly endpoint: Endpoint
  /** The result of a call, as it came; numbers that JavaScript cannot hold are `ExactNumber`s. */
  readonly call: (method: string, ...params: ReadonlyArray<unknown>) => Effect.Effect<unknown, JsonRpcError>
}

/** Bounds of calls. */
export interface Limits {
  /** Time for a call, in milliseconds. */
  readonly callTimeoutMs: number
  /** Bytes of an answer. */
  readonly answerBytes: number
}

/** 10 s and 64 MiB. */
export const defaults: Limits = { callTimeoutMs: 10_000, answerBytes: 64 * 1024 * 1024 }

const excerptLength = 80

/** The beginning of something that made no sense, for a message. */
export const excerpt = (value: unknown): string => {
  const text = typeof value === "string" ? value : JSON.stringify(value)
  return text.length > excerptLength ? `${text.slice(0, excerptLength)}…` : text
}

/** One answer of a server: the result, an error of the server, or nothing that can be told. */
const outcome = (text: string): { readonly result: unknown } | { readonly error: Refused } | undefined => {
  const frame = parse(text, 1)
  const message =
    frame?._tag === "Single" ? frame.message : frame?._tag === "Batch" ? frame.messages[0] : undefined
  if (message?._tag === "Success") return { result: message.result }
  if (message?._tag === "Failure") return { error: Refused.of(message.error) }
  return undefined
}

/** What the body of an HTTP answer means; `otherwise` is the reason for one that is no JSON-RPC. */
export const readBody = (
  text: string,
  otherwise: (text: string) => JsonRpcErrorReason = (text) => new Malformed({ why: excerpt(text) })
): Effect.Effect<unknown, JsonRpcErrorReason> => {
  const found = outcome(text)
  if (found === undefined) return Effect.fail(otherwise(text))
  return "error" in found ? Effect.fail(found.error) : Effect.succeed(found.result)
}

/** One call over something that carries a body there and brings one back. */
export const callOver =
  (
    endpoint: Endpoint,
    post: (
      body: string
    ) => Effect.Effect<{ readonly status: number; readonly text: string }, JsonRpcErrorReason>,
    onStatus: (status: number, text: string) => JsonRpcErrorReason
  ): Client["call"] =>
  (method, ...params) =>
    post(formatCall(1, method, params)).pipe(
      Effect.flatMap(({ status, text }) =>
        readBody(text, (text) =>
          status === 200 ? new Malformed({ why: excerpt(text) }) : onStatus(status, text)
        )
      ),
      Effect.mapError((reason) => new JsonRpcError({ endpoint: String(endpoint), method, reason }))
    )
