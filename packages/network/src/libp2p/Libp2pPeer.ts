/**
 * Our peer over libp2p: a session with each other peer carries hello, views and notifications; each request has a
 * stream of its own.
 */
import type { Connection, Libp2p, Stream as Libp2pStream } from "@libp2p/interface"
import type { Multiaddr } from "@multiformats/multiaddr"
import type { Hash } from "@ephor/types"
import { Deferred, Effect, FiberSet, Metric, type Scope } from "effect"
import type * as Handshake from "../Handshake.ts"
import * as Metrics from "../Metrics.ts"
import type { Peer, PeerId, RequestHandler, Service } from "../Network.ts"
import type { NetworkError } from "../NetworkError.ts"
import type { Limits } from "../NodeLibp2p.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import { ConnectionGate } from "../shares/ConnectionGate.ts"
import { Outbox } from "../shares/Outbox.ts"
import { Admission } from "../sessions/Admission.ts"
import * as Dialling from "../sessions/Dialling.ts"
import { greet } from "../sessions/Greeting.ts"
import { Receiving } from "../sessions/Receiving.ts"
import { causeText, SessionEnded } from "../sessions/SessionEnded.ts"
import { SessionStream } from "../sessions/SessionStream.ts"
import * as View from "../View.ts"
import * as Frames from "./Frames.ts"
import { Links, type Session } from "./Links.ts"
import * as Requests from "./Requests.ts"
import type { LocalPeer } from "../peer/LocalPeer.ts"

/** The stream that a session runs on. */
const sessionProtocol = "/ephor/session/1"

/** What the peer needs beside the node. */
export interface Settings {
  readonly genesis: Hash
  readonly authority: Handshake.Authority | undefined
  readonly verify: Handshake.Verify
  readonly notifications: ReadonlyMap<string, NotificationProtocol>
  readonly limits: Limits
  /** Who may come in before anything is known of it; asked by the node itself. */
  readonly gate: ConnectionGate
}

/** See the head of the file. */
export class Libp2pPeer {
  readonly #node: Libp2p
  readonly #local: LocalPeer
  readonly #settings: Settings
  readonly #links = new Links()
  readonly #admission: Admission
  readonly #receiving: Receiving
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
    this.#admission = new Admission(local, settings.gate, settings.limits)
    this.#receiving = new Receiving(local, settings.notifications, settings.limits, (peer, change, why) =>
      this.#report(peer, change, why)
    )
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
      const onOpen = ({ detail }: CustomEvent<Connection>) => void run(peer.#letGo(detail))
      yield* Effect.acquireRelease(
        Effect.sync(() => node.addEventListener("connection:open", onOpen)),
        () => Effect.sync(() => node.removeEventListener("connection:open", onOpen))
      )
      return peer
    })
  }

  /** Ends a connection on which nobody has said hello in time: strangers must not hold the places of peers. */
  #letGo(connection: Connection): Effect.Effect<void> {
    return Effect.andThen(
      // Twice: who has opened its stream in time may take as long again for its hello, and hears why it is refused.
      Effect.sleep(2 * this.#settings.limits.helloTimeoutMs),
      Effect.suspend(() => {
        if (this.#links.carriesSession(connection) || connection.status !== "open") return Effect.void
        connection.abort(new Error("no session"))
        return Metric.update(Metrics.refused, 1)
      })
    )
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
            return Effect.forEach(peers, (peer) => this.#links.send(peer, frame), { discard: true })
          })
        ),
      request: (protocol, peer, bytes, options) =>
        Effect.suspend(() => {
          const { ownShare } = local
          return Requests.request(this.#links.requestLink(peer), ownShare, protocol, peer, bytes, options)
        }),
      serve: (protocol, handler) => this.#serve(protocol, handler),
      report: (peer, change, why) => this.#report(peer, change, why),
      reputation: (peer) => Effect.sync(() => local.reputation(peer))
    }
  }

  /** Dials an address for ever: again when the session ends, later and later while nobody answers. */
  keepDialling(address: Multiaddr): Effect.Effect<never> {
    const session = (connection: Connection) =>
      Effect.flatMap(
        Effect.tryPromise({
          try: (signal) => connection.newStream(sessionProtocol, { signal }),
          catch: (cause) => new SessionEnded({ why: causeText(cause) })
        }),
        (stream) => this.#session(stream, connection)
      )
    const dialler: Dialling.Dialler = {
      node: this.#node,
      limits: this.#settings.limits,
      nowMs: () => this.#local.nowMs,
      goneOf: (peer) => this.#links.of(peer)?.gone,
      goneAt: (at) => this.#links.goneAt(at),
      session
    }
    return Dialling.keepDialling(dialler, address)
  }

  /** A session from hello to its end. */
  #session(stream: Libp2pStream, connection: Connection): Effect.Effect<void, SessionEnded> {
    const { limits } = this.#settings
    const id = connection.remotePeer.toString()
    const wire = new SessionStream(stream, id)
    // A connection without a session is of no use to anybody, and a place for somebody else.
    const end = Effect.promise(async () => {
      const signal = AbortSignal.timeout(500)
      await wire.close(signal)
      if (!this.#links.carriesSession(connection))
        await connection.close({ signal }).catch((cause) => connection.abort(cause))
    })
    const introduction = {
      ...this.#settings,
      self: this.#local.self,
      helloTimeoutMs: limits.helloTimeoutMs
    }

    const live = Effect.gen({ self: this }, function* () {
      const peer = yield* greet(wire, introduction)
      const held = this.#links.of(id)?.sessions.size ?? 0
      const rejection = this.#admission.rejection(peer, connection, held)
      if (rejection !== undefined) return yield* wire.refuse(rejection)
      wire.allow(this.#receiving.maxFrameBytes(peer))
      const session: Session = {
        connection,
        outbox: yield* Outbox.make({ frames: limits.outboundPerPeer, bytes: limits.outboundBytesPerPeer })
      }
      const writing = Effect.forever(session.outbox.writeNext(wire.write))
      const reading = Effect.forever(
        Effect.andThen(
          this.#receiving.pace(peer),
          Effect.flatMap(wire.read, (frame) => this.#receiving.onFrame(id, frame))
        )
      )
      let why = "the connection was cut"
      return yield* Effect.acquireUseRelease(
        this.#join(peer, session),
        () =>
          Effect.tapError(Effect.raceFirst(reading, writing), (ended) =>
            Effect.sync(() => {
              why = ended.why
            })
          ),
        () => this.#leave(id, session, why)
      )
    })
    return Effect.ensuring(live, end)
  }

  #join(peer: Peer, session: Session): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { connection, outbox } = session
      this.#admission.seat(peer, connection)
      if (!View.equals(this.#local.view, View.empty)) outbox.offer(Frames.viewFrame(this.#local.view))
      if (!this.#links.join(peer, session)) return Effect.void
      return Effect.andThen(
        this.#local.connect(peer),
        Effect.logInfo(
          `connected with peer ${peer.id}`,
          peer.authority === undefined ? {} : { authority: peer.authority }
        )
      )
    })
  }

  #leave(id: PeerId, session: Session, why: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const link = this.#links.leave(id, session)
      if (link === undefined) return Effect.void
      this.#admission.leave(id)
      Deferred.doneUnsafe(link.gone, Effect.void)
      return Effect.andThen(
        this.#local.disconnect(id),
        Effect.logInfo(`disconnected from peer ${id}: ${why}`)
      )
    })
  }

  #setView(view: View.View): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (View.equals(this.#local.view, view)) return Effect.void
      this.#local.view = view
      const frame = Frames.viewFrame(view)
      return Effect.forEach(this.#links.peers, (peer) => this.#links.send(peer, frame), { discard: true })
    })
  }

  #serve(protocol: RequestProtocol, handler: RequestHandler): Effect.Effect<void, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      const server = yield* this.#local.serve(protocol, handler)
      const { requestReadTimeoutMs } = this.#settings.limits
      const onStream = (stream: Libp2pStream, connection: Connection) => {
        const peer = this.#local.connected.get(connection.remotePeer.toString())
        if (peer === undefined) return stream.abort(new Error("say hello first"))
        const block = ConnectionGate.blockOf(connection.remoteAddr)
        const { admitted, floods } = this.#local.admit(server, { peer, block })
        if (admitted._tag === "Ticket") {
          return void this.#run(Requests.answer(server, admitted, stream, requestReadTimeoutMs))
        }
        this.#run(Requests.refuse(server, admitted, stream))
        if (floods) {
          this.#run(this.#report(peer.id, Reputation.changes.flood, "asks on although it is refused"))
        }
      }
      yield* Effect.acquireRelease(
        Effect.promise(() =>
          this.#node.handle(protocol.name, onStream, {
            maxInboundStreams: Requests.streamsOf(protocol),
            force: true
          })
        ),
        () => Effect.promise(() => this.#node.unhandle(protocol.name))
      )
    })
  }

  #report(peer: PeerId, change: number, why: string): Effect.Effect<void> {
    return Effect.flatMap(this.#local.report(peer, change, why), (isBanned) =>
      isBanned
        ? Effect.sync(() => {
            for (const { connection } of this.#links.of(peer)?.sessions ?? []) {
              connection.abort(new Error("its reputation is too low"))
            }
          })
        : Effect.void
    )
  }
}
