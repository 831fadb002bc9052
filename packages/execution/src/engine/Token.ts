/**
 * The token that the Engine API wants with every call: HS256 over one claim, the time of issue. The keyed hash is
 * plugged in.
 */
import { Clock, Effect } from "effect"
import { Base64Url } from "effect/encoding"
import { FetchHttpClient } from "effect/http"
import { Backend } from "@ephor/chain/ChainError"
import type { Client, ClientError } from "../NodeEthRpcClient.ts"

/** HMAC-SHA-256 of bytes under the secret that we share with the client. */
export type Hmac = (bytes: Uint8Array) => Uint8Array

/** Bytes of a secret. */
export const secretLength = 32

const encoder = new TextEncoder()
const header = Base64Url.encode(`{"alg":"HS256","typ":"JWT"}`)

/** A token that was issued at a time in seconds. */
export const issue = (hmac: Hmac, issuedAtSeconds: number): string => {
  const body = `${header}.${Base64Url.encode(JSON.stringify({ iat: issuedAtSeconds }))}`
  return `${body}.${Base64Url.encode(hmac(encoder.encode(body)))}`
}

const refused = /^HTTP status 40[13]: (.*)/s

/** Says of a refused token that it was one: HTTP tells it by a status alone. */
const tokenProblem = (error: ClientError): ClientError | Backend => {
  const match = error._tag === "NotExecutionClient" ? refused.exec(error.answer) : null
  if (match === null) return error
  return new Backend({
    what: `${error.url} refused our token (${match[1]!.trim()})`,
    cause: "engine.jwtSecret must be the secret that the client was started with, and the clocks must agree"
  })
}

/** One call of the Engine API. */
export type EngineCall = (
  method: string,
  ...params: ReadonlyArray<unknown>
) => Effect.Effect<unknown, ClientError | Backend>

/** Calls with a fresh token each: a client takes none that is older than a minute. */
export const withToken =
  (client: Client, hmac: Hmac): EngineCall =>
  (method, ...params) =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      // Beside the request, not in it: errors carry the request, and are logged.
      Effect.provideService(client.call(method, ...params), FetchHttpClient.RequestInit, {
        headers: { authorization: `Bearer ${issue(hmac, Math.floor(now / 1000))}` }
      })
    ).pipe(Effect.mapError(tokenProblem))

/** An engine's address with the means to speak to it. */
export interface EngineConnection {
  readonly url: string
  readonly call: EngineCall
}
