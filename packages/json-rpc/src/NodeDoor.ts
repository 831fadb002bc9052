/**
 * Opens a door: one HTTP server for everything that listens. Who may ask is looked at first, then where to, then the
 * authorization, then whether there is room; only then the body is read.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { Duplex } from "node:stream"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, type Fiber, FiberSet, Metric, type Scope } from "effect"
import {
  type Address,
  type Authorize,
  defaults,
  json,
  leadsTo,
  type Limits,
  type Options as DoorOptions,
  type Reply,
  type Route,
  text
} from "./Door.ts"
import { announcedTooLong, readBody } from "./door/NodeBody.ts"
import { type Connections, makeConnections } from "./door/NodeConnections.ts"
import { sendParts } from "./door/NodeParts.ts"
import { acceptsHost, acceptsOrigin, corsHeaders, type Hosts, localhost, preflightHeaders } from "./Hosts.ts"
import { JsonRpcError, ListenFailed } from "./JsonRpcError.ts"
import * as Metrics from "./Metrics.ts"

/** Starts an effect of the door's scope. */
export type Run = (effect: Effect.Effect<void>) => Fiber.Fiber<void>

/** WebSockets at a door. */
export interface Sockets {
  readonly paths: ReadonlyArray<string>
  /** Bytes of a message. */
  readonly messageBytes: number
  readonly serve: (socket: NodeWS.WebSocket, run: Run) => void
}

/** A door and what is behind it. */
export interface Options extends DoorOptions {
  readonly routes: ReadonlyArray<Route>
  /** Asked before every route that is not open, and before every WebSocket. */
  readonly authorize?: Authorize | undefined
  readonly sockets?: Sockets | undefined
}

/** How often the deadlines of connections are looked at. */
const checkIntervalMs = 1000

const pathOf = (request: IncomingMessage) => request.url?.split("?", 1)[0] ?? "/"

const headersOf = ({ headers }: IncomingMessage) => headers as { readonly [name: string]: string | undefined }

const send = (response: ServerResponse, { body = "", headers, status }: Reply) => {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { ...headers, "Content-Length": Buffer.byteLength(body) }).end(body)
}

const statusLines: { readonly [status: number]: string } = {
  401: "401 Unauthorized",
  403: "403 Forbidden",
  404: "404 Not Found",
  503: "503 Service Unavailable"
}

/** The same, before a connection became a WebSocket. */
const refuseUpgrade = (socket: Duplex, { body = "", headers, status }: Reply) => {
  const all = { ...headers, "Content-Length": String(Buffer.byteLength(body)), Connection: "close" }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  socket.write(`HTTP/1.1 ${statusLines[status] ?? status}\r\n${lines.join("")}\r\n`)
  socket.end(body)
}

const notFound = text(404, "404 page not found")
const crowded = text(503, "too many requests at a time; try again later")

const listen = (server: Server, name: string, host: string, port: number) =>
  Effect.callback<number, JsonRpcError>((resume) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code ?? ""
      const why =
        code === "EADDRINUSE"
          ? "the port is in use; stop the other program or choose another port"
          : error.message
      const reason = new ListenFailed({ host, port, code, why })
      resume(Effect.fail(new JsonRpcError({ endpoint: name, method: "listen", reason })))
    })
    server.listen(port, host, () => {
      const address = server.address()
      resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : port))
    })
  })

/** Says goodbye to WebSockets, then closes whatever is left. */
const close = (server: Server, sockets: NodeWS.WebSocketServer) =>
  Effect.callback<void>((resume) => {
    for (const socket of sockets.clients) {
      socket.close(1001, "the server is shutting down")
      socket.terminate()
    }
    server.close(() => resume(Effect.void))
    server.closeAllConnections()
  })

interface Inside {
  readonly options: Options
  readonly limits: Limits
  readonly hosts: Hosts
  readonly places: Connections
  readonly sockets: NodeWS.WebSocketServer
  readonly run: Run
}

/** Why a request is none of ours, by the names that it carries. */
const foreign = ({ hosts }: Inside, { headers }: IncomingMessage): Reply | undefined => {
  if (!acceptsHost(hosts, headers.host)) return text(403, "invalid host specified")
  return acceptsOrigin(hosts, headers.origin) ? undefined : text(403, "origin not allowed")
}

const allowed = Effect.undefined

const onRequest = Effect.fnUntraced(function* (
  inside: Inside,
  request: IncomingMessage,
  response: ServerResponse
) {
  const { hosts, limits, options, places } = inside
  const refused = foreign(inside, request)
  if (refused !== undefined) {
    send(response, refused)
    return yield* Metric.update(Metrics.foreign, 1)
  }
  const { origin } = request.headers
  for (const [name, value] of Object.entries(corsHeaders(hosts, origin))) response.setHeader(name, value)
  if (request.method === "OPTIONS" && origin !== undefined) {
    const requested = request.headers["access-control-request-headers"]
    return send(response, { status: 204, headers: preflightHeaders(requested) })
  }
  const path = pathOf(request)
  const candidates = options.routes.filter((route) => leadsTo(route, path))
  if (candidates.length === 0) return send(response, notFound)
  const route = candidates.find(({ method }) => method === request.method)
  const headers = headersOf(request)
  const unauthorized = yield* route?.isOpen === true ? allowed : (options.authorize?.(headers) ?? allowed)
  if (unauthorized !== undefined) return send(response, unauthorized)
  if (route === undefined) return send(response, text(405, "method not allowed"))
  const limit = Math.min(route.bodyBytes ?? limits.bodyBytes, limits.bodyBytes)
  const tooLarge = announcedTooLong(request, limit)
  if (tooLarge !== undefined) {
    yield* Metric.update(Metrics.tooLarge, 1)
    return send(response, tooLarge)
  }
  if (!places.enter(request.socket)) return send(response, crowded)
  const body = Effect.tapError(readBody(request, limit), ({ status }) =>
    status === 413 ? Metric.update(Metrics.tooLarge, 1) : Effect.void
  )
  const reply = yield* route.handle({ method: route.method, path, headers, text: body }).pipe(
    Effect.catch(Effect.succeed),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("a route failed", { door: options.name, path }, defect),
        text(500, "internal error")
      )
    ),
    Effect.tap((reply) => sendParts(response, reply, limits.writeTimeoutMs)),
    Effect.ensuring(Effect.sync(() => places.leave(request.socket)))
  )
  send(response, reply)
})

const onUpgrade = Effect.fnUntraced(function* (
  inside: Inside,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer
) {
  const { options, places, run, sockets } = inside
  socket.on("error", () => socket.destroy())
  const refused = foreign(inside, request)
  if (refused !== undefined) {
    refuseUpgrade(socket, refused)
    return yield* Metric.update(Metrics.foreign, 1)
  }
  if (options.sockets?.paths.includes(pathOf(request)) !== true) return refuseUpgrade(socket, notFound)
  const unauthorized = yield* options.authorize?.(headersOf(request)) ?? allowed
  if (unauthorized !== undefined) return refuseUpgrade(socket, unauthorized)
  if (!places.enter(request.socket)) return refuseUpgrade(socket, crowded)
  const { serve } = options.sockets
  sockets.handleUpgrade(request, socket, head, (webSocket) => serve(webSocket, run))
})

/** Opens a port and serves what is behind it until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Address, JsonRpcError, Scope.Scope> {
  const { host = "127.0.0.1", name } = options
  const limits: Limits = { ...defaults, ...options.limits }
  const run = yield* FiberSet.makeRuntime<never, void>()
  const labels = { door: name }
  const connections = Metric.withAttributes(Metrics.connections, labels)
  const turnedAway = Metric.withAttributes(Metrics.crowded, labels)
  const inside: Inside = {
    options,
    limits,
    run,
    hosts: { ...localhost, ...options.hosts },
    places: makeConnections(limits, {
      onCount: (count) => void run(Metric.update(connections, count)),
      onCrowded: () => void run(Metric.update(turnedAway, 1))
    }),
    sockets: new NodeWS.WebSocketServer({
      noServer: true,
      maxPayload: options.sockets?.messageBytes ?? 0,
      perMessageDeflate: false
    })
  }
  const settings = {
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: checkIntervalMs
  }
  const server = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createServer(settings)
        .on("connection", inside.places.add)
        .on("request", (request, response) => void run(onRequest(inside, request, response)))
        .on("upgrade", (request, socket, head) => void run(onUpgrade(inside, request, socket, head)))
    ),
    (server) => close(server, inside.sockets)
  )
  const port = yield* listen(server, name, host, options.port)
  const authority = `${host.includes(":") ? `[${host}]` : host}:${port}`
  return { host, port, authority }
})

/** A route that tells that the program lives, and its version. */
export const healthz = (version: string, path = "/healthz"): Route => ({
  method: "GET",
  path,
  isOpen: true,
  handle: () => Effect.succeed({ ...json({ version }), body: `${JSON.stringify({ version })}\n` })
})
