/**
 * Exposes an `ObserverApi` as gRPC on `node:http2`, with its own framing: frames shared by all subscribers, response
 * headers before the first message, and bounds on everything that a stranger can make us hold.
 */
import { Context, Effect, FiberSet, Layer, Metric, type Scope } from "effect"
import * as Http2 from "node:http2"
import type { AddressInfo } from "node:net"
import { blockFrame, commitFrame } from "./FrameCache.ts"
import * as Grpc from "./Grpc.ts"
import { type CallLimits, linger, type Method, refuse, run, ServerCall } from "./internal/NodeServerCall.ts"
import { decodeBlockRequest, decodeCommitRequest } from "./Messages.ts"
import * as Metrics from "./Metrics.ts"
import * as ObserverApi from "./ObserverApi.ts"
import { Bind, ObserverError } from "./ObserverError.ts"

/** Where to listen, and limits. */
export interface ServerOptions extends CallLimits {
  /** Default "127.0.0.1". */
  readonly host: string
  /** Default 0: any free port; read it from `GrpcServer`. */
  readonly port: number
  /** Connections. Default 10 000. */
  readonly maxSessions: number
  /** Connections from one address. Default 1000. */
  readonly maxSessionsPerAddress: number
  /** Calls open on one connection. Default 16. */
  readonly maxStreamsPerSession: number
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
  maxRequestBytes: 64 * 1024,
  writeStallMs: 10_000,
  writeBufferBytes: 256 * 1024,
  maxSessions: 10_000,
  maxSessionsPerAddress: 1000,
  maxStreamsPerSession: 16,
  keepaliveIntervalMs: 10_000,
  keepaliveTimeoutMs: 10_000,
  drainMs: 5000
}

/** The running server: where it listens. */
export class GrpcServer extends Context.Service<
  GrpcServer,
  { readonly host: string; readonly port: number; readonly url: string }
>()("@ephor/streaming/GrpcServer") {}

// Only commands come in: small windows suffice, and bound what a flood can make us hold.
const inboundWindow = 64 * 1024
const connectionWindow = 256 * 1024

const serverOptions = (options: ServerOptions): Http2.ServerOptions => ({
  settings: {
    initialWindowSize: inboundWindow,
    maxConcurrentStreams: options.maxStreamsPerSession,
    enablePush: false
  },
  // Memory is bounded per call (one response); Node's default of 10 MB would cut connections that carry large ones.
  maxSessionMemory: 1000,
  maxSettings: 32,
  maxOutstandingPings: 10,
  maxSessionInvalidFrames: 1000,
  maxSessionRejectedStreams: 100,
  streamResetBurst: 1000,
  streamResetRate: 33
})

const methodsOf = (api: ObserverApi.Service) => {
  const blocks: Method<any, any> = {
    name: "StreamBlocks",
    decode: decodeBlockRequest,
    call: api.streamBlocks,
    frame: blockFrame
  }
  const commits: Method<any, any> = {
    name: "StreamCommits",
    decode: decodeCommitRequest,
    call: api.streamCommits,
    frame: commitFrame
  }
  return new Map([
    ["BlockStreamService/StreamBlocks", blocks],
    ["CommitStreamService/StreamCommits", commits]
  ])
}

/** What is wrong with the request line and headers of a call, if anything; handled on the spot. */
const rejected = (stream: Http2.ServerHttp2Stream, headers: Http2.IncomingHttpHeaders): boolean => {
  const bare = (status: number) => {
    stream.respond({ ":status": status }, { endStream: true })
    linger(stream)
    return true
  }
  if (!Grpc.isContentType(headers["content-type"])) return bare(415)
  if (headers[":method"] !== "POST") return bare(405)
  const encoding = headers["grpc-encoding"]
  if (encoding !== undefined && encoding !== "identity") {
    refuse(stream, Grpc.Status.Unimplemented, `encoding ${String(encoding)} is not supported: send identity`)
    return true
  }
  return false
}

const timeoutOf = (headers: Http2.IncomingHttpHeaders): number | undefined => {
  const value = headers["grpc-timeout"]
  return typeof value === "string" ? Grpc.parseTimeout(value) : undefined
}

/** Pings a session for as long as it lives, and destroys it when a ping is not answered. */
const keepAlive = (
  session: Http2.Http2Session,
  { keepaliveIntervalMs, keepaliveTimeoutMs }: ServerOptions
) => {
  let timeout: NodeJS.Timeout | undefined
  const interval = setInterval(() => {
    if (session.destroyed || timeout !== undefined) return
    timeout = setTimeout(() => session.destroy(), keepaliveTimeoutMs)
    session.ping(() => {
      clearTimeout(timeout)
      timeout = undefined
    })
  }, keepaliveIntervalMs)
  session.on("close", () => {
    clearInterval(interval)
    clearTimeout(timeout)
  })
}

/** Admits sessions up to the limits. */
const admit = (server: Http2.Http2Server, options: ServerOptions, gauge: (delta: number) => void) => {
  const open = new Set<Http2.ServerHttp2Session>()
  const perAddress = new Map<string, number>()
  server.on("connection", (socket) => socket.setNoDelay(true))
  server.on("session", (session) => {
    const address = session.socket.remoteAddress ?? ""
    const count = perAddress.get(address) ?? 0
    session.on("error", () => {})
    if (open.size >= options.maxSessions || count >= options.maxSessionsPerAddress) {
      session.goaway(Http2.constants.NGHTTP2_ENHANCE_YOUR_CALM)
      session.destroy()
      return
    }
    open.add(session)
    perAddress.set(address, count + 1)
    gauge(1)
    session.setLocalWindowSize(connectionWindow)
    keepAlive(session, options)
    session.on("close", () => {
      open.delete(session)
      const rest = perAddress.get(address)! - 1
      if (rest === 0) perAddress.delete(address)
      else perAddress.set(address, rest)
      gauge(-1)
    })
  })
  return open
}

const listen = (server: Http2.Http2Server, { host, port }: ServerOptions) =>
  Effect.callback<AddressInfo, ObserverError>((resume) => {
    const onError = (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE"
          ? "another process listens there; stop it, or choose another port (0 takes any free one)"
          : error.message
      resume(
        Effect.fail(
          new ObserverError({
            where: "NodeGrpcServer",
            reason: new Bind({ address: `${host}:${port}`, why })
          })
        )
      )
    }
    server.once("error", onError)
    server.listen({ host, port }, () => {
      server.off("error", onError)
      // Nothing that happens to the listening socket later may end the process.
      server.on("error", () => {})
      resume(Effect.succeed(server.address() as AddressInfo))
    })
  })

/** GOAWAY, then a status for every call, then the end of the connections. */
const shutDown = (
  server: Http2.Http2Server,
  sessions: ReadonlySet<Http2.ServerHttp2Session>,
  calls: ReadonlySet<ServerCall>,
  drainMs: number
) =>
  Effect.callback<void>((resume) => {
    const timer = setTimeout(() => sessions.forEach((session) => session.destroy()), drainMs)
    server.close(() => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    for (const session of sessions) session.goaway(Http2.constants.NGHTTP2_NO_ERROR)
    for (const call of calls) call.finish(Grpc.Status.Unavailable, "the server is shutting down")
    for (const session of sessions) session.close()
  })

const make = Effect.fnUntraced(function* (
  given: Partial<ServerOptions>
): Effect.fn.Return<GrpcServer["Service"], ObserverError, ObserverApi.ObserverApi | Scope.Scope> {
  const options = { ...defaults, ...given }
  const methods = methodsOf(yield* ObserverApi.ObserverApi)
  const fork = yield* FiberSet.makeRuntime<never, void, never>()
  const server = Http2.createServer(serverOptions(options))
  const sessions = admit(server, options, (delta) => fork(Metric.modify(Metrics.sessions, delta)))
  const calls = new Set<ServerCall>()
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {})
    // The peer may be gone before its call is looked at.
    if (stream.destroyed || stream.closed || rejected(stream, headers)) return
    const method = methods.get(Grpc.route(String(headers[":path"])) ?? "")
    if (method === undefined) {
      refuse(stream, Grpc.Status.Unimplemented, `${String(headers[":path"])} is not a method of this server`)
      return
    }
    const call = new ServerCall(stream)
    calls.add(call)
    const fiber = fork(run(call, method, options, timeoutOf(headers)))
    stream.on("close", () => {
      calls.delete(call)
      fiber.interruptUnsafe()
    })
  })
  const address = yield* listen(server, options)
  yield* Effect.addFinalizer(() => shutDown(server, sessions, calls, options.drainMs))
  const host = address.family === "IPv6" ? `[${address.address}]` : address.address
  yield* Effect.logInfo("block and commit streams are open", { host: address.address, port: address.port })
  return { host: address.address, port: address.port, url: `http://${host}:${address.port}` }
})

/** Serves the observer protocol over gRPC. Options default to `defaults`; the bound address is in `GrpcServer`. */
export const layer = (
  options: Partial<ServerOptions> = {}
): Layer.Layer<GrpcServer, ObserverError, ObserverApi.ObserverApi> => Layer.effect(GrpcServer, make(options))
