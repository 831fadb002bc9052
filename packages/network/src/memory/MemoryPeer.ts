/**
 * One peer of a network in memory.
 */
import { type Clock, Deferred, Effect, Exit, Scope } from "effect"
import type { Limits, Transmission } from "../MemoryNetwork.ts"
import type { Peer, PeerId, RequestOptions, Service } from "../Network.ts"
import {
  NetworkError,
  type NetworkErrorReason,
  NotConnected,
  NotServed,
  RequestTimeout,
  TooLarge
} from "../NetworkError.ts"
import * as Protocol from "../Protocol.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as View from "../View.ts"
import type { Validators } from "../Role.ts"
import { LocalPeer } from "../peer/LocalPeer.ts"
import type { Answer } from "../peer/RequestServer.ts"

/** What a peer asks of the hub. */
export interface Wires {
  readonly find: (id: PeerId) => MemoryPeer | undefined
  readonly connect: (one: MemoryPeer, other: MemoryPeer) => Effect.Effect<void>
  readonly transmit: (transmission: Transmission, deliver: Effect.Effect<void>) => Effect.Effect<void>
}

/** What is taken of a protocol is the word of who takes it, as it is over a real network. */
const known = new Map(
  Protocol.all.flatMap((one) => (one._tag === "Notification" ? [[one.name, one] as const] : []))
)

type Pending = Deferred.Deferred<Uint8Array, NetworkErrorReason>

export class MemoryPeer {
  readonly peer: Peer
  readonly local: LocalPeer
  readonly #scope: Scope.Scope
  readonly #wires: Wires
  readonly #pending = new Map<PeerId, Set<Pending>>()

  constructor(
    peer: Peer,
    limits: Limits,
    validators: Validators,
    clock: Clock.Clock,
    scope: Scope.Scope,
    wires: Wires
  ) {
    this.peer = peer
    this.local = new LocalPeer(peer, limits, clock, validators)
    this.#scope = scope
    this.#wires = wires
  }

  get service(): Service {
    const { local } = this
    return {
      self: this.peer.id,
      peers: Effect.sync(() => local.peers),
      peerOf: (authority) => Effect.sync(() => local.peerOf(authority)),
      events: local.events(),
      eventsOf: (protocol) => local.events(protocol.name),
      setView: (view) => this.#setView(view),
      notify: (protocol, peers, bytes) => this.#notify(protocol, peers, bytes),
      request: (protocol, peer, bytes, options) => this.#request(protocol, peer, bytes, options),
      serve: (protocol, handler) => Effect.asVoid(local.serve(protocol, handler)),
      report: (peer, change, why) => this.#report(peer, change, why),
      reputation: (peer) => Effect.sync(() => local.reputation(peer))
    }
  }

  /** Tells our subscribers of a new connection, and the other side what we work on. */
  greet(other: MemoryPeer): Effect.Effect<void> {
    const connected = this.local.connect(other.peer)
    return View.equals(this.local.view, View.empty)
      ? connected
      : Effect.andThen(connected, this.#send(other, "view", 0, other.#onView(this.peer.id, this.local.view)))
  }

  /** Ends the connection on both sides. */
  disconnect(other: MemoryPeer | undefined): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (other === undefined || !this.local.connected.has(other.peer.id)) return Effect.void
      return Effect.andThen(this.#lose(other.peer.id), other.#lose(this.peer.id))
    })
  }

  #lose(id: PeerId): Effect.Effect<void> {
    for (const pending of this.#pending.get(id) ?? []) {
      Deferred.doneUnsafe(pending, Effect.fail(new NotConnected({ peer: id })))
    }
    this.#pending.delete(id)
    return this.local.disconnect(id)
  }

  /** Delivery happens only if the two are still connected when it arrives. */
  #send(
    other: MemoryPeer,
    what: Transmission["what"],
    bytes: number,
    deliver: Effect.Effect<void>
  ): Effect.Effect<void> {
    const arrive = Effect.suspend(() => (other.local.connected.has(this.peer.id) ? deliver : Effect.void))
    return this.#wires.transmit({ from: this.peer.id, to: other.peer.id, what, bytes }, arrive)
  }

  #connected(ids: Iterable<PeerId>): ReadonlyArray<MemoryPeer> {
    return [...ids].flatMap((id) => (this.local.connected.has(id) ? (this.#wires.find(id) ?? []) : []))
  }

  #setView(view: View.View): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (View.equals(this.local.view, view)) return Effect.void
      this.local.view = view
      return Effect.forEach(
        this.#connected(this.local.peers.map(({ id }) => id)),
        (other) => this.#send(other, "view", 0, other.#onView(this.peer.id, view)),
        { discard: true }
      )
    })
  }

  #onView(from: PeerId, view: View.View): Effect.Effect<void> {
    return Effect.flatMap(this.local.onView(from, view), (wrong) =>
      wrong === undefined ? Effect.void : this.#report(from, Reputation.changes.major, wrong)
    )
  }

  #onNotification(from: PeerId, protocol: NotificationProtocol, bytes: Uint8Array): Effect.Effect<void> {
    const taken = this.local.onNotification(from, known.get(protocol.name) ?? protocol, bytes)
    return Effect.flatMap(taken, (wrong) =>
      wrong === undefined ? Effect.void : this.#report(from, Reputation.changes.minor, wrong)
    )
  }

  #notify(
    protocol: NotificationProtocol,
    peers: ReadonlyArray<PeerId>,
    bytes: Uint8Array
  ): Effect.Effect<void, NetworkError> {
    return Effect.andThen(
      this.local.checkNotification(protocol, bytes),
      Effect.suspend(() =>
        Effect.forEach(
          this.#connected(peers),
          (other) =>
            this.#send(
              other,
              "notification",
              bytes.length,
              other.#onNotification(this.peer.id, protocol, bytes)
            ),
          { discard: true }
        )
      )
    )
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
    return this.local.ownShare.within(protocol, peer, this.#ask(protocol, peer, bytes)).pipe(
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
      const other = this.#connected([peer])[0]
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
        const server = other.local.serverOf(protocol.name)
        if (server === undefined) return reply(Exit.fail(new NotServed({ peer })))
        // Who shares a process shares no address: each peer is a block of its own.
        const { admitted, floods } = other.local.admit(server, { peer: this.peer, block: this.peer.id })
        if (admitted._tag === "Ticket") return admitted.handle(bytes, reply)
        const refused = server.answer(reply, Exit.fail(admitted))
        return floods ? Effect.andThen(refused, other.#onFlood(this.peer.id)) : refused
      })
      return Effect.andThen(this.#send(other, "request", bytes.length, arrive), Deferred.await(pending)).pipe(
        Effect.ensuring(Effect.sync(() => all.delete(pending)))
      )
    })
  }

  #onFlood(peer: PeerId): Effect.Effect<void> {
    return this.#report(peer, Reputation.changes.flood, "asks on although it is refused")
  }

  #report(peer: PeerId, change: number, why: string): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      if (!(yield* this.local.report(peer, change, why))) return
      yield* this.disconnect(this.#wires.find(peer))
      yield* Effect.forkIn(this.#pardon(peer), this.#scope)
    })
  }

  /** Lets the peer come back when its reputation has recovered, however often it fell meanwhile. */
  #pardon(peer: PeerId): Effect.Effect<void> {
    return Effect.gen({ self: this }, function* () {
      while (this.local.refuses(peer)) {
        const remainingMs = this.local.banRemainingMs(peer)
        if (remainingMs === Number.POSITIVE_INFINITY) return
        yield* Effect.sleep(Math.max(1000, remainingMs))
      }
      const other = this.#wires.find(peer)
      if (other !== undefined) yield* this.#wires.connect(this, other)
    })
  }
}
