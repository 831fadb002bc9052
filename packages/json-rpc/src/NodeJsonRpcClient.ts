/**
 * The client of a server at a URL: a request for each call over HTTP, or one WebSocket that is dialled when it is needed.
 */
import { Deferred, Effect, Exit, Scope, Semaphore } from "effect"
import { type Endpoint, from, type Input } from "./Endpoint.ts"
import * as JsonRpcClient from "./JsonRpcClient.ts"
import { BadUrl, JsonRpcError, type JsonRpcErrorReason, TimedOut } from "./JsonRpcError.ts"
import * as Jwt from "./Jwt.ts"
import { type Link, makeLink } from "./Link.ts"
import * as NodeHttp from "./NodeHttp.ts"
import * as NodeSocket from "./NodeSocket.ts"

/** Bounds of a client; those of sockets apply to WebSockets alone. */
export interface Limits extends JsonRpcClient.Limits, NodeSocket.Limits {
  /** Items of a subscription that nobody has taken yet; nothing here subscribes, so it is small. */
  readonly undelivered: number
}

/** Those of `JsonRpcClient` and `NodeSocket`. */
export const defaults: Limits = { ...NodeSocket.defaults, ...JsonRpcClient.defaults, undelivered: 16 }

/** Which server. */
export interface Options {
  /** `http(s)://` or `ws(s)://`; name, password, path and query are used, and never shown. */
  readonly url: Input
  /** With a secret every request, or every dial, carries a fresh token. Replaces name and password of the URL. */
  readonly jwtSecret?: Jwt.Secret | undefined
  readonly limits?: Partial<Limits> | undefined
}

type Headers = Effect.Effect<{ readonly [name: string]: string }>

const headersOf = ({ jwtSecret }: Options): Headers =>
  jwtSecret === undefined ? Effect.succeed({}) : Jwt.headers(jwtSecret)

/** The endpoint of the options, or the error that says why it is none. */
export const endpointOf = (
  url: Input,
  accepted?: ReadonlyArray<string>
): Effect.Effect<Endpoint, JsonRpcError> =>
  Effect.mapError(
    Effect.fromResult(from(url, accepted)),
    ({ message }) =>
      new JsonRpcError({
        endpoint: "",
        method: "connect",
        reason: new BadUrl({ text: `the URL is wrong: ${message}` })
      })
  )

const jsonType = { "Content-Type": "application/json" }

/** Puts one body to an endpoint and reads what comes back as text. */
export const post = (
  endpoint: Endpoint,
  headers: Headers,
  body: string,
  limits: NodeHttp.Limits
): Effect.Effect<{ readonly status: number; readonly text: string }, JsonRpcErrorReason> =>
  Effect.flatMap(headers, (fresh) =>
    Effect.map(
      NodeHttp.exchange(endpoint, { method: "POST", body, headers: { ...jsonType, ...fresh } }, limits),
      ({ body, status }) => ({ status, text: Buffer.from(body).toString("utf8") })
    )
  )

const overHttp = (endpoint: Endpoint, headers: Headers, limits: Limits): JsonRpcClient.Client => ({
  endpoint,
  call: JsonRpcClient.callOver(
    endpoint,
    (body) => post(endpoint, headers, body, limits),
    NodeSocket.statusReason
  )
})

/** One connection, which is dialled by the next call after it was lost. */
const overSocket = Effect.fnUntraced(function* (endpoint: Endpoint, headers: Headers, limits: Limits) {
  const scope = yield* Effect.scope
  const dialling = yield* Semaphore.make(1)
  let current: Link | undefined
  const connect = Effect.gen(function* () {
    const own = yield* Scope.fork(scope)
    const link = yield* NodeSocket.dial(
      endpoint,
      headers,
      { ...limits, messageBytes: limits.answerBytes },
      (duplex) => makeLink(duplex, limits.undelivered, () => {})
    ).pipe(
      Scope.provide(own),
      Effect.onError((cause) => Scope.close(own, Exit.failCause(cause)))
    )
    yield* Effect.forkIn(Effect.andThen(Deferred.await(link.closed), Scope.close(own, Exit.void)), scope)
    current = link
    return link
  })
  const connected = dialling.withPermits(1)(
    Effect.suspend(() => (current?.isOpen() === true ? Effect.succeed(current) : connect))
  )
  const inTime = (method: string, call: Effect.Effect<unknown, JsonRpcError>) =>
    Effect.timeoutOrElse(call, {
      duration: limits.callTimeoutMs,
      orElse: () => {
        const reason = new TimedOut({ afterMs: limits.callTimeoutMs })
        return Effect.fail(new JsonRpcError({ endpoint: String(endpoint), method, reason }))
      }
    })
  const client: JsonRpcClient.Client = {
    endpoint,
    call: (method, ...params) =>
      inTime(
        method,
        connected.pipe(
          Effect.mapError((reason) => new JsonRpcError({ endpoint: String(endpoint), method, reason })),
          Effect.flatMap((link) => link.call(method, params))
        )
      )
  }
  return client
})

/** A client until the scope closes. Opens nothing yet. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<JsonRpcClient.Client, JsonRpcError, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const endpoint = yield* endpointOf(options.url)
  const headers = headersOf(options)
  return endpoint.isSocket
    ? yield* overSocket(endpoint, headers, limits)
    : overHttp(endpoint, headers, limits)
})
