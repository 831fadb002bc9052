/**
 * Our peer over libp2p: a session with each other peer carries hello, views and notifications; each request has a
 * stream of its own.
 */
import type { Connection, Libp2p, Stream as Libp2pStream } from "@libp2p/interface"
import { lpStream } from "@libp2p/utils"
import type { Multiaddr } from "@multiformats/multiaddr"
import type { Hash } from "@ephor/types"
import { Data, Deferred, Effect, FiberSet, Metric, Queue, Random, type Scope } from "effect"
import * as Handshake from "../Handshake.ts"
import * as Metrics from "../Metrics.ts"
import type { Peer, PeerId, RequestHandler, RequestOptions, Service } from "../Network.ts"
import {
  NetworkError,
  type NetworkErrorReason,
  NotConnected,
  NotServed,
  Overloaded,
  Refused,
  RequestTimeout,
  TooLarge
} from "../NetworkError.ts"
import type { Limits } from "../NodeLibp2p.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as View from "../View.ts"
import * as Frames from "./frames.ts"
import type { LocalPeer } from "./LocalPeer.ts"

/** The stream that a session runs on. */
const sessionProtocol = "/ephor/session/1"

/** How long a broken stream may wait to learn whether its connection has ended, too. */
const cutGraceMs = 100

/** What the peer needs beside the node. */
export interface Settings {
  readonly genesis: Hash
  readonly authority: Handshake.Authority | undefined
  readonly verify: Handshake.Verify
  readonly notifications: ReadonlyMap<string, NotificationProtocol>
  readonly limits: Limits
}

/** A session ended; `why` is for the log. */
class SessionEnded extends Data.TaggedError("SessionEnded")<{ readonly why: string }> {}

/** A stream broke off, for whatever reason. */
class Broken extends Data.TaggedError("Broken")<{ readonly why: string }> {}

interface Session {
  readonly connection: Connection
  readonly outbound: Queue.Queue<Uint8Array>
}

/** Everything that belongs to a connected peer. */
interface Link {
  readonly peer: Peer
  readonly sessions: Set<Session>
  /** Done when the last session has ended. */
  readonly gone: Deferred.Deferred<void>
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
const nameOf = (cause: unknown): string => (cause instanceof Error ? cause.name : "")

export class Libp2pPeer {
  readonly #node: Libp2p
  readonly #local: LocalPeer
  readonly #settings: Settings
  readonly #links = new Map<PeerId, Link>()
  readonly #run: (effect: Effect.Effect<void>) => unknown

  private constructor(
    node: Libp2p,
    local: LocalPeer,
    settings: Settings,
    run: (effect: Effect.Effect<void>) => unknown
  ) {
    this.#node = node
    this.#local = local
    this.#settings = settings
    this.#run = run
  }

  static make(
    node: Libp2p,
    local: LocalPeer,
    settings: Settings
  ): Effect.Effect<Libp2pPeer, never, Scope.Scope> {
    return Effect.gen(function* () {
      const run = yield* FiberSet.makeRuntime<never, void, never>()
      const peer = new Libp2pPeer(node, local, settings, run)
      yield* Effect.promise(() =>
        node.handle(
          sessionProtocol,
          (stream, connection) => void peer.#run(Effect.ignore(peer.#session(stream, connection))),
          { maxInboundStreams: settings.limits.sessionsPerPeer, force: true }
        )
      )
      return peer
    })
  }

  get service(): Service {
    const local = this.#local
    return {
      self: local.self,
      peers: Effect.sync(() => local.peers),
      peerOf: (authority) => Effect.sync(() => local.peerOf(authority)),
      events: local.events(),
      eventsOf: (protocol) => local.events(protocol.name),
      setView: (view) => this.#setView(view),
      notify: (protocol, peers, bytes) =>
        Effect.andThen(
          local.checkNotification(protocol, bytes),
          Effect.suspend(() => {
            const frame = Frames.notificationFrame(protocol, bytes)
            return Effect.forEach(peers, (peer) => this.#send(peer, frame), { discard: true })
          })
        ),
      request: (protocol, peer, bytes, options) => this.#request(protocol, peer, bytes, options),
      serve: (protocol, handler) => this.#serve(protocol, handler),
      report: (peer, change, why) => this.#report(peer, change, why),
      reputation: (peer) => Effect.sync(() => local.reputation(peer))
    }
  }

  /** Dials an address for ever: again when the session ends, later and later while nobody answers. */
  keepDialling(address: Multiaddr): Effect.Effect<never> {
    const { dialTimeoutMs, redialMaxMs, redialMinMs } = this.#settings.limits
    const once = Effect.gen({ self: this }, function* () {
      const connection = yield* Effect.tryPromise({
        try: (signal) =>
          this.#node.dial(address, { signal: AbortSignal.any([signal, AbortSignal.timeout(dialTimeoutMs)]) }),
        catch: (cause) => new SessionEnded({ why: messageOf(cause) })
      })
      const id = connection.remotePeer.toString()
      const link = this.#links.get(id)
      // The other side was faster: its session serves both.
      if (link !== undefined) return yield* Deferred.await(link.gone)
      const stream = yield* Effect.tryPromise({
        try: (signal) => connection.newStream(sessionProtocol, { signal }),
        catch: (cause) => new SessionEnded({ why: messageOf(cause) })
      })
      yield* this.#session(stream, connection)
    })
    return Effect.gen({ self: this }, function* () {
      let pauseMs = redialMinMs
      for (;;) {
        const began = this.#local.nowMs
        yield* once.pipe(
          Effect.catch(({ why }) =>
            Effect.andThen(
              Metric.update(Metrics.dialFailures, 1),
              Effect.logDebug(`no session with ${address}: ${why}`)
            )
          )
        )
        pauseMs = this.#local.nowMs - began > redialMaxMs ? redialMinMs : Math.min(pauseMs * 2, redialMaxMs)
        const link = [...this.#links.values()].find(({ sessions }) =>
          [...sessions].some(({ connection }) => connection.remoteAddr.equals(address))
        )
        if (link !== undefined) yield* Deferred.await(link.gone)
        yield* Effect.sleep(Math.round(pauseMs * (1 + 0.25 * (yield* Random.next))))
      }
    })
  }

  /** A session from hello to its end. */
  #session(stream: Libp2pStream, connection: Connection): Effect.Effect<void, SessionEnded> {
    const { limits } = this.#settings
    const id = connection.remotePeer.toString()
    const framed = lpStream(stream, { maxDataLength: Frames.maxFrameBytes })
    const read = Effect.tryPromise({
      try: (signal) => framed.read({ signal }),
      catch: (cause) => new SessionEnded({ why: messageOf(cause) })
    }).pipe(Effect.map((list) => Frames.openFrame(list.subarray())))
    const write = (bytes: Uint8Array) =>
      Effect.tryPromise({
        try: (signal) => framed.write(bytes, { signal }),
        catch: (cause) => new SessionEnded({ why: messageOf(cause) })
      })
    const refuse = (why: string) =>
      Effect.gen(function* () {
        yield* Metric.update(Metrics.refused, 1)
        yield* Effect.logInfo(`peer ${id} is refused: ${why}`)
        yield* Effect.ignore(Effect.timeoutOption(write(Frames.goodbyeFrame(why)), 500))
        return yield* new SessionEnded({ why })
      })
    const end = Effect.promise(() =>
      stream.close({ signal: AbortSignal.timeout(500) }).catch((cause) => stream.abort(cause))
    )

    const greet = Effect.gen({ self: this }, function* () {
      const { authority, genesis, verify } = this.#settings
      yield* write(Frames.helloFrame(yield* Handshake.hello(genesis, authority, this.#local.self, id)))
      const first = yield* read
      if (first._tag === "Goodbye") {
        yield* Effect.logWarning(`peer ${id} refuses us: ${first.why}`)
        return yield* new SessionEnded({ why: first.why })
      }
      if (first._tag !== "Hello" || first.bytes.length > Handshake.maxHelloBytes)
        return yield* refuse("no hello")
      return yield* Effect.catchTag(
        Handshake.open(first.bytes, genesis, this.#local.self, id, verify),
        "HelloRefused",
        ({ why }) => refuse(why)
      )
    }).pipe(
      Effect.timeoutOrElse({
        duration: limits.helloTimeoutMs,
        orElse: () => refuse(`no hello within ${limits.helloTimeoutMs} ms`)
      })
    )

    const live = Effect.gen({ self: this }, function* () {
      const peer = yield* greet
      const rejection = this.#rejection(peer)
      if (rejection !== undefined) return yield* refuse(rejection)
      const session: Session = {
        connection,
        outbound: yield* Queue.dropping<Uint8Array>(limits.outboundPerPeer)
      }
      const writing = Effect.forever(Effect.flatMap(Queue.take(session.outbound), write))
      const reading = Effect.forever(Effect.flatMap(read, (frame) => this.#onFrame(id, frame)))
      return yield* Effect.acquireUseRelease(
        this.#join(peer, session),
        () => Effect.raceFirst(reading, writing),
        () => this.#leave(id, session)
      )
    })
    return Effect.ensuring(live, end)
  }

  /** Why a peer that said hello is not taken. */
  #rejection({ authority, id }: Peer): string | undefined {
    if (id === this.#local.self) return "this is ourselves"
    if (this.#local.refuses(id)) return "its reputation is too low"
    if ((this.#links.get(id)?.sessions.size ?? 0) >= this.#settings.limits.sessionsPerPeer) {
      return "it has enough sessions"
    }
    const holder = authority === undefined ? undefined : this.#local.peerOf(authority)
    return holder?._tag === "Some" && holder.value.id !== id
      ? `validator ${authority} is connected as ${holder.value.id}`
      : undefined
  }

  #join(peer: Peer, session: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!View.equals(this.#local.view, View.empty)) {
        Queue.offerUnsafe(session.outbound, Frames.viewFrame(this.#local.view))
      }
      const link = this.#links.get(peer.id)
      if (link !== undefined) {
        link.sessions.add(session)
        return Effect.void
      }
      this.#links.set(peer.id, { peer, sessions: new Set([session]), gone: Deferred.makeUnsafe() })
      return Effect.andThen(
        this.#local.connect(peer),
        Effect.logInfo(
          `connected with peer ${peer.id}`,
          peer.authority === undefined ? {} : { authority: peer.authority }
        )
      )
    })
  }

  #leave(id: PeerId, session: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      const link = this.#links.get(id)
      link?.sessions.delete(session)
      if (link === undefined || link.sessions.size > 0) return Effect.void
      this.#links.delete(id)
      Deferred.doneUnsafe(link.gone, Effect.void)
      return Effect.andThen(this.#local.disconnect(id), Effect.logInfo(`disconnected from peer ${id}`))
    })
  }

  #onFrame(id: PeerId, frame: Frames.Frame): Effect.Effect<void, SessionEnded> {
    switch (frame._tag) {
      case "View":
        return Effect.flatMap(this.#local.onView(id, frame.view), (wrong) =>
          wrong === undefined ? Effect.void : this.#report(id, Reputation.changes.major, wrong)
        )
      case "Notification": {
        const protocol = this.#settings.notifications.get(frame.protocol)
        const wrong =
          protocol === undefined
            ? "a notification of an unknown protocol"
            : frame.bytes.length > protocol.maxBytes
              ? `a notification of ${frame.bytes.length} bytes`
              : undefined
        return wrong === undefined
          ? this.#local.onNotification(id, frame.protocol, frame.bytes)
          : Effect.andThen(
              Metric.update(Metrics.malformed, 1),
              this.#report(id, Reputation.changes.minor, wrong)
            )
      }
      case "Goodbye":
        return Effect.fail(new SessionEnded({ why: frame.why }))
      case "Hello":
      case "Malformed": {
        const why = frame._tag === "Hello" ? "a second hello" : frame.why
        return Metric.update(Metrics.malformed, 1).pipe(
          Effect.andThen(this.#report(id, Reputation.changes.major, why)),
          Effect.andThen(Effect.fail(new SessionEnded({ why })))
        )
      }
    }
  }

  #send(peer: PeerId, frame: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => {
      const session = this.#links.get(peer)?.sessions.values().next().value
      return session === undefined || Queue.offerUnsafe(session.outbound, frame)
        ? Effect.void
        : Metric.update(Metrics.outboundDropped, 1)
    })
  }

  #setView(view: View.View): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (View.equals(this.#local.view, view)) return Effect.void
      this.#local.view = view
      const frame = Frames.viewFrame(view)
      return Effect.forEach([...this.#links.keys()], (peer) => this.#send(peer, frame), { discard: true })
    })
  }

  #request(
    protocol: RequestProtocol,
    peer: PeerId,
    bytes: Uint8Array,
    options: RequestOptions = {}
  ): Effect.Effect<Uint8Array, NetworkError> {
    const timeoutMs = options.timeoutMs ?? protocol.timeoutMs
    const maxBytes = Math.min(
      options.maxResponseBytes ?? protocol.maxResponseBytes,
      protocol.maxResponseBytes
    )
    return this.#ask(protocol, peer, bytes, maxBytes).pipe(
      Effect.timeoutOrElse({
        duration: timeoutMs,
        orElse: () => Effect.fail(new RequestTimeout({ peer, timeoutMs }))
      }),
      Effect.mapError((reason) => new NetworkError({ operation: `request ${protocol.name}`, reason })),
      Effect.withSpan("Network.request", { attributes: { protocol: protocol.name, peer } })
    )
  }

  #ask(
    protocol: RequestProtocol,
    peer: PeerId,
    bytes: Uint8Array,
    maxBytes: number
  ): Effect.Effect<Uint8Array, NetworkErrorReason> {
    return Effect.suspend(() => {
      const link = this.#links.get(peer)
      const session = link?.sessions.values().next().value
      if (link === undefined || session === undefined) return Effect.fail(new NotConnected({ peer }))
      if (bytes.length > protocol.maxBytes) {
        return Effect.fail(
          new TooLarge({ what: "request", bytes: bytes.length, maxBytes: protocol.maxBytes })
        )
      }
      const failure = (cause: unknown): NetworkErrorReason | Broken => {
        if (!this.#links.has(peer)) return new NotConnected({ peer })
        switch (nameOf(cause)) {
          case "UnsupportedProtocolError":
            return new NotServed({ peer })
          case "TooManyOutboundProtocolStreamsError":
            return new Overloaded({ peer })
          case "InvalidDataLengthError":
            return new TooLarge({ what: "response", bytes: maxBytes + 1, maxBytes })
          default:
            return new Broken({ why: messageOf(cause) })
        }
      }
      const opened = Effect.acquireRelease(
        Effect.tryPromise({
          try: (signal) =>
            session.connection.newStream(protocol.name, { signal, maxOutboundStreams: streamsOf(protocol) }),
          catch: failure
        }),
        // Done, or given up: nothing of it is wanted any more.
        (stream) => Effect.sync(() => stream.abort(new Error("the request has ended")))
      )
      const talk = Effect.gen(function* () {
        const stream = yield* opened
        // The content may be as long as it may be; what goes wrong takes a little more than nothing.
        const limit = Math.max(maxBytes, Frames.answerOverheadBytes) + 1
        const framed = lpStream(stream, { maxDataLength: limit, maxBufferSize: limit + 1024 })
        yield* Effect.tryPromise({ try: (signal) => framed.write(bytes, { signal }), catch: failure })
        const list = yield* Effect.tryPromise({ try: (signal) => framed.read({ signal }), catch: failure })
        const answer = yield* Effect.fromResult(Frames.openAnswer(peer, list.subarray()))
        if (answer.length > maxBytes) {
          return yield* new TooLarge({ what: "response", bytes: answer.length, maxBytes })
        }
        return answer
      }).pipe(Effect.scoped)
      const cut = Effect.andThen(Deferred.await(link.gone), Effect.fail(new NotConnected({ peer })))
      // A stream that breaks off is often the first sign that the connection has ended.
      const orCut = Effect.catchTag(talk, "Broken", ({ why }) =>
        Effect.andThen(
          Effect.timeoutOption(Deferred.await(link.gone), cutGraceMs),
          Effect.suspend(() =>
            Effect.fail(this.#links.has(peer) ? new Refused({ peer, why }) : new NotConnected({ peer }))
          )
        )
      )
      return Effect.raceFirst(orCut, cut)
    })
  }

  #serve(protocol: RequestProtocol, handler: RequestHandler): Effect.Effect<void, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const server = yield* this.#local.serve(protocol, handler)
      const answer = (stream: Libp2pStream, connection: Connection) =>
        Effect.gen({ self: this }, function* () {
          const peer = this.#local.connected.get(connection.remotePeer.toString())
          if (peer === undefined) return stream.abort(new Error("say hello first"))
          const framed = lpStream(stream, {
            maxDataLength: protocol.maxBytes,
            maxBufferSize: protocol.maxBytes + 1024
          })
          const list = yield* Effect.tryPromise({
            try: (signal) =>
              framed.read({
                signal: AbortSignal.any([
                  signal,
                  AbortSignal.timeout(this.#settings.limits.requestReadTimeoutMs)
                ])
              }),
            catch: messageOf
          })
          yield* server.accept(peer, list.subarray(), (reply) =>
            Effect.tryPromise(async (signal) => {
              await framed.write(Frames.answerBytes(reply), { signal })
              await stream.close({ signal })
            }).pipe(
              Effect.timeoutOption(protocol.timeoutMs),
              Effect.ignore,
              Effect.andThen(Effect.sync(() => stream.abort(new Error("the answer was not taken"))))
            )
          )
        }).pipe(
          Effect.catch((why) =>
            Effect.andThen(
              Metric.update(Metrics.malformed, 1),
              Effect.sync(() => stream.abort(new Error(why)))
            )
          )
        )
      yield* Effect.acquireRelease(
        Effect.promise(() =>
          this.#node.handle(
            protocol.name,
            (stream, connection) => void this.#run(answer(stream, connection)),
            {
              maxInboundStreams: streamsOf(protocol),
              force: true
            }
          )
        ),
        () => Effect.promise(() => this.#node.unhandle(protocol.name))
      )
    })
  }

  #report(peer: PeerId, change: number, why: string): Effect.Effect<void> {
    return Effect.flatMap(this.#local.report(peer, change, why), (isBanned) =>
      isBanned
        ? Effect.sync(() => {
            for (const { connection } of this.#links.get(peer)?.sessions ?? []) {
              connection.abort(new Error("its reputation is too low"))
            }
          })
        : Effect.void
    )
  }
}

/** Streams of a request protocol that one connection may have open: enough that the server itself says "overloaded". */
const streamsOf = ({ concurrency, queueCapacity }: RequestProtocol): number =>
  2 * (concurrency + queueCapacity)
