/**
 * Dials managed nodes: `ws(s)://` for subscriptions, `http(s)://` for polling, with a fresh token each time.
 */
import {
  Agent as HttpAgent,
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest
} from "node:http"
import { Agent as HttpsAgent, request as httpsRequest } from "node:https"
import { NodeWS } from "@effect/platform-node"
import { BlockBounds } from "@ephor/types"
import { Clock, Effect, Layer, type Redacted, type Scope } from "effect"
import type { Duplex, Link } from "./client/Link.ts"
import { keepAlive } from "./socket/NodeKeepAlive.ts"
import { bearer, issue } from "./Jwt.ts"
import { ManagedNode, type Service } from "./ManagedNode.ts"
import * as ManagedNodeClient from "./ManagedNodeClient.ts"
import {
  Disconnected,
  ManagedNodeError,
  type ManagedNodeErrorReason,
  Refused,
  Unauthorized
} from "./ManagedNodeError.ts"
import { hmac } from "./NodeJwt.ts"

/** Bounds of a client that dials. */
export interface Limits extends ManagedNodeClient.Limits {
  /** Time for one dial, in milliseconds. */
  readonly dialTimeoutMs: number
  /** Bytes of a message or of the body of an answer. */
  readonly messageBytes: number
  /** Pause between two pings, in milliseconds. */
  readonly pingIntervalMs: number
  /** Time to answer a ping, in milliseconds. */
  readonly pongTimeoutMs: number
  /** Time for the goodbye of a connection, in milliseconds. */
  readonly closeTimeoutMs: number
}

/** 10 s to dial, 32 MiB messages, pings every 30 s. */
export const defaults: Limits = {
  ...ManagedNodeClient.defaults,
  dialTimeoutMs: 10_000,
  messageBytes: BlockBounds.maxMessageBytes,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 30_000,
  closeTimeoutMs: 1000
}

/** Which node, and the secret shared with it. */
export interface Options extends Omit<ManagedNodeClient.Options, "limits"> {
  /** `ws://`, `wss://`, `http://` or `https://`; used as it is, no path is added. */
  readonly url: string
  readonly jwtSecret: Redacted.Redacted<Uint8Array>
  readonly limits?: Partial<Limits> | undefined
}

const failure = (reason: ManagedNodeErrorReason) => new ManagedNodeError({ method: "connect", reason })

/** The first bytes of a refusal: its text, as far as anyone wants to read it. */
const refusalBytes = 1024

const readText = (response: IncomingMessage, limit: number, done: (text: string, whole: boolean) => void) => {
  const chunks: Array<Buffer> = []
  let length = 0
  const finish = (whole: boolean) => done(Buffer.concat(chunks).toString("utf8"), whole)
  response.on("data", (chunk: Buffer) => {
    length += chunk.length
    if (length <= limit) chunks.push(chunk)
    else {
      response.destroy()
      finish(false)
    }
  })
  response.once("end", () => finish(true))
  response.once("error", () => finish(false))
  response.once("aborted", () => finish(false))
}

const httpReason = (status: number | undefined, text: string) =>
  status === 401
    ? new Unauthorized({ why: text.trim() })
    : new Disconnected({ why: `HTTP status ${status}: ${text.trim().slice(0, 200)}` })

const open = (url: string, token: string, limits: Limits, attach: (duplex: Duplex) => Link) =>
  Effect.callback<{ readonly socket: NodeWS.WebSocket; readonly link: Link }, ManagedNodeError>((resume) => {
    const socket = new NodeWS.WebSocket(url, {
      headers: { Authorization: bearer(token) },
      handshakeTimeout: limits.dialTimeoutMs,
      maxPayload: limits.messageBytes,
      perMessageDeflate: false
    })
    let why = "the connection was closed"
    const link = attach({
      send: (frame) => {
        if (socket.readyState !== socket.OPEN) return false
        socket.send(frame)
        return true
      },
      isOpen: () => socket.readyState === socket.OPEN,
      close: (reason) => {
        why = reason
        socket.terminate()
      }
    })
    socket.on("message", (data: NodeWS.RawData) => link.onFrame(textOf(data)))
    socket.once("open", () => resume(Effect.succeed({ socket, link })))
    socket.once("unexpected-response", (request: ClientRequest, response: IncomingMessage) =>
      readText(response, refusalBytes, (text) => {
        request.destroy()
        resume(Effect.fail(failure(httpReason(response.statusCode, text))))
      })
    )
    socket.on("error", (error) => {
      why = error.message
      resume(Effect.fail(failure(new Disconnected({ why }))))
    })
    socket.once("close", (code: number) => link.onClose(`${why} (${code})`))
    return Effect.sync(() => socket.terminate())
  })

const textOf = (data: NodeWS.RawData): string =>
  Buffer.isBuffer(data)
    ? data.toString("utf8")
    : Buffer.concat([data].flat().map((part) => new Uint8Array(part))).toString("utf8")

const hangUp = (socket: NodeWS.WebSocket, limits: Limits) =>
  Effect.callback<void>((resume) => {
    if (socket.readyState === socket.CLOSED) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.close(1000)
  }).pipe(Effect.timeoutOption(limits.closeTimeoutMs), Effect.andThen(Effect.sync(() => socket.terminate())))

type Token = Effect.Effect<string>

const socketTransport = (url: string, token: Token, limits: Limits): ManagedNodeClient.Transport => ({
  _tag: "Socket",
  dial: Effect.fnUntraced(function* (attach) {
    const { link, socket } = yield* Effect.acquireRelease(
      Effect.flatMap(token, (fresh) => open(url, fresh, limits, attach)),
      ({ socket }) => hangUp(socket, limits)
    )
    yield* Effect.forkScoped(
      Effect.map(keepAlive(socket, limits), (why) => {
        link.onClose(why)
        socket.terminate()
      })
    )
    return link
  })
})

const httpTransport = Effect.fnUntraced(function* (url: URL, token: Token, limits: Limits) {
  const secure = url.protocol === "https:"
  const agent = yield* Effect.acquireRelease(
    Effect.sync(() => (secure ? new HttpsAgent({ keepAlive: true }) : new HttpAgent({ keepAlive: true }))),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const send = secure ? httpsRequest : httpRequest
  const exchange = (fresh: string, body: string) =>
    Effect.callback<string, ManagedNodeError>((resume) => {
      const headers = {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(body),
        Authorization: bearer(fresh)
      }
      const request = send(
        url,
        { method: "POST", agent, headers, timeout: limits.callTimeoutMs },
        (response) =>
          readText(response, limits.messageBytes, (text, whole) => {
            if (response.statusCode !== 200)
              resume(Effect.fail(failure(httpReason(response.statusCode, text))))
            else if (whole) resume(Effect.succeed(text))
            else
              resume(Effect.fail(failure(new Disconnected({ why: "the answer broke off or is too long" }))))
          })
      )
      request.once("error", (error) => resume(Effect.fail(failure(new Disconnected({ why: error.message })))))
      request.end(body)
      return Effect.sync(() => request.destroy())
    })
  const transport: ManagedNodeClient.Transport = {
    _tag: "Http",
    post: (body) => Effect.flatMap(token, (fresh) => exchange(fresh, body))
  }
  return transport
})

/** The service of the node at a URL, until the scope closes. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, ManagedNodeError, Scope.Scope> {
  const limits: Limits = { ...defaults, ...options.limits }
  const sign = hmac(options.jwtSecret)
  const token = Effect.map(Clock.currentTimeMillis, (nowMs) => issue(sign, Math.floor(nowMs / 1000)))
  const url = URL.parse(options.url)
  switch (url?.protocol) {
    case "ws:":
    case "wss:":
      return yield* ManagedNodeClient.make(socketTransport(options.url, token, limits), {
        ...options,
        limits
      })
    case "http:":
    case "https:":
      return yield* ManagedNodeClient.make(yield* httpTransport(url, token, limits), { ...options, limits })
    default:
      return yield* failure(
        new Refused({
          text: `${JSON.stringify(options.url)} is not a ws://, wss://, http:// or https:// URL`
        })
      )
  }
})

/** The node at a URL. */
export const layer = (options: Options): Layer.Layer<ManagedNode, ManagedNodeError> =>
  Layer.effect(ManagedNode, make(options))
