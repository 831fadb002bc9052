/**
 * One peer of a network in memory.
 */
import type { ValidatorId } from "@ephor/types"
import { type Clock, Deferred, Effect, Exit, Metric, Option, Scope, Stream } from "effect"
import type { Limits, Transmission } from "../MemoryNetwork.ts"
import * as Metrics from "../Metrics.ts"
import type { NetworkEvent, Peer, PeerId, RequestHandler, RequestOptions, Service } from "../Network.ts"
import {
  AlreadyServed,
  NetworkError,
  type NetworkErrorReason,
  NotConnected,
  NotServed,
  RequestTimeout,
  TooLarge
} from "../NetworkError.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as View from "../View.ts"
import { Inbox } from "./Inbox.ts"
import { type Answer, RequestServer } from "./RequestServer.ts"

/** What a peer asks of the hub. */
export interface Wires {
  readonly find: (id: PeerId) => MemoryPeer | undefined
  readonly connect: (one: MemoryPeer, other: MemoryPeer) => Effect.Effect<void>
  readonly transmit: (transmission: Transmission, deliver: Effect.Effect<void>) => Effect.Effect<void>
}

type Pending = Deferred.Deferred<Uint8Array, NetworkErrorReason>

export class MemoryPeer {
  readonly peer: Peer
  readonly connected = new Set<PeerId>()
  readonly #limits: Limits
  readonly #clock: Clock.Clock
  readonly #scope: Scope.Scope
  readonly #wires: Wires
  readonly #inboxes = new Set<Inbox>()
  readonly #servers = new Map<string, RequestServer>()
  readonly #pending = new Map<PeerId, Set<Pending>>()
  readonly #views = new Map<PeerId, View.View>()
  readonly #reputations = new Map<PeerId, Reputation.Reputation>()
  #view = View.empty
  #droppedBefore = 0

  constructor(peer: Peer, limits: Limits, clock: Clock.Clock, scope: Scope.Scope, wires: Wires) {
    this.peer = peer
    this.#limits = limits
    this.#clock = clock
    this.#scope = scope
    this.#wires = wires
  }

  get service(): Service {
    return {
      self: this.peer.id,
      peers: Effect.sync(() => this.#peers()),
      peerOf: (authority) => Effect.sync(() => this.#peerOf(authority)),
      events: this.#events(undefined),
      eventsOf: (protocol) => this.#events(protocol.name),
      setView: (view) => this.#setView(view),
      notify: (protocol, peers, bytes) => this.#notify(protocol, peers, bytes),
      request: (protocol, peer, bytes, options) => this.#request(protocol, peer, bytes, options),
      serve: (protocol, handler) => this.#serve(protocol, handler),
      report: (peer, change, why) => this.#report(peer, change, why),
      reputation: (peer) => Effect.sync(() => this.#reputation(peer))
    }
  }

  /** Notifications that subscribers lost, those that have left included. */
  get dropped(): number {
    return [...this.#inboxes].reduce((sum, inbox) => sum + inbox.dropped, this.#droppedBefore)
  }

  refuses(peer: PeerId): boolean {
    return Reputation.isBanned(this.#reputations.get(peer) ?? Reputation.unknown, this.#now(), this.#limits)
  }

  /** Tells our subscribers of a new connection, and the other side what we work on. */
  greet(other: MemoryPeer): Effect.Effect<void> {
    const connected = this.#emit({
      _tag: "PeerConnected",
      peer: other.peer.id,
      authority: other.peer.authority
    })
    return View.equals(this.#view, View.empty)
      ? connected
      : Effect.andThen(connected, this.#send(other, "view", 0, other.#onView(this.peer.id, this.#view)))
  }

  /** Ends the connection on both sides. */
  disconnect(other: MemoryPeer | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (other === undefined || !this.connected.has(other.peer.id)) return Effect.void
      return Effect.andThen(this.#lose(other.peer.id), other.#lose(this.peer.id))
    })
  }

  #lose(id: PeerId): Effect.Effect<void> {
    this.connected.delete(id)
    this.#views.delete(id)
    for (const pending of this.#pending.get(id) ?? []) {
      Deferred.doneUnsafe(pending, Effect.fail(new NotConnected({ peer: id })))
    }
    this.#pending.delete(id)
    return this.#emit({ _tag: "PeerDisconnected", peer: id })
  }

  #now(): number {
    return this.#clock.currentTimeMillisUnsafe()
  }

  #peers(): ReadonlyArray<Peer> {
    return [...this.connected].sort().flatMap((id) => this.#wires.find(id)?.peer ?? [])
  }

  #peerOf(authority: ValidatorId): Option.Option<Peer> {
    return Option.fromUndefinedOr(this.#peers().find((peer) => peer.authority === authority))
  }

  #emit(event: NetworkEvent): Effect.Effect<void> {
    return Effect.forEach([...this.#inboxes], (inbox) => inbox.push(event), { discard: true })
  }

  #events(protocol: string | undefined): Stream.Stream<NetworkEvent> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const inbox = yield* Inbox.make(this.#limits.inboundPerPeer, protocol)
        for (const { authority, id } of this.#peers()) {
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

  /** Delivery happens only if the two are still connected when it arrives. */
  #send(
    other: MemoryPeer,
    what: Transmission["what"],
    bytes: number,
    deliver: Effect.Effect<void>
  ): Effect.Effect<void> {
    const arrive = Effect.suspend(() => (other.connected.has(this.peer.id) ? deliver : Effect.void))
    return this.#wires.transmit({ from: this.peer.id, to: other.peer.id, what, bytes }, arrive)
  }

  #setView(view: View.View): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (View.equals(this.#view, view)) return Effect.void
      this.#view = view
      const others = this.#peers().flatMap(({ id }) => this.#wires.find(id) ?? [])
      return Effect.forEach(
        others,
        (other) => this.#send(other, "view", 0, other.#onView(this.peer.id, view)),
        {
          discard: true
        }
      )
    })
  }

  #onView(from: PeerId, view: View.View): Effect.Effect<void> {
    return Effect.suspend(() => {
      const wrong = View.violation(view, this.#views.get(from))
      if (wrong !== undefined) return this.#report(from, Reputation.changes.major, `bad view: ${wrong}`)
      this.#views.set(from, view)
      return this.#emit({ _tag: "PeerViewChange", peer: from, view })
    })
  }

  #notify(
    protocol: NotificationProtocol,
    peers: ReadonlyArray<PeerId>,
    bytes: Uint8Array
  ): Effect.Effect<void, NetworkError> {
    return Effect.suspend(() => {
      const { maxBytes, name } = protocol
      if (bytes.length > maxBytes) {
        const reason = new TooLarge({ what: "notification", bytes: bytes.length, maxBytes })
        return Effect.fail(new NetworkError({ operation: `notify ${name}`, reason }))
      }
      const received = Metric.update(Metric.withAttributes(Metrics.notifications, { protocol: name }), 1)
      const event: NetworkEvent = { _tag: "PeerMessage", peer: this.peer.id, protocol: name, bytes }
      return Effect.forEach(
        peers.flatMap((id) => (this.connected.has(id) ? (this.#wires.find(id) ?? []) : [])),
        (other) =>
          this.#send(other, "notification", bytes.length, Effect.andThen(received, other.#emit(event))),
        { discard: true }
      )
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
    return this.#ask(protocol, peer, bytes).pipe(
      Effect.timeoutOrElse({
        duration: timeoutMs,
        orElse: () => Effect.fail(new RequestTimeout({ peer, timeoutMs }))
      }),
      Effect.filterOrFail(
        (answer) => answer.length <= maxBytes,
        (answer) => new TooLarge({ what: "response", bytes: answer.length, maxBytes })
      ),
      Effect.mapError((reason) => new NetworkError({ operation: `request ${protocol.name}`, reason })),
      Effect.withSpan("Network.request", { attributes: { protocol: protocol.name, peer } })
    )
  }

  #ask(
    protocol: RequestProtocol,
    peer: PeerId,
    bytes: Uint8Array
  ): Effect.Effect<Uint8Array, NetworkErrorReason> {
    return Effect.suspend(() => {
      const other = this.connected.has(peer) ? this.#wires.find(peer) : undefined
      if (other === undefined) return Effect.fail(new NotConnected({ peer }))
      const { maxBytes } = protocol
      if (bytes.length > maxBytes) {
        return Effect.fail(new TooLarge({ what: "request", bytes: bytes.length, maxBytes }))
      }
      const pending: Pending = Deferred.makeUnsafe()
      const all = this.#pending.get(peer) ?? new Set()
      this.#pending.set(peer, all.add(pending))
      const reply = (answer: Answer) =>
        other.#send(
          this,
          "response",
          Exit.isSuccess(answer) ? answer.value.length : 0,
          Effect.sync(() => Deferred.doneUnsafe(pending, answer))
        )
      const arrive = Effect.suspend(() => {
        const server = other.#servers.get(protocol.name)
        return server === undefined
          ? reply(Exit.fail(new NotServed({ peer })))
          : server.accept(this.peer, bytes, reply)
      })
      return Effect.andThen(this.#send(other, "request", bytes.length, arrive), Deferred.await(pending)).pipe(
        Effect.ensuring(Effect.sync(() => all.delete(pending)))
      )
    })
  }

  #serve(protocol: RequestProtocol, handler: RequestHandler): Effect.Effect<void, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      if (this.#servers.has(protocol.name)) {
        return yield* new NetworkError({ operation: `serve ${protocol.name}`, reason: new AlreadyServed() })
      }
      const scope = yield* Effect.scope
      this.#servers.set(protocol.name, new RequestServer(this.peer.id, protocol, handler, scope))
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#servers.delete(protocol.name)))
    })
  }

  #reputation(peer: PeerId): number {
    return Reputation.valueAt(this.#reputations.get(peer) ?? Reputation.unknown, this.#now(), this.#limits)
  }

  #report(peer: PeerId, change: number, why: string): Effect.Effect<void> {
    return Effect.suspend(() => {
      const before = this.#reputations.get(peer) ?? Reputation.unknown
      const after = Reputation.change(before, change, this.#now(), this.#limits)
      this.#reputations.set(peer, after)
      if (!Reputation.isBanned(after, this.#now(), this.#limits)) return Effect.void
      const other = this.#wires.find(peer)
      if (other === undefined || !this.connected.has(peer)) return Effect.void
      return Effect.gen({ self: this }, function* () {
        yield* Metric.update(Metrics.banned, 1)
        yield* Effect.logInfo(`peer ${peer} is refused from now on: ${why}`)
        yield* this.disconnect(other)
        yield* Effect.forkIn(this.#pardon(peer), this.#scope)
      })
    })
  }

  /** Lets the peer come back when its reputation has recovered, however often it fell meanwhile. */
  #pardon(peer: PeerId): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (this.refuses(peer)) {
        const remainingMs = Reputation.banRemainingMs(this.#reputations.get(peer)!, this.#now(), this.#limits)
        if (remainingMs === Number.POSITIVE_INFINITY) return
        yield* Effect.sleep(Math.max(1000, remainingMs))
      }
      const other = this.#wires.find(peer)
      if (other !== undefined) yield* this.#wires.connect(this, other)
    })
  }
}
