/**
 * Connections of a server, from the moment TCP hands them over: counted before anything is read, given up when they do
 * not become HTTP/2 in time, known by their key, and cut off when they flood.
 */
import type { Hash } from "@ephor/types"
import * as Http2 from "node:http2"
import type * as Net from "node:net"
import * as Tls from "node:tls"
import type { Refusal } from "../Metrics.ts"
import { certificateKeyHash, peerFault } from "../NodeTls.ts"
import { Bucket, type ControlLimits, type ControlWatch, cutOff, watchControl } from "./NodeFlood.ts"
import { keepAlive } from "./NodeKeepAlive.ts"

/** Limits of connections; `ServerOptions` documents them. */
export interface ConnectionLimits extends ControlLimits {
  readonly maxSessions: number
  readonly maxSessionsPerAddress: number
  readonly handshakeMs: number
  readonly idleMs: number
  readonly keepaliveIntervalMs: number
  readonly keepaliveTimeoutMs: number
  readonly callsPerSecond: number
  readonly callBurst: number
  readonly resetsPerSecond: number
  readonly resetBurst: number
}

/** How connections are secured, if they are. */
export interface Security {
  readonly context: Tls.SecureContextOptions
  readonly clientKeys: ReadonlySet<Hash> | undefined
}

/** What happens to connections. */
export interface Events {
  /** A connection or call was turned away. */
  readonly refused: (cause: Refusal) => void
  /** The number of connections that speak HTTP/2 has changed. */
  readonly sessions: (delta: number) => void
  /** A call has begun. */
  readonly call: (
    peer: Peer,
    stream: Http2.ServerHttp2Stream,
    headers: Http2.IncomingHttpHeaders,
    rawHeaders: ReadonlyArray<string>
  ) => void
}

/** Who is at the other end of a connection. */
export interface Peer {
  readonly session: Http2.ServerHttp2Session
  /** Name of the key that it has shown, if that is known here. */
  readonly key: Hash | undefined
  /** Where it is; nothing for whoever is on this machine's own socket. */
  readonly address: string | undefined
  /** Why its calls are refused, if they are. */
  readonly stranger: string | undefined
  /** Told of what its calls are answered. */
  readonly control: ControlWatch
}

/** A connection that is ready for HTTP/2. */
type Serve = (socket: Net.Socket, key: Hash | undefined, stranger: string | undefined) => void

// Only commands come in: a small window suffices, and bounds what a flood can make us hold.
const connectionWindow = 256 * 1024

/** The same for a connection and for TLS on top of it. */
const nameOf = (socket: Net.Socket) => `${socket.remoteAddress} ${socket.remotePort}`

/** See the head of the file. */
export class Connections {
  readonly sessions = new Set<Http2.ServerHttp2Session>()
  readonly #limits: ConnectionLimits
  readonly #events: Events
  readonly #h2: Http2.Http2Server
  readonly #tls: Tls.Server | undefined
  /** What to do with connections whose TLS handshake is under way. */
  readonly #handshakes = new Map<string, Serve>()
  readonly #sockets = new Set<Net.Socket>()
  /** Those that do not speak HTTP/2 yet. */
  readonly #raw = new Set<Net.Socket>()
  readonly #perAddress = new Map<string, number>()

  constructor(
    h2: Http2.Http2Server,
    limits: ConnectionLimits,
    security: Security | undefined,
    events: Events
  ) {
    this.#h2 = h2
    this.#limits = limits
    this.#tls = security === undefined ? undefined : this.#tlsServer(security)
    this.#events = events
    h2.on("sessionError", () => {})
  }

  /** Takes a new connection, or turns it away before anything was read from it; a local one is in the clear. */
  accept(raw: Net.Socket, isLocal: boolean): void {
    const limits = this.#limits
    raw.on("error", () => {})
    const address = raw.remoteAddress ?? ""
    const count = this.#perAddress.get(address) ?? 0
    const full = this.#sockets.size >= limits.maxSessions
    if (full || count >= limits.maxSessionsPerAddress) {
      this.#events.refused(full ? "connections" : "address")
      raw.destroy()
      return
    }
    this.#sockets.add(raw)
    this.#raw.add(raw)
    this.#perAddress.set(address, count + 1)
    // Silence, half a handshake, no HTTP/2: all the same to us.
    const name = nameOf(raw)
    const patience = setTimeout(() => {
      this.#handshakes.delete(name)
      this.#events.refused("handshake")
      raw.destroy()
    }, limits.handshakeMs)
    raw.once("close", () => {
      clearTimeout(patience)
      this.#sockets.delete(raw)
      this.#raw.delete(raw)
      this.#handshakes.delete(name)
      const rest = this.#perAddress.get(address)! - 1
      if (rest === 0) this.#perAddress.delete(address)
      else this.#perAddress.set(address, rest)
    })
    raw.setNoDelay(true)
    const serve: Serve = (socket, key, stranger) => {
      this.#raw.delete(raw)
      const session = this.#serve(socket, key, stranger)
      // A stranger may hear why, and has no more time than others need for their first frame.
      if (stranger === undefined) session?.once("remoteSettings", () => clearTimeout(patience))
    }
    if (isLocal || this.#tls === undefined) return serve(raw, undefined, undefined)
    this.#handshakes.set(name, serve)
    this.#tls.emit("connection", raw)
    return undefined
  }

  /** A TLS server that is fed with connections, and never listens itself. */
  #tlsServer({ clientKeys, context }: Security): Tls.Server {
    const server = Tls.createServer({
      ALPNProtocols: ["h2"],
      requestCert: clientKeys !== undefined,
      // Who signed a certificate does not matter: the key in it must be on the list, see `peerFault`.
      rejectUnauthorized: false,
      ...context
    })
    const take = (socket: Tls.TLSSocket) => {
      const serve = this.#handshakes.get(nameOf(socket))
      this.#handshakes.delete(nameOf(socket))
      return serve
    }
    const failed = (socket: Tls.TLSSocket) => {
      this.#events.refused("handshake")
      socket.destroy()
    }
    server.on("tlsClientError", (_, socket) => {
      if (take(socket) !== undefined) failed(socket)
    })
    server.on("secureConnection", (socket) => {
      socket.on("error", () => {})
      const serve = take(socket)
      if (serve === undefined || socket.alpnProtocol !== "h2") return failed(socket)
      if (clientKeys === undefined) return serve(socket, undefined, undefined)
      const fault = peerFault(socket, clientKeys, "the client keys of this server")
      if (fault === undefined)
        return serve(socket, certificateKeyHash(socket.getPeerX509Certificate()!), undefined)
      this.#events.refused("key")
      return serve(socket, undefined, fault)
    })
    return server
  }

  #serve(...[socket, key, stranger]: Parameters<Serve>): Http2.ServerHttp2Session | undefined {
    const limits = this.#limits
    const session = this.#open(socket)
    if (session === undefined) {
      socket.destroy()
      return undefined
    }
    const { refused } = this.#events
    this.sessions.add(session)
    this.#events.sessions(1)
    session.on("error", (error: NodeJS.ErrnoException) => {
      // HTTP/2's own guard against floods and nonsense has closed the session.
      if (error.code?.startsWith("ERR_HTTP2") === true) refused("protocol")
    })
    session.setLocalWindowSize(connectionWindow)
    keepAlive(session, limits, () => refused("keepalive"))
    const control = watchControl(session, limits, () => refused("control"))
    const peer: Peer = { session, key, address: socket.remoteAddress, stranger, control }
    const idle = this.#watchIdle(session)
    session.on("close", () => {
      clearTimeout(idle.timer)
      this.sessions.delete(session)
      this.#events.sessions(-1)
    })
    const calls = new Bucket(limits.callsPerSecond, limits.callBurst, performance.now())
    const resets = new Bucket(limits.resetsPerSecond, limits.resetBurst, performance.now())
    session.on("stream", (stream, headers, _flags, rawHeaders) => {
      stream.on("error", () => {})
      if (session.destroyed) return
      if (!calls.take(performance.now())) {
        refused("calls")
        cutOff(session)
        return
      }
      idle.begin()
      // Every call is answered with HEADERS.
      control.answered()
      stream.once("close", () => {
        idle.end()
        if (!stream.aborted || session.destroyed || resets.take(performance.now())) return
        refused("resets")
        cutOff(session)
      })
      // The peer may be gone before its call is looked at.
      if (!stream.destroyed && !stream.closed) {
        this.#events.call(peer, stream, headers, rawHeaders as unknown as ReadonlyArray<string>)
      }
    })
    return session
  }

  /** The session that HTTP/2 makes of a connection, at once. */
  #open(socket: Net.Socket): Http2.ServerHttp2Session | undefined {
    let made: Http2.ServerHttp2Session | undefined
    const take = (session: Http2.ServerHttp2Session) => (made = session)
    this.#h2.once("session", take)
    this.#h2.emit("connection", socket)
    this.#h2.off("session", take)
    return made
  }

  #watchIdle(session: Http2.ServerHttp2Session) {
    const leave = () => {
      this.#events.refused("idle")
      session.close()
    }
    let open = 0
    const idle = {
      timer: setTimeout(leave, this.#limits.idleMs),
      begin: () => {
        if (open++ === 0) clearTimeout(idle.timer)
      },
      end: () => {
        if (--open === 0 && !session.destroyed) idle.timer = setTimeout(leave, this.#limits.idleMs)
      }
    }
    return idle
  }

  /** New connections see another certificate. */
  renew(context: Tls.SecureContextOptions): void {
    this.#tls?.setSecureContext(context)
  }

  /** Connections that are open, whatever they have said so far. */
  get size(): number {
    return this.#sockets.size
  }

  /** GOAWAY to everybody; connections without HTTP/2 are cut. */
  drain(): void {
    for (const session of this.sessions) session.goaway(Http2.constants.NGHTTP2_NO_ERROR)
    for (const socket of this.#raw) socket.destroy()
  }

  /** Lets sessions end when their calls have. */
  close(): void {
    for (const session of this.sessions) session.close()
  }

  /** Ends everything that is left. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }
}
