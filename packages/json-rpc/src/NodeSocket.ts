/**
 * Dials a WebSocket: frames in and out of a `Link`, pings, and a goodbye when the scope closes.
 */
import { BlockBounds } from "@ephor/types"
import type { ClientRequest, IncomingMessage } from "node:http"
import * as NodeWS from "@effect/platform-node/NodeWS"
import { Effect, type Scope } from "effect"
import type { Endpoint } from "./Endpoint.ts"
import { Disconnected, HttpStatus, type JsonRpcErrorReason, Unauthorized } from "./JsonRpcError.ts"
import type { Duplex, Link } from "./Link.ts"
import { readAnswer, whyOf } from "./NodeHttp.ts"
import { keepAlive, type KeepAliveLimits } from "./socket/NodeKeepAlive.ts"

/** Bounds of a connection. */
export interface Limits extends KeepAliveLimits {
  /** Time for one dial, in milliseconds. */
  readonly dialTimeoutMs: number
  /** Bytes of a message. */
  readonly messageBytes: number
  /** Time for the goodbye of a connection, in milliseconds. */
  readonly closeTimeoutMs: number
}

/** 10 s to dial, 32 MiB messages, pings every 30 s that are answered within 30 s, 1 s to say goodbye. */
export const defaults: Limits = {
  dialTimeoutMs: 10_000,
  messageBytes: BlockBounds.maxMessageBytes,
  pingIntervalMs: 30_000,
  pongTimeoutMs: 30_000,
  closeTimeoutMs: 1000
}

/** The first bytes of a refusal: its text, as far as anyone wants to read it. */
const refusalBytes = 1024
const excerptLength = 200

/** What a status other than the wanted one means. */
export const statusReason = (status: number, text: string): JsonRpcErrorReason =>
  status === 401 || status === 403
    ? new Unauthorized({ status, why: text.trim().slice(0, excerptLength) })
    : new HttpStatus({ status, text: text.trim().slice(0, excerptLength) })

/** A message as text. */
export const textOf = (data: NodeWS.RawData): string =>
  Buffer.isBuffer(data)
    ? data.toString("utf8")
    : Buffer.concat([data].flat().map((part) => new Uint8Array(part))).toString("utf8")

const open = (
  endpoint: Endpoint,
  headers: { readonly [name: string]: string },
  limits: Limits,
  attach: (duplex: Duplex) => Link
) =>
  Effect.callback<{ readonly socket: NodeWS.WebSocket; readonly link: Link }, JsonRpcErrorReason>(
    (resume) => {
      const revealed = endpoint.reveal()
      const socket = new NodeWS.WebSocket(revealed.url, {
        headers: { ...revealed.headers, ...headers },
        handshakeTimeout: limits.dialTimeoutMs,
        maxPayload: limits.messageBytes,
        perMessageDeflate: false
      })
      let why = "the connection was closed"
      const link = attach({
        endpoint: String(endpoint),
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
        readAnswer(response, refusalBytes, (body) => {
          request.destroy()
          resume(Effect.fail(statusReason(response.statusCode ?? 0, Buffer.from(body).toString("utf8"))))
        })
      )
      socket.on("error", (error) => {
        why = whyOf(error)
        resume(Effect.fail(new Disconnected({ why })))
      })
      socket.once("close", (code: number) => {
        link.onClose(`${why} (${code})`)
        resume(Effect.fail(new Disconnected({ why: `${why} (${code})` })))
      })
      return Effect.sync(() => socket.terminate())
    }
  )

const hangUp = (socket: NodeWS.WebSocket, limits: Limits) =>
  Effect.callback<void>((resume) => {
    if (socket.readyState === socket.CLOSED) return resume(Effect.void)
    socket.once("close", () => resume(Effect.void))
    socket.close(1000)
  }).pipe(Effect.timeoutOption(limits.closeTimeoutMs), Effect.andThen(Effect.sync(() => socket.terminate())))

/**
 * Connects, with headers that are made anew for each connection; `attach` makes the link that frames are handed to.
 * Closing the scope hangs up.
 */
export const dial = Effect.fnUntraced(function* (
  endpoint: Endpoint,
  headers: Effect.Effect<{ readonly [name: string]: string }>,
  limits: Limits,
  attach: (duplex: Duplex) => Link
): Effect.fn.Return<Link, JsonRpcErrorReason, Scope.Scope> {
  const { link, socket } = yield* Effect.acquireRelease(
    Effect.flatMap(headers, (fresh) => open(endpoint, fresh, limits, attach)),
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
