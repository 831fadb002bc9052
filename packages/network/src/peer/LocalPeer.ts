/**
 * Our side of a network, whatever carries it: who is connected, what they work on, who listens to what happens, whose
 * requests are served, and what peers are worth to us.
 */
import type { ValidatorId } from "@ephor/types"
import { type Clock, Effect, Metric, Option, Scope, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { NetworkEvent, Peer, PeerId, RequestHandler } from "../Network.ts"
import { AlreadyServed, NetworkError, TooLarge } from "../NetworkError.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as View from "../View.ts"
import { Inbox } from "./Inbox.ts"
import { RequestServer } from "./RequestServer.ts"

/** What is kept for peers. */
export interface LocalLimits extends Reputation.ReputationLimits {
  readonly inboundPerPeer: number
}

export class LocalPeer {
  readonly self: PeerId
  readonly connected = new Map<PeerId, Peer>()
  view = View.empty
  readonly #limits: LocalLimits
  readonly #clock: Clock.Clock
  readonly #inboxes = new Set<Inbox>()
  readonly #servers = new Map<string, RequestServer>()
  readonly #views = new Map<PeerId, View.View>()
  readonly #reputations = new Map<PeerId, Reputation.Reputation>()
  #droppedBefore = 0

  constructor(self: PeerId, limits: LocalLimits, clock: Clock.Clock) {
    this.self = self
    this.#limits = limits
    this.#clock = clock
  }

  /** Notifications that subscribers lost, those that have left included. */
  get dropped(): number {
    return [...this.#inboxes].reduce((sum, inbox) => sum + inbox.dropped, this.#droppedBefore)
  }

  get nowMs(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  get peers(): ReadonlyArray<Peer> {
    return [...this.connected.values()].sort((one, other) => (one.id < other.id ? -1 : 1))
  }

  peerOf(authority: ValidatorId): Option.Option<Peer> {
    return Option.fromUndefinedOr(this.peers.find((peer) => peer.authority === authority))
  }

  connect(peer: Peer): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.connected.set(peer.id, peer)
      return this.emit({ _tag: "PeerConnected", peer: peer.id, authority: peer.authority })
    })
  }

  disconnect(peer: PeerId): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (!this.connected.delete(peer)) return Effect.void
      this.#views.delete(peer)
      return this.emit({ _tag: "PeerDisconnected", peer })
    })
  }

  emit(event: NetworkEvent): Effect.Effect<void> {
    return Effect.forEach([...this.#inboxes], (inbox) => inbox.push(event), { discard: true })
  }

  events(protocol?: string): Stream.Stream<NetworkEvent> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const inbox = yield* Inbox.make(this.#limits.inboundPerPeer, protocol)
        for (const { authority, id } of this.peers) {
          yield* inbox.push({ _tag: "PeerConnected", peer: id, authority })
          const view = this.#views.get(id)
          if (view !== undefined) yield* inbox.push({ _tag: "PeerViewChange", peer: id, view })
        }
        this.#inboxes.add(inbox)
        yield* Effect.addFinalizer(() =>
          Effect.sync(() => {
            this.#inboxes.delete(inbox)
            this.#droppedBefore += inbox.dropped
          })
        )
        return inbox.stream
      })
    )
  }

  /** Takes the view of a peer; what is wrong with it, or nothing. */
  onView(from: PeerId, view: View.View): Effect.Effect<string | undefined> {
    return Effect.suspend(() => {
      const wrong = View.violation(view, this.#views.get(from))
      if (wrong !== undefined) return Effect.succeed(`bad view: ${wrong}`)
      this.#views.set(from, view)
      return Effect.as(this.emit({ _tag: "PeerViewChange", peer: from, view }), undefined)
    })
  }

  /** Takes a notification of a peer. */
  onNotification(from: PeerId, protocol: string, bytes: Uint8Array): Effect.Effect<void> {
    const received = Metric.update(Metric.withAttributes(Metrics.notifications, { protocol }), 1)
    return Effect.andThen(received, this.emit({ _tag: "PeerMessage", peer: from, protocol, bytes }))
  }

  /** Fails for a notification that is too long to be sent. */
  checkNotification(
    { maxBytes, name }: NotificationProtocol,
    bytes: Uint8Array
  ): Effect.Effect<void, NetworkError> {
    if (bytes.length <= maxBytes) return Effect.void
    const reason = new TooLarge({ what: "notification", bytes: bytes.length, maxBytes })
    return Effect.fail(new NetworkError({ operation: `notify ${name}`, reason }))
  }

  serve(
    protocol: RequestProtocol,
    handler: RequestHandler
  ): Effect.Effect<RequestServer, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      if (this.#servers.has(protocol.name)) {
        return yield* new NetworkError({ operation: `serve ${protocol.name}`, reason: new AlreadyServed() })
      }
      const server = new RequestServer(this.self, protocol, handler, yield* Effect.scope)
      this.#servers.set(protocol.name, server)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#servers.delete(protocol.name)))
      return server
    })
  }

  serverOf(protocol: string): RequestServer | undefined {
    return this.#servers.get(protocol)
  }

  reputation(peer: PeerId): number {
    return Reputation.valueAt(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  refuses(peer: PeerId): boolean {
    return Reputation.isBanned(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  banRemainingMs(peer: PeerId): number {
    return Reputation.banRemainingMs(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  /** Changes a reputation; true if a connected peer is to be disconnected for it. */
  report(peer: PeerId, by: number, why: string): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      this.#reputations.set(peer, Reputation.change(this.#reputationOf(peer), by, this.nowMs, this.#limits))
      if (!this.refuses(peer) || !this.connected.has(peer)) return Effect.succeed(false)
      return Metric.update(Metrics.banned, 1).pipe(
        Effect.andThen(Effect.logInfo(`peer ${peer} is refused from now on: ${why}`)),
        Effect.as(true)
      )
    })
  }

  #reputationOf(peer: PeerId): Reputation.Reputation {
    return this.#reputations.get(peer) ?? Reputation.unknown
  }
}
