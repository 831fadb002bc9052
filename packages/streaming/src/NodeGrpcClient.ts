/**
 * An `ObserverApi` that is far away: gRPC on one `node:http2` session. A lost session fails the calls on it; the next
 * call dials again. When to try again is the caller's business (`Subscriber`).
 */
import type { FetchBlocksRequest, FetchBlocksResponse, ReplayInfo } from "@ephor/types"
import { Effect, Layer, Metric, Redacted, Result, type Scope, Semaphore, Stream } from "effect"
import * as Http2 from "node:http2"
import { call, type CallOptions, type ClientMethod, unary } from "./grpc/NodeClientCall.ts"
import { dial, pathOf } from "./grpc/NodeDial.ts"
import type { Path, Pathed } from "./source/Path.ts"
import { observerApi } from "./sui/NodeObserver.ts"
import * as Grpc from "./Grpc.ts"
import {
  type BlockStreamRequest,
  type BlockStreamResponse,
  type CommitStreamRequest,
  type CommitStreamResponse,
  decodeBlockParts,
  decodeCommitResponse,
  encodeBlockRequest,
  encodeCommitRequest,
  fetchBlocksRequest,
  fetchBlocksResponse,
  publisherPath,
  replayInfo
} from "./Messages.ts"
import * as Metrics from "./Metrics.ts"
import { clientContext, type ClientTls, isLoopback } from "./NodeTls.ts"
import { tokenRule } from "./NodeTokens.ts"
import * as ObserverApi from "./ObserverApi.ts"
import { Misconfigured, ObserverError } from "./ObserverError.ts"

/** Where to dial, whom to trust, and limits. `ca`, `serverName`, `serverKeys`, `key` and `cert` are for `https`. */
export interface ClientOptions extends ClientTls {
  /** `http://host:port`, `https://host:port` or `unix:/path` of the publisher. */
  readonly url: string
  /** Bearer token of every call. Default: none. */
  readonly token: Redacted.Redacted<string> | undefined
  /** The token may travel in the clear beyond this machine: something else protects it. Default false. */
  readonly insecureTokens: boolean
  /** Package in front of the services, for peers that declare one: `observer.v1`. Default: none, as in the seed. */
  readonly package: string
  /** Names of the services, for peers that call them otherwise. Default: as in the seed. */
  readonly services: { readonly blocks: string; readonly commits: string; readonly extension?: string }
  /**
   * What the publisher speaks: the observer protocol (`observer.proto`), or Sui's `ObserverService`, whose package is
   * `consensus` unless another one is given. Default "observer".
   */
  readonly wire: "observer" | "sui"
  /** How long after the end of a commit stream of Sui's, which ends at the tip, it is called again. Default 1000. */
  readonly commitPollMs: number
  /** Headers of every call. */
  readonly metadata: Readonly<Record<string, string>>
  /** What the publisher may compress responses with, best first. Default: nothing. */
  readonly compression: ReadonlyArray<Grpc.Encoding>
  /** Calls end after this long (`grpc-timeout`). Default: never. */
  readonly deadlineMs: number | undefined
  /** Largest response message, compressed or not. Default 64 MiB. */
  readonly maxMessageBytes: number
  /** Bytes of the headers of an answer. Default 16 KiB. */
  readonly maxHeaderBytes: number
  /** PING and SETTINGS that a publisher may send per second on average, beside those that measure bandwidth. Default 10. */
  readonly controlFramesPerSecond: number
  /** PING and SETTINGS that a publisher may send at once. Default 100. */
  readonly controlFrameBurst: number
  /** Frames that break HTTP/2's rules before a connection is left. Default 100. */
  readonly maxInvalidFrames: number
  /** Flow-control window of a stream: what a publisher may have under way to us. Default 4 MiB. */
  readonly streamWindowBytes: number
  /** Flow-control window of the connection. Default 16 MiB. */
  readonly connectionWindowBytes: number
  /** Messages of a call that may wait to be pulled, in bytes; then it is read no further. Default 1 MiB. */
  readonly bufferedBytes: number
  /** Time to establish a connection: TCP, TLS, and the publisher's first frame. Default 5000. */
  readonly connectTimeoutMs: number
  /**
   * PING interval. Default 30 000: foreign servers cut clients that ping more often without data. One that does so, with
   * `too_many_pings`, is pinged half as often from the next connection on (gRFC A8).
   */
  readonly keepaliveIntervalMs: number
  /** A publisher that does not answer a PING within this is gone. Default 10 000. */
  readonly keepaliveTimeoutMs: number
}

/** Documented defaults. */
export const defaults: Omit<ClientOptions, "url"> = {
  token: undefined,
  insecureTokens: false,
  package: "",
  services: { blocks: "BlockStreamService", commits: "CommitStreamService" },
  wire: "observer",
  commitPollMs: 1000,
  metadata: {},
  compression: [],
  deadlineMs: undefined,
  maxMessageBytes: 64 * 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  controlFramesPerSecond: 10,
  controlFrameBurst: 100,
  maxInvalidFrames: 100,
  streamWindowBytes: 4 * 1024 * 1024,
  connectionWindowBytes: 16 * 1024 * 1024,
  bufferedBytes: 1024 * 1024,
  connectTimeoutMs: 5000,
  keepaliveIntervalMs: 30_000,
  keepaliveTimeoutMs: 10_000
}

/** What a user gives: the address, and what differs from the defaults. */
export type Options = Pick<ClientOptions, "url"> & Partial<ClientOptions>

const methods = (options: ClientOptions) => {
  const prefix = options.package === "" ? "/" : `/${options.package}.`
  const blocks: ClientMethod<BlockStreamRequest, BlockStreamResponse> = {
    name: `${options.url} StreamBlocks`,
    path: `${prefix}${options.services.blocks}/StreamBlocks`,
    encode: encodeBlockRequest,
    decode: decodeBlockParts
  }
  const commits: ClientMethod<CommitStreamRequest, CommitStreamResponse> = {
    name: `${options.url} StreamCommits`,
    path: `${prefix}${options.services.commits}/StreamCommits`,
    encode: encodeCommitRequest,
    decode: (parts) => decodeCommitResponse(Grpc.join(parts))
  }
  const extension = `${prefix}${options.services.extension ?? "ObserverExtService"}`
  const fetchBlocks: ClientMethod<FetchBlocksRequest, FetchBlocksResponse> = {
    name: `${options.url} FetchBlocks`,
    path: `${extension}/FetchBlocks`,
    encode: fetchBlocksRequest.encode,
    decode: (parts) => fetchBlocksResponse.decode(Grpc.join(parts))
  }
  const replay: ClientMethod<void, ReplayInfo> = {
    name: `${options.url} ReplayInfo`,
    path: `${extension}/ReplayInfo`,
    encode: () => new Uint8Array(),
    decode: (parts) => replayInfo.decode(Grpc.join(parts))
  }
  const path: ClientMethod<void, Path> = {
    name: `${options.url} StreamPath`,
    path: `${extension}/StreamPath`,
    encode: () => new Uint8Array(),
    decode: (parts) => Result.map(publisherPath.decode(Grpc.join(parts)), ({ identities }) => identities)
  }
  return { blocks, commits, fetchBlocks, replay, path }
}

const misconfigured = (why: string) =>
  new ObserverError({ where: "NodeGrpcClient", reason: new Misconfigured({ why }) })

const tokenFault = (token: Redacted.Redacted<string>): string | undefined =>
  Grpc.isToken(Redacted.value(token)) ? undefined : `the token is no bearer token: ${tokenRule}`

/** What cannot work in these options, if anything. */
const violation = (options: ClientOptions): string | undefined => {
  const secured = (["ca", "serverName", "serverKeys", "key", "cert"] as const).find(
    (name) => options[name] !== undefined
  )
  const path = pathOf(options.url)
  if (path !== undefined) {
    if (!path.startsWith("/")) return `${options.url} is no Unix socket: give unix: and an absolute path`
    if (secured !== undefined) return `${secured} is given, but ${options.url} is in the clear: use https`
    return options.token === undefined ? undefined : tokenFault(options.token)
  }
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined
  if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:"))
    return `the publisher's address is http://host:port, https://host:port or unix:/path, not ${JSON.stringify(options.url)}`
  if (url.username !== "" || url.password !== "")
    return "the publisher's address holds a user or password: give a token instead"
  if (url.protocol === "http:" && secured !== undefined)
    return `${secured} is given, but ${options.url} is in the clear: use https`
  if (options.token === undefined) return undefined
  const wrong = tokenFault(options.token)
  if (wrong !== undefined) return wrong
  return url.protocol === "https:" || isLoopback(url.hostname) || options.insecureTokens
    ? undefined
    : `the token would travel in the clear to ${url.host}: use https (ephor-node knows no other way; a program of one's own may set insecureTokens)`
}

/** How often a publisher is pinged: what it has asked for outlives its connection. */
interface Pace {
  keepaliveIntervalMs: number
}

const paceOf = ({ keepaliveIntervalMs = defaults.keepaliveIntervalMs }: Options): Pace => ({
  keepaliveIntervalMs
})

/** However often a publisher asks for fewer PINGs, it gets one in this time: else nobody would see it go. */
const longestPaceMs = 3_600_000

/** GOAWAY of a server that takes our PINGs for too many. */
const isOverPinged = (code: number, data: unknown): boolean =>
  code === Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM &&
  data instanceof Uint8Array &&
  Buffer.from(data).toString("latin1") === "too_many_pings"

const make = Effect.fnUntraced(function* (given: Options, pace: Pace) {
  const options = { ...defaults, ...given }
  const why = violation(options)
  if (why !== undefined) return yield* misconfigured(why)
  const context = options.url.startsWith("https:")
    ? yield* clientContext("NodeGrpcClient", options)
    : undefined
  const services = yield* Effect.context<never>()
  const refused = (cause: Metrics.Refusal) =>
    void Effect.runForkWith(services)(Metric.update(Metrics.refusedByClient(cause), 1))
  const callOptions: CallOptions = { ...options, refused }
  const { blocks, commits, fetchBlocks, path, replay } = methods(options)
  const gate = yield* Semaphore.make(1)
  let current: Http2.ClientHttp2Session | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => current?.destroy()))
  const usable = (session: Http2.ClientHttp2Session | undefined) =>
    session !== undefined && !session.closed && !session.destroyed
  const session = gate.withPermits(1)(
    Effect.suspend(() =>
      usable(current)
        ? Effect.succeed(current!)
        : Effect.tap(dial({ ...options, ...pace }, context, refused), (dialled) =>
            Effect.sync(() => {
              current = dialled
              // GOAWAY: calls under way may end, new ones go to a new session.
              dialled.on("goaway", (code: number, _last: number, data: unknown) => {
                current = current === dialled ? undefined : current
                const { keepaliveIntervalMs: before } = pace
                if (isOverPinged(code, data))
                  pace.keepaliveIntervalMs = Math.max(before, Math.min(longestPaceMs, before * 2))
              })
            })
          )
    )
  )
  if (options.wire === "sui") {
    const api: ObserverApi.Service & Pathed = observerApi({ ...options, session, call: callOptions })
    return { api, session }
  }
  const api: ObserverApi.Service & Pathed = {
    path: call(session, path, callOptions, Stream.succeed(undefined)),
    streamBlocks: (commands) => call(session, blocks, callOptions, commands),
    streamCommits: (commands) => call(session, commits, callOptions, commands),
    fetchBlocks: (refs) =>
      Effect.map(unary(session, fetchBlocks, callOptions, { refs }), (response) => response.blocks),
    replayInfo: unary(session, replay, callOptions, undefined)
  }
  return { api, session }
})

/** Dials a publisher; fails if it cannot be reached now. The session is closed with the scope. */
export const connect = (options: Options): Effect.Effect<ObserverApi.Service, ObserverError, Scope.Scope> => {
  const pace = paceOf(options)
  return Effect.flatMap(make(options, pace), ({ api, session }) => Effect.as(session, api))
}

/** A publisher that is dialled when it is first called, and again after its session was lost. */
export const layer = (options: Options): Layer.Layer<ObserverApi.ObserverApi, ObserverError> =>
  Layer.effect(
    ObserverApi.ObserverApi,
    Effect.map(make(options, paceOf(options)), ({ api }) => api)
  )
