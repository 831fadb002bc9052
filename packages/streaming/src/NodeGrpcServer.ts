/**
 * Exposes an `ObserverApi` as gRPC on `node:http2`, with its own framing: frames shared by all subscribers, response
 * headers before the first message, and bounds on everything that a stranger can make us hold.
 */
import { Context, Effect, FiberSet, Layer, Metric, type Scope, Stream } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as Grpc from "./Grpc.ts"
import { Connections } from "./grpc/NodeConnections.ts"
import { dispatch } from "./grpc/NodeDispatch.ts"
import * as Doors from "./grpc/NodeDoors.ts"
import { listen, type ListenAddress, urlOf } from "./grpc/NodeListen.ts"
import { routerOf } from "./grpc/NodeRouter.ts"
import type { ServerCall } from "./grpc/NodeServerCall.ts"
import { Subscribers } from "./grpc/NodeSubscribers.ts"
import * as Metrics from "./Metrics.ts"
import { serverContext, type ServerTls } from "./NodeTls.ts"
import type { Tokens } from "./NodeTokens.ts"
import * as ObserverApi from "./ObserverApi.ts"
import type { ObserverError } from "./ObserverError.ts"

export type { ListenAddress } from "./grpc/NodeListen.ts"

/** The services that a server offers, by their bare names. */
export type ServiceName = "BlockStreamService" | "CommitStreamService" | "ObserverExtService"

/** Where to listen, whom to let in, and limits. */
export interface ServerOptions {
  /** Default "127.0.0.1". */
  readonly host: string
  /** Default 0: any free port; read it from `GrpcServer`. */
  readonly port: number
  /**
   * Where to listen instead of `host` and `port`, one after the other. A Unix socket is in the clear: only the user of
   * this process may open it. Default: none.
   */
  readonly listen: ReadonlyArray<ListenAddress>
  /** Key and certificate, and whom to let in by key. Default: none, HTTP/2 in the clear. */
  readonly tls: ServerTls | undefined
  /** Bearer tokens that let a call in, or what decides about one. Default: none is needed. */
  readonly tokens: Tokens | undefined
  /** Tokens may travel in the clear beyond this machine: something else protects them. Default false. */
  readonly insecureTokens: boolean
  /** Packages under which the services are served beside their bare names: `["observer.v1"]`. Default "any". */
  readonly packages: ReadonlyArray<string> | "any"
  /** Other full names of the services: `{ "ns.BlockStreaming": "BlockStreamService" }`. Default: none. */
  readonly aliases: Readonly<Record<string, ServiceName>>
  /** What `grpc.health.v1` tells probes and balancers: whether calls are answered as they should be. Default: yes. */
  readonly serving: Effect.Effect<boolean>
  /** How often the answer to those who watch it is looked at again. Default 1000. */
  readonly healthIntervalMs: number
  /** Serve the definitions to tools that have none (`grpc.reflection.v1`). Default true. */
  readonly reflection: boolean
  /** Bytes of a request message, compressed or not. Default 64 KiB. */
  readonly maxRequestBytes: number
  /** Bytes of the headers of a call. Default 16 KiB. */
  readonly maxHeaderBytes: number
  /** Headers of a call. Default 64. */
  readonly maxHeaderPairs: number
  /** A peer that takes nothing for this long is cut off. Default 10 000. */
  readonly writeStallMs: number
  /** Bytes that may wait in a call for the peer to take them, beside the response that is being written. Default 256 KiB. */
  readonly writeBufferBytes: number
  /**
   * What responses are compressed with for peers that list it in `grpc-accept-encoding`, best first: once per response,
   * whatever the number of subscribers. Default: none, because signed blocks hardly shrink and it costs processor time.
   */
  readonly compression: ReadonlyArray<Grpc.Encoding>
  /** Smaller responses are never compressed. Default 1024. */
  readonly minCompressBytes: number
  /** Connections, from the moment that TCP has made them. Default 10 000. */
  readonly maxSessions: number
  /** Connections from one address. Default 1000. */
  readonly maxSessionsPerAddress: number
  /** Calls open on one connection. Default 100: fewer are not advised (RFC 9113, 6.5.2), and further ones wait at the client. */
  readonly maxStreamsPerSession: number
  /** Calls open with one key or one token, over all connections. Default 1000. */
  readonly maxCallsPerIdentity: number
  /** Subscribers that metrics tell apart while the process lives, by key, token or address; all others are one. Default 64. */
  readonly maxSubscriberLabels: number
  /** Time for a new connection to speak HTTP/2, its TLS handshake included. Default 10 000. */
  readonly handshakeMs: number
  /** A connection without a call for this long is closed. Default 300 000. */
  readonly idleMs: number
  /** Time that a `tokens` function may take. Default 5000. */
  readonly tokenCheckMs: number
  /** Calls that a connection may begin per second on average. Default 50. */
  readonly callsPerSecond: number
  /** Calls that a connection may begin at once. Default 400: proxies and balancers put many callers on one connection. */
  readonly callBurst: number
  /** Calls that a connection may reset per second on average. Default 33. */
  readonly resetsPerSecond: number
  /** Calls that a connection may reset at once: gRPC clients cancel by RST_STREAM. Default 300. */
  readonly resetBurst: number
  /** PING and SETTINGS that a connection may send per second on average, beside those that answer DATA or HEADERS. Default 10. */
  readonly controlFramesPerSecond: number
  /** PING and SETTINGS that a connection may send at once. Default 100. */
  readonly controlFrameBurst: number
  /** Frames that break HTTP/2's rules before a connection is cut. Default 100. */
  readonly maxInvalidFrames: number
  /** Memory of HTTP/2 for one connection, its largest responses included. Default 1000. */
  readonly sessionMemoryMegabytes: number
  /** PING interval on every connection. Default 10 000. */
  readonly keepaliveIntervalMs: number
  /** A peer that does not answer a PING within this is gone. Default 10 000. */
  readonly keepaliveTimeoutMs: number
  /** How long calls may take to end on shutdown before connections are cut. Default 5000. */
  readonly drainMs: number
}

/** Documented defaults. */
export const defaults: ServerOptions = {
  host: "127.0.0.1",
  port: 0,
  listen: [],
  tls: undefined,
  tokens: undefined,
  insecureTokens: false,
  packages: "any",
  aliases: {},
  serving: Effect.succeed(true),
  healthIntervalMs: 1000,
  reflection: true,
  maxRequestBytes: 64 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxHeaderPairs: 64,
  writeStallMs: 10_000,
  writeBufferBytes: 256 * 1024,
  compression: [],
  minCompressBytes: 1024,
  maxSessions: 10_000,
  maxSessionsPerAddress: 1000,
  maxStreamsPerSession: 100,
  maxCallsPerIdentity: 1000,
  maxSubscriberLabels: 64,
  handshakeMs: 10_000,
  idleMs: 300_000,
  tokenCheckMs: 5000,
  callsPerSecond: 50,
  callBurst: 400,
  resetsPerSecond: 33,
  resetBurst: 300,
  controlFramesPerSecond: 10,
  controlFrameBurst: 100,
  maxInvalidFrames: 100,
  sessionMemoryMegabytes: 1000,
  keepaliveIntervalMs: 10_000,
  keepaliveTimeoutMs: 10_000,
  drainMs: 5000
}

/** The running server: where it listens. `host`, `port` and `url` are those of its first address; a path has port 0. */
export class GrpcServer extends Context.Service<
  GrpcServer,
  {
    readonly host: string
    readonly port: number
    readonly url: string
    /** Of all its addresses. */
    readonly urls: ReadonlyArray<string>
  }
>()("@ephor/streaming/GrpcServer") {}

const inboundWindow = 64 * 1024
/** Interval at which what was sent is added to its metric. */
const countMs = 250
/** Interval at which it is told how subscribers stand. */
const tellMs = 1000

const http2Options = (options: ServerOptions): Http2.ServerOptions => ({
  settings: {
    initialWindowSize: inboundWindow,
    maxConcurrentStreams: options.maxStreamsPerSession,
    maxHeaderListSize: options.maxHeaderBytes,
    enablePush: false
  },
  // Memory is bounded per call (one response); Node's default of 10 MB would cut connections that carry large ones.
  maxSessionMemory: options.sessionMemoryMegabytes,
  maxHeaderListPairs: options.maxHeaderPairs,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: options.maxInvalidFrames,
  maxSessionRejectedStreams: options.maxInvalidFrames,
  // Ours trip first; HTTP/2's own are what is left for streams that end before we see them.
  streamResetBurst: options.resetBurst * 2,
  streamResetRate: options.resetsPerSecond * 2
})

/** GOAWAY, then a status for every call, then the end of the connections. */
const shutDown = (
  servers: ReadonlyArray<Net.Server>,
  connections: Connections,
  calls: ReadonlySet<ServerCall>,
  drainMs: number
) =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => connections.cut(), drainMs)
    let open = servers.length
    const closed = () => {
      if (--open > 0) return
      clearTimeout(timer)
      resume(Effect.void)
    }
    for (const server of servers) server.close(closed)
    connections.drain()
    for (const call of calls) call.finish(Grpc.Status.Unavailable, "the server is shutting down")
    connections.close()
  })

/** Takes a renewed certificate; one that cannot be used is told, and the one before stays. */
const renew = (connections: Connections, tls: ServerTls): Effect.Effect<void> =>
  serverContext("NodeGrpcServer", tls).pipe(
    Effect.map((context) => connections.renew(context)),
    Effect.andThen(Effect.logInfo("the certificate of the streams was renewed")),
    Effect.catch((error) => Effect.logWarning("a renewed certificate is not used", error.message))
  )

const make = Effect.fnUntraced(function* (
  given: Partial<ServerOptions>
): Effect.fn.Return<GrpcServer["Service"], ObserverError, ObserverApi.ObserverApi | Scope.Scope> {
  const options = { ...defaults, ...given }
  const where = "NodeGrpcServer"
  const api = yield* ObserverApi.ObserverApi
  const route = routerOf(api, options)
  const { tls } = options
  const { addresses, check, security } = yield* Doors.read(where, options)
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const refused = (cause: Metrics.Refusal) => void fork(Metric.update(Metrics.refusedByServer(cause), 1))
  // Counted now and then: a metric is too much for each write.
  let sentBytes = 0
  const count = Effect.suspend(() => {
    const bytes = sentBytes
    sentBytes = 0
    return bytes === 0 ? Effect.void : Metric.update(Metrics.bytesSent, bytes)
  })
  yield* Effect.addFinalizer(() => count)
  yield* count.pipe(Effect.delay(countMs), Effect.forever, Effect.forkScoped)
  const subscribers = new Subscribers(options.maxSubscriberLabels)
  const tip = api.replayInfo ?? Effect.succeed({ highestCommitIndex: 0 })
  const tell = Effect.suspend(() =>
    subscribers.isEmpty
      ? Effect.void
      : Effect.flatMap(tip, ({ highestCommitIndex }) => subscribers.tell(highestCommitIndex))
  )
  yield* tell.pipe(Effect.ignore, Effect.delay(tellMs), Effect.forever, Effect.forkScoped)
  const calls = new Set<ServerCall>()
  const connections = new Connections(Http2.createServer(http2Options(options)), options, security, {
    refused,
    sessions: (delta) => void fork(Metric.modify(Metrics.sessions, delta)),
    call: dispatch(options, route, check, calls, fork, refused, subscribers, (bytes) => (sentBytes += bytes))
  })
  if (tls?.renewals !== undefined)
    yield* Effect.forkScoped(
      Stream.runForEach(tls.renewals, (pair) => renew(connections, { ...tls, ...pair }))
    )
  const bound: Array<ListenAddress> = []
  const servers = addresses.map((address) =>
    Net.createServer((socket) => connections.accept(socket, "path" in address))
  )
  yield* Effect.addFinalizer(() => shutDown(servers, connections, calls, options.drainMs))
  for (const [at, address] of addresses.entries()) {
    const taken = yield* listen(servers[at]!, address)
    bound.push(taken)
    yield* Effect.logInfo(
      "block and commit streams are open",
      "path" in taken ? { path: taken.path } : { host: taken.host, port: taken.port }
    )
  }
  const first = bound[0]!
  const urls = bound.map((one) => urlOf(one, tls === undefined ? "http" : "https"))
  return { host: Doors.hostOf(first), port: "path" in first ? 0 : first.port, url: urls[0]!, urls }
})

/** Says what the server would refuse of its options, and opens nothing. */
export const check = (given: Partial<ServerOptions>): Effect.Effect<void, ObserverError> =>
  Effect.asVoid(Doors.read("NodeGrpcServer", { ...defaults, ...given }))

/** Serves the observer protocol over gRPC. Options default to `defaults`; the bound address is in `GrpcServer`. */
export const layer = (
  options: Partial<ServerOptions> = {}
): Layer.Layer<GrpcServer, ObserverError, ObserverApi.ObserverApi> => Layer.effect(GrpcServer, make(options))
