/**
 * How a client gets a session: TCP, then TLS and a look at who answers, then HTTP/2. Nothing of ours is sent before the
 * publisher has proven its key.
 */
import { Effect } from "effect"
import * as Http2 from "node:http2"
import * as Net from "node:net"
import * as Tls from "node:tls"
import type { Refusal } from "../Metrics.ts"
import { type ClientTls, peerFault } from "../NodeTls.ts"
import { ObserverError, type ObserverErrorReason, Unavailable, Untrusted } from "../ObserverError.ts"
import { type ControlLimits, watchControl } from "./NodeFlood.ts"
import { keepAlive } from "./NodeKeepAlive.ts"
import { unixPrefix } from "./NodeListen.ts"

/** Limits of a session; `ClientOptions` documents them. */
export interface DialOptions extends ControlLimits, ClientTls {
  readonly url: string
  readonly streamWindowBytes: number
  readonly connectionWindowBytes: number
  readonly connectTimeoutMs: number
  readonly keepaliveIntervalMs: number
  readonly keepaliveTimeoutMs: number
  readonly maxHeaderBytes: number
  readonly maxInvalidFrames: number
}

/** The path of a Unix socket, if an address is one. */
export const pathOf = (url: string): string | undefined =>
  url.startsWith(unixPrefix) ? url.slice(unixPrefix.length) : undefined

const connect = (options: DialOptions, context: Tls.SecureContext | undefined): Net.Socket => {
  const path = pathOf(options.url)
  if (path !== undefined) return Net.connect({ path })
  const url = new URL(options.url)
  const host = url.hostname.replace(/^\[|\]$/g, "")
  if (context === undefined) return Net.connect({ host, port: Number(url.port || 80) })
  const servername = options.serverName ?? (Net.isIP(host) === 0 ? host : "")
  return Tls.connect({
    host,
    port: Number(url.port || 443),
    secureContext: context,
    ALPNProtocols: ["h2"],
    // Without SNI for addresses, but the certificate is checked against the address all the same.
    ...(servername === "" ? {} : { servername }),
    checkServerIdentity: (_, certificate) => Tls.checkServerIdentity(options.serverName ?? host, certificate),
    // Pinned keys need no authority; with one, both must agree.
    rejectUnauthorized: options.serverKeys === undefined || options.ca !== undefined
  })
}

/** Why a publisher that has answered over TLS is not the one that we want, if it is not. */
const distrust = (socket: Net.Socket, { serverKeys }: DialOptions): string | undefined => {
  if (!(socket instanceof Tls.TLSSocket)) return undefined
  if (socket.alpnProtocol !== "h2") return "the publisher does not speak HTTP/2 (h2) over TLS"
  return serverKeys === undefined ? undefined : peerFault(socket, new Set(serverKeys), "serverKeys")
}

const isCertificateFault = ({ code }: NodeJS.ErrnoException): boolean =>
  code !== undefined && /CERT|SIGNATURE|ISSUER|ALTNAME|SELF_SIGNED|PATH_LENGTH|HOSTNAME/.test(code)

const open = (socket: Net.Socket, options: DialOptions): Http2.ClientHttp2Session =>
  Http2.connect(pathOf(options.url) === undefined ? options.url : "http://localhost", {
    createConnection: () => socket,
    settings: {
      initialWindowSize: options.streamWindowBytes,
      maxHeaderListSize: options.maxHeaderBytes,
      enablePush: false
    },
    maxSessionMemory: 1000,
    maxSettings: 32,
    maxReservedRemoteStreams: 0,
    maxSessionInvalidFrames: options.maxInvalidFrames
  } as Http2.ClientSessionOptions)

/** Dials a publisher; succeeds when it has spoken HTTP/2. `refused` is told what the session was given up for. */
export const dial = (
  options: DialOptions,
  context: Tls.SecureContext | undefined,
  refused: (cause: Refusal) => void
): Effect.Effect<Http2.ClientHttp2Session, ObserverError> =>
  Effect.callback<Http2.ClientHttp2Session, ObserverError>((resume) => {
    const socket = connect(options, context)
    let session: Http2.ClientHttp2Session | undefined
    const fail = (reason: ObserverErrorReason) => {
      clearTimeout(timer)
      session?.destroy()
      socket.destroy()
      resume(Effect.fail(new ObserverError({ where: options.url, reason })))
    }
    const lost = (error: Error) => {
      if (!isCertificateFault(error)) return fail(new Unavailable({ why: error.message }))
      const why = `the publisher's certificate is not trusted (${error.message}): give its authority as ca (ephor-node: --ca), or its key as serverKeys (--server-key)`
      return fail(new Untrusted({ why }))
    }
    const timer = setTimeout(() => {
      refused("handshake")
      fail(new Unavailable({ why: `no connection within ${options.connectTimeoutMs} ms` }))
    }, options.connectTimeoutMs)
    socket.on("error", lost)
    socket.once("close", () => fail(new Unavailable({ why: "the publisher closed the connection at once" })))
    socket.setNoDelay(true)
    socket.once(context === undefined ? "connect" : "secureConnect", () => {
      const why = distrust(socket, options)
      if (why !== undefined) {
        refused("key")
        return fail(new Untrusted({ why }))
      }
      session = open(socket, options)
      const made = session
      made.on("error", (error: NodeJS.ErrnoException) => {
        if (error.code?.startsWith("ERR_HTTP2") === true) refused("protocol")
        lost(error)
      })
      made.once("remoteSettings", () => {
        clearTimeout(timer)
        made.setLocalWindowSize(options.connectionWindowBytes)
        keepAlive(made, options, () => refused("keepalive"))
        resume(Effect.succeed(made))
      })
      watchControl(made, options, () => refused("control"))
      return undefined
    })
    return Effect.sync(() => {
      clearTimeout(timer)
      session?.destroy()
      socket.destroy()
    })
  })
