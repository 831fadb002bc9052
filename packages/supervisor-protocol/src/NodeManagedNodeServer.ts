/**
 * A managed node on a port of its own: WebSocket and HTTP POST behind a token, and a health check in front of it.
 */
import { createServer, type IncomingMessage, type Server as HttpServer, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Clock, Effect, type Fiber, FiberSet, Layer, Metric, type Redacted } from "effect"
import { serveSocket } from "./server/NodeServerSocket.ts"
import { refusal } from "./Jwt.ts"
import type { ManagedNode } from "./ManagedNode.ts"
import { ListenFailed, ManagedNodeError } from "./ManagedNodeError.ts"
import * as ManagedNodeServer from "./ManagedNodeServer.ts"
import * as Metrics from "./Metrics.ts"
import { hmac } from "./NodeJwt.ts"

/** Bounds of a server on a port. */
export interface Limits extends ManagedNodeServer.Limits {
  /** Bytes of a POST body. */
  readonly bodyBytes: number
  /** Bytes of a WebSocket message. */
  readonly messageBytes: number
  /** Bytes that a slow peer may leave unread before its connection is broken off. */
  readonly unreadBytes: number
  /** Calls that one connection may have in flight; reading pauses at that number. */
  readonly callsInFlight: number
  /** TCP connections at a time. */
  readonly connections: number
  /** Pause between two pings, in milliseconds. */
  readonly pingIntervalMs: number
  /** Time to answer a ping, in milliseconds. */
  readonly pongTimeoutMs: number
  /** Time in which a peer must take something of what is sent to it, in milliseconds. */
  readonly writeTimeoutMs: number
  /** Time after which an idle HTTP connection is closed, in milliseconds. */
  readonly idleTimeoutMs: number
}

/** What op-node and go-ethereum have, where they have a limit: 5 MiB, 32 MiB, 30 s, 30 s, 10 s, 120 s. */
export const defaults: Limits = {
  ...ManagedNodeServer.defaults,
  bodyBytes: 5 * 1024 * 1024,
  messageBytes: 32 * 1024 * 1024,
  unreadBytes: 64 * 1024 * 1024,
  callsInFlight: 64,
  connections: 256,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 30_000,
  writeTimeoutMs: 10_000,
  idleTimeoutMs: 120_000
}

/** Port of managed nodes unless configured otherwise. */
export const defaultPort = 9645

/** Where to listen, and the secret shared with the supervisor. */
export interface Options {
  readonly host: string
  /** 0 takes any free port: see the `port` of the service. */
  readonly port: number
  readonly jwtSecret: Redacted.Redacted<Uint8Array>
  /** Answer of the health check. */
  readonly version?: string | undefined
  readonly limits?: Partial<Limits> | undefined
}

const contentTypes = new Set(["application/json", "application/json-rpc", "application/jsonrequest"])
const socketPaths = new Set(["/", "/ws", "/ws/"])
const healthPaths = new Set(["/healthz", "/healthz/"])

const pathOf = (request: IncomingMessage) => request.url?.split("?", 1)[0] ?? "/"

/** A plain text answer, as Go's `http.Error` gives it. */
const textHeaders = (text: string) => ({
  "Content-Type": "text/plain; charset=utf-8",
  "X-Content-Type-Options": "nosniff",
  "Content-Length": Buffer.byteLength(text)
})

const refuse = (response: ServerResponse, status: number, text: string) => {
  const body = `${text}\n`
  response.writeHead(status, textHeaders(body)).end(body)
}

/** The same, before a connection became a WebSocket. */
const refuseUpgrade = (socket: Duplex, status: string, text: string) => {
  const body = `${text}\n`
  const headers = Object.entries(textHeaders(body)).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join("")}Connection: close\r\n\r\n${body}`)
}

/** The body of a request, or nothing if it is longer than allowed or breaks off. */
const readBody = (request: IncomingMessage, limit: number) =>
  Effect.callback<string | undefined>((resume) => {
    const chunks: Array<Buffer> = []
    let length = 0
    const done = (text: string | undefined) => resume(Effect.succeed(text))
    request.on("data", (chunk: Buffer) => {
      length += chunk.length
      if (length <= limit) chunks.push(chunk)
      else {
        request.pause()
        done(undefined)
      }
    })
    request.once("end", () => done(Buffer.concat(chunks).toString("utf8")))
    request.once("close", () => done(undefined))
    request.once("error", () => done(undefined))
  })

/** Why a request that is not a health check is refused before its body is read. */
const refusalOf = (request: IncomingMessage, limits: Limits): readonly [number, string] | undefined => {
  if (request.method !== "POST") return [405, "method not allowed"]
  const length = Number(request.headers["content-length"] ?? 0)
  if (length > limits.bodyBytes) return [413, `content length too large (${length}>${limits.bodyBytes})`]
  const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1)
  if (!contentTypes.has(type.trim().toLowerCase())) {
    return [415, "invalid content type, only application/json is supported"]
  }
  return undefined
}

const listen = (server: HttpServer, { host, port }: Options) =>
  Effect.callback<number, ManagedNodeError>((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const why =
        error.code === "EADDRINUSE"
          ? "the port is in use; stop the other program or choose another port"
          : error.message
      resume(
        Effect.fail(new ManagedNodeError({ method: "listen", reason: new ListenFailed({ host, port, why }) }))
      )
    })
    server.listen(port, host, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** What happens to requests and to upgrades. */
const makeHandlers = (core: ManagedNodeServer.Server, options: Options, limits: Limits, run: Run) => {
  const health = `${JSON.stringify({ version: options.version ?? ManagedNodeServer.defaultVersion })}\n`
  const sign = hmac(options.jwtSecret)
  const sockets = new NodeWS.WebSocketServer({
    noServer: true,
    maxPayload: limits.messageBytes,
    perMessageDeflate: false
  })

  const whyRefused = Effect.fnUntraced(function* (request: IncomingMessage) {
    const now = (yield* Clock.currentTimeMillis) / 1000
    const why = refusal(sign, request.headers.authorization, now)
    if (why !== undefined) yield* Metric.update(Metrics.unauthorized, 1)
    return why
  })
  const onRequest = Effect.fnUntraced(function* (request: IncomingMessage, response: ServerResponse) {
    const path = pathOf(request)
    if (healthPaths.has(path)) {
      response.writeHead(200, { "Content-Type": "application/json" }).end(health)
      return
    }
    if (path !== "/") return refuse(response, 404, "404 page not found")
    if (request.headers.origin !== undefined) response.setHeader("Access-Control-Allow-Origin", "*")
    const why = yield* whyRefused(request)
    if (why !== undefined) return refuse(response, 401, why)
    if (request.method === "GET" && Number(request.headers["content-length"] ?? 0) === 0) {
      response.writeHead(200).end()
      return
    }
    const refused = refusalOf(request, limits)
    if (refused !== undefined) return refuse(response, ...refused)
    const body = yield* readBody(request, limits.bodyBytes)
    if (body === undefined) {
      return refuse(
        response.setHeader("Connection", "close"),
        413,
        `content length too large (>${limits.bodyBytes})`
      )
    }
    const { text = "" } = yield* core.answer(body)
    response
      .writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) })
      .end(text)
  })
  const onUpgrade = Effect.fnUntraced(function* (request: IncomingMessage, socket: Duplex, head: Buffer) {
    socket.on("error", () => socket.destroy())
    if (!socketPaths.has(pathOf(request))) return refuseUpgrade(socket, "404 Not Found", "404 page not found")
    const why = yield* whyRefused(request)
    if (why !== undefined) return refuseUpgrade(socket, "401 Unauthorized", why)
    sockets.handleUpgrade(request, socket, head, (webSocket) => serveSocket(webSocket, core, limits, run))
  })
  return { onRequest, onUpgrade, sockets }
}

/** Opens the port and serves the `ManagedNode` until the scope closes. */
export const make = Effect.fnUntraced(function* (options: Options) {
  const limits: Limits = { ...defaults, ...options.limits }
  const core = yield* ManagedNodeServer.make({ version: options.version, limits })
  const run = yield* FiberSet.makeRuntime<never, void>()
  const { onRequest, onUpgrade, sockets } = makeHandlers(core, options, limits, run)
  const settings = { requestTimeout: limits.requestTimeoutMs, keepAliveTimeout: limits.idleTimeoutMs }
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createServer(settings)
        .on("request", (request, response) => void run(onRequest(request, response)))
        .on("upgrade", (request, socket, head) => void run(onUpgrade(request, socket, head)))
    ),
    (server) => close(server, sockets)
  )
  server.maxConnections = limits.connections
  const port = yield* listen(server, options)
  yield* Effect.logInfo("managed node server bound to address", { host: options.host, port })
  const host = options.host.includes(":") ? `[${options.host}]` : options.host
  return ManagedNodeServer.ManagedNodeServer.of({ host: options.host, port, url: `ws://${host}:${port}` })
})

/** Says goodbye to subscribers, then closes whatever is left. */
const close = (server: HttpServer, sockets: NodeWS.WebSocketServer) =>
  Effect.callback<void>((resume) => {
    for (const socket of sockets.clients) {
      socket.close(1001, "the server is shutting down")
      socket.terminate()
    }
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

/** A managed node on a port. */
export const layer = (
  options: Options
): Layer.Layer<ManagedNodeServer.ManagedNodeServer, ManagedNodeError, ManagedNode> =>
  Layer.effect(ManagedNodeServer.ManagedNodeServer, make(options))
