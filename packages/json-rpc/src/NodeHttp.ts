/**
 * One request over HTTP to an endpoint, with its credentials, within a time and a number of bytes.
 */
import { type IncomingMessage, request as httpRequest } from "node:http"
import { request as httpsRequest } from "node:https"
import { Effect } from "effect"
import type { Endpoint } from "./Endpoint.ts"
import { Disconnected, type JsonRpcErrorReason, Malformed, TimedOut } from "./JsonRpcError.ts"

/** Bounds of an exchange. */
export interface Limits {
  /** Time for the whole exchange, in milliseconds. */
  readonly callTimeoutMs: number
  /** Bytes of an answer. */
  readonly answerBytes: number
}

/** What is asked. */
export interface Question {
  readonly method: "GET" | "POST"
  readonly body?: string | undefined
  readonly headers?: { readonly [name: string]: string } | undefined
}

/** What was answered, whatever its status. */
export interface Answer {
  readonly status: number
  readonly body: Uint8Array<ArrayBuffer>
}

/** Reads an answer to its end; tells whether that end was reached within the limit. */
export const readAnswer = (
  response: IncomingMessage,
  limit: number,
  done: (body: Uint8Array<ArrayBuffer>, ending: "Whole" | "TooLong" | "BrokenOff") => void
): void => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  const finish = (ending: "Whole" | "TooLong" | "BrokenOff") => {
    const body = new Uint8Array(length)
    let at = 0
    for (const chunk of chunks.splice(0)) {
      body.set(chunk, at)
      at += chunk.length
    }
    length = 0
    done(body, ending)
  }
  response.on("data", (chunk: Buffer) => {
    if (length + chunk.length > limit) {
      response.removeAllListeners("data")
      finish("TooLong")
      response.destroy()
      return
    }
    chunks.push(chunk)
    length += chunk.length
  })
  response.once("end", () => finish("Whole"))
  response.once("error", () => finish("BrokenOff"))
  response.once("aborted", () => finish("BrokenOff"))
}

/** The error of a socket in our words: aggregate errors of several addresses have no message of their own. */
export const whyOf = (error: unknown): string => {
  if (error instanceof AggregateError) return error.errors.map(whyOf).join("; ")
  return error instanceof Error && error.message !== "" ? error.message : String(error)
}

/** Asks once. An answer of any status is a success; no answer, or too long a one, is a failure. */
export const exchange = (
  endpoint: Endpoint,
  { body, headers, method }: Question,
  limits: Limits
): Effect.Effect<Answer, JsonRpcErrorReason> =>
  Effect.callback<Answer, JsonRpcErrorReason>((resume) => {
    const fail = (reason: JsonRpcErrorReason) => resume(Effect.fail(reason))
    const revealed = endpoint.reveal()
    const send = endpoint.protocol === "https:" ? httpsRequest : httpRequest
    const length = body === undefined ? {} : { "Content-Length": String(Buffer.byteLength(body)) }
    const request = send(
      revealed.url,
      { method, headers: { ...revealed.headers, ...length, ...headers } },
      (response) =>
        readAnswer(response, limits.answerBytes, (body, ending) => {
          if (ending === "Whole") resume(Effect.succeed({ status: response.statusCode ?? 0, body }))
          else if (ending === "TooLong") fail(new Malformed({ why: `more than ${limits.answerBytes} bytes` }))
          else fail(new Disconnected({ why: "the answer broke off" }))
        })
    )
    request.on("error", (error) => fail(new Disconnected({ why: whyOf(error) })))
    request.end(body)
    return Effect.sync(() => request.destroy())
  }).pipe(
    Effect.timeoutOrElse({
      duration: limits.callTimeoutMs,
      orElse: () => Effect.fail(new TimedOut({ afterMs: limits.callTimeoutMs }))
    })
  )
