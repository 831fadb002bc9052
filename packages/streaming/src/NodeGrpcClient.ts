/**
 * An `ObserverApi` that is far away: gRPC on one `node:http2` session. A lost session fails the calls on it; the next
 * call dials again. When to try again is the caller's business (`Subscriber`).
 */
import { Effect, Layer, type Scope, Semaphore } from "effect"
import * as Http2 from "node:http2"
import { call, type ClientMethod } from "./internal/NodeClientCall.ts"
import {
  type BlockStreamRequest,
  type BlockStreamResponse,
  type CommitStreamRequest,
  type CommitStreamResponse,
  decodeBlockResponse,
  decodeCommitResponse,
  encodeBlockRequest,
  encodeCommitRequest
} from "./Messages.ts"
import * as ObserverApi from "./ObserverApi.ts"
import { Misconfigured, ObserverError, Unavailable } from "./ObserverError.ts"

/** Where to dial, and limits. */
export interface ClientOptions {
  /** `http://host:port` of the publisher. */
  readonly url: string
  /** Package in front of the services, for peers that declare one: `observer.v1`. Default: none, as in the seed. */
  readonly package: string
  /** Headers of every call. */
  readonly metadata: Readonly<Record<string, string>>
  /** Largest response message. Default 64 MiB. */
  readonly maxMessageBytes: number
  /** Flow-control window of a stream: what a publisher may have under way to us. Default 4 MiB. */
  readonly streamWindowBytes: number
  /** Flow-control window of the connection. Default 16 MiB. */
  readonly connectionWindowBytes: number
  /** Time to establish a connection. Default 5000. */
  readonly connectTimeoutMs: number
  /** PING interval. Default 30 000: foreign servers cut clients that ping more often without data. */
  readonly keepaliveIntervalMs: number
  /** A publisher that does not answer a PING within this is gone. Default 10 000. */
  readonly keepaliveTimeoutMs: number
}

/** Documented defaults. */
export const defaults: Omit<ClientOptions, "url"> = {
  package: "",
  metadata: {},
  maxMessageBytes: 64 * 1024 * 1024,
  streamWindowBytes: 4 * 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  connectTimeoutMs: 5000,
  keepaliveIntervalMs: 30_000,
  keepaliveTimeoutMs: 10_000
}

/** What a user gives: the address, and what differs from the defaults. */
export type Options = Pick<ClientOptions, "url"> & Partial<ClientOptions>

const unavailable = (url: string, why: string) =>
  new ObserverError({ where: url, reason: new Unavailable({ why }) })

const dial = (options: ClientOptions) =>
  Effect.callback<Http2.ClientHttp2Session, ObserverError>((resume) => {
    const session = Http2.connect(options.url, {
      settings: { initialWindowSize: options.streamWindowBytes, enablePush: false },
      maxSessionMemory: 1000
    })
    const timer = setTimeout(() => {
      session.destroy()
      resume(Effect.fail(unavailable(options.url, `no connection within ${options.connectTimeoutMs} ms`)))
    }, options.connectTimeoutMs)
    session.on("error", (error) => {
      clearTimeout(timer)
      resume(Effect.fail(unavailable(options.url, error.message)))
    })
    session.once("connect", (_, socket) => {
      clearTimeout(timer)
      if ("setNoDelay" in socket) socket.setNoDelay(true)
      session.setLocalWindowSize(options.connectionWindowBytes)
      keepAlive(session, options)
      resume(Effect.succeed(session))
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      session.destroy()
    })
  })

const keepAlive = (session: Http2.ClientHttp2Session, options: ClientOptions) => {
  let timeout: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return
    timeout = setTimeout(() => session.destroy(), options.keepaliveTimeoutMs)
    session.ping(() => {
      clearTimeout(timeout)
      timeout = undefined
    })
  }, options.keepaliveIntervalMs)
  session.on("close", () => {
    clearInterval(interval)
    clearTimeout(timeout)
  })
}

const methods = (options: ClientOptions) => {
  const prefix = options.package === "" ? "/" : `/${options.package}.`
  const blocks: ClientMethod<BlockStreamRequest, BlockStreamResponse> = {
    name: `${options.url} StreamBlocks`,
    path: `${prefix}BlockStreamService/StreamBlocks`,
    encode: encodeBlockRequest,
    decode: decodeBlockResponse
  }
  const commits: ClientMethod<CommitStreamRequest, CommitStreamResponse> = {
    name: `${options.url} StreamCommits`,
    path: `${prefix}CommitStreamService/StreamCommits`,
    encode: encodeCommitRequest,
    decode: decodeCommitResponse
  }
  return { blocks, commits }
}

const make = Effect.fnUntraced(function* (given: Options) {
  const options = { ...defaults, ...given }
  const protocol = URL.canParse(options.url) ? new URL(options.url).protocol : "none"
  if (protocol !== "http:") {
    const why = `the publisher's address is http://host:port, not ${JSON.stringify(options.url)}`
    return yield* new ObserverError({ where: "NodeGrpcClient", reason: new Misconfigured({ why }) })
  }
  const { blocks, commits } = methods(options)
  const gate = yield* Semaphore.make(1)
  let current: Http2.ClientHttp2Session | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => current?.destroy()))
  const usable = (session: Http2.ClientHttp2Session | undefined) =>
    session !== undefined && !session.closed && !session.destroyed
  const session = gate.withPermits(1)(
    Effect.suspend(() =>
      usable(current)
        ? Effect.succeed(current!)
        : Effect.tap(dial(options), (dialled) =>
            Effect.sync(() => {
              current = dialled
              // GOAWAY: calls under way may end, new ones go to a new session.
              dialled.once("goaway", () => (current = current === dialled ? undefined : current))
            })
          )
    )
  )
  const api: ObserverApi.Service = {
    streamBlocks: (commands) => call(session, blocks, options, commands),
    streamCommits: (commands) => call(session, commits, options, commands)
  }
  return { api, session }
})

/** Dials a publisher; fails if it cannot be reached now. The session is closed with the scope. */
export const connect = (options: Options): Effect.Effect<ObserverApi.Service, ObserverError, Scope.Scope> =>
  Effect.flatMap(make(options), ({ api, session }) => Effect.as(session, api))

/** A publisher that is dialled when it is first called, and again after its session was lost. */
export const layer = (options: Options): Layer.Layer<ObserverApi.ObserverApi, ObserverError> =>
  Layer.effect(
    ObserverApi.ObserverApi,
    Effect.map(make(options), ({ api }) => api)
  )
