/**
 * Our side of a network, whatever carries it: who is connected, what they work on, who listens to what happens, whose
 * requests are served, and what peers are worth to us.
 */
import { Elapsed, type ValidatorId } from "@ephor/types"
import { type Clock, Effect, Metric, Option, Scope, Stream } from "effect"
import * as Metrics from "../Metrics.ts"
import type { NetworkEvent, Peer, PeerId, RequestHandler } from "../Network.ts"
import {
  AlreadyServed,
  NetworkError,
  type NetworkErrorReason,
  NotAllowed,
  TooLarge
} from "../NetworkError.ts"
import type { NotificationProtocol, RequestProtocol } from "../Protocol.ts"
import * as Reputation from "../Reputation.ts"
import * as Role from "../Role.ts"
import { OwnShare } from "../shares/OwnShare.ts"
import { Rates } from "../shares/Rates.ts"
import * as View from "../View.ts"
import { Inbox, type InboxLimits } from "./Inbox.ts"
import { type Asker, RequestServer, type Ticket } from "./RequestServer.ts"

/** What is kept for peers. */
export interface LocalLimits extends Reputation.ReputationLimits, InboxLimits {
  readonly refusedPerSecond: number
  readonly maxReputations: number
}

export class LocalPeer {
  readonly self: PeerId
  readonly connected = new Map<PeerId, Peer>()
  /** Our own requests, so that we keep to our share at others. */
  readonly ownShare = new OwnShare()
  readonly validators: Role.Validators
  view = View.empty
  readonly #own: Peer
  readonly #limits: LocalLimits
  readonly #clock: Clock.Clock
  readonly #inboxes = new Set<Inbox>()
  readonly #servers = new Map<string, RequestServer>()
  readonly #views = new Map<PeerId, View.View>()
  /** By name, and by the key that was proved, of those who have lately earned one; who changes its name keeps its key. */
  readonly #reputations = new Map<string, Reputation.Reputation>()
  readonly #refused: Rates<PeerId>
  #droppedBefore = 0

  constructor(own: Peer, limits: LocalLimits, clock: Clock.Clock, validators: Role.Validators) {
    this.self = own.id
    this.#own = own
    this.#limits = limits
    this.#clock = clock
    this.validators = validators
    this.#refused = new Rates(limits.refusedPerSecond)
  }

  /** Notifications that subscribers lost, those that have left included. */
  get dropped(): number {
    return [...this.#inboxes].reduce((sum, inbox) => sum + inbox.dropped, this.#droppedBefore)
  }

  get nowMs(): number {
    return Elapsed.msOf(this.#clock)
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
      const event = { _tag: "PeerConnected", peer: peer.id, authority: peer.authority } as const
      return Effect.andThen(this.#count(peer, 1), this.emit(event))
    })
  }

  disconnect(peer: PeerId): Effect.Effect<void> {
    return Effect.suspend(() => {
      const known = this.connected.get(peer)
      if (known === undefined) return Effect.void
      this.connected.delete(peer)
      this.#views.delete(peer)
      return Effect.andThen(this.#count(known, -1), this.emit({ _tag: "PeerDisconnected", peer }))
    })
  }

  #count(peer: Peer, by: number): Effect.Effect<void> {
    const role = Role.roleOf(peer, this.validators)
    return Metric.modify(Metric.withAttributes(Metrics.peers, { role }), by)
  }

  emit(event: NetworkEvent): Effect.Effect<void> {
    return Effect.forEach([...this.#inboxes], (inbox) => inbox.push(event), { discard: true })
  }

  events(protocol?: string): Stream.Stream<NetworkEvent> {
    return Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const inbox = yield* Inbox.make(this.#limits, protocol)
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

  /** Takes a notification of a peer; what is wrong with it, or nothing. */
  onNotification(
    from: PeerId,
    { from: speakers, maxBytes, name }: NotificationProtocol,
    bytes: Uint8Array
  ): Effect.Effect<string | undefined> {
    return Effect.suspend(() => {
      const counted = (metric: Metric.Counter<number>) =>
        Metric.update(Metric.withAttributes(metric, { protocol: name }), 1)
      const peer = this.connected.get(from)
      if (peer === undefined || !Role.maySpeak(peer, speakers, this.validators)) {
        return Effect.as(counted(Metrics.notAllowed), `${Role.describe(speakers)} may speak ${name}`)
      }
      if (bytes.length > maxBytes) return Effect.succeed(`a notification of ${bytes.length} bytes`)
      const emitted = this.emit({ _tag: "PeerMessage", peer: from, protocol: name, bytes })
      return Effect.as(Effect.andThen(counted(Metrics.notifications), emitted), undefined)
    })
  }

  /** Fails for a notification that is too long to be sent, or that nobody would take from us. */
  checkNotification(
    { from, maxBytes, name }: NotificationProtocol,
    bytes: Uint8Array
  ): Effect.Effect<void, NetworkError> {
    const fail = (reason: NetworkErrorReason) =>
      Effect.fail(new NetworkError({ operation: `notify ${name}`, reason }))
    if (!Role.maySpeak(this.#own, from, this.validators)) {
      return fail(new NotAllowed({ peer: this.self, speakers: Role.describe(from) }))
    }
    return bytes.length <= maxBytes
      ? Effect.void
      : fail(new TooLarge({ what: "notification", bytes: bytes.length, maxBytes }))
  }

  serve(
    protocol: RequestProtocol,
    handler: RequestHandler
  ): Effect.Effect<RequestServer, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      if (this.#servers.has(protocol.name)) {
        return yield* new NetworkError({ operation: `serve ${protocol.name}`, reason: new AlreadyServed() })
      }
      const server = new RequestServer(
        this.self,
        protocol,
        handler,
        yield* Effect.scope,
        this.validators,
        () => this.nowMs
      )
      this.#servers.set(protocol.name, server)
      yield* Effect.addFinalizer(() => Effect.sync(() => this.#servers.delete(protocol.name)))
      return server
    })
  }

  serverOf(protocol: string): RequestServer | undefined {
    return this.#servers.get(protocol)
  }

  /** Takes a share for a request, or says why there is none; `floods` if the peer does not heed such answers. */
  admit(
    server: RequestServer,
    asker: Asker
  ): { readonly admitted: Ticket | NetworkErrorReason; readonly floods: boolean } {
    const admitted = server.admit(asker)
    const floods = admitted._tag !== "Ticket" && !this.#refused.take(asker.peer.id, this.nowMs)
    return { admitted, floods }
  }

  reputation(peer: PeerId): number {
    return Reputation.valueAt(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  /** Whether a name, or a key that was proved, is banned. */
  refuses(peer: PeerId): boolean {
    return Reputation.isBanned(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  banRemainingMs(peer: PeerId): number {
    return Reputation.banRemainingMs(this.#reputationOf(peer), this.nowMs, this.#limits)
  }

  /** Changes a reputation; true if a connected peer is to be disconnected for it. */
  report(peer: PeerId, by: number, why: string): Effect.Effect<boolean> {
    return Effect.suspend(() => {
      const authority = this.connected.get(peer)?.authority
      for (const name of authority === undefined ? [peer] : [peer, authority]) this.#change(name, by)
      if (!this.refuses(peer) || !this.connected.has(peer)) return Effect.succeed(false)
      return Metric.update(Metrics.banned, 1).pipe(
        Effect.andThen(Effect.logInfo(`peer ${peer} is refused from now on: ${why}`)),
        Effect.as(true)
      )
    })
  }

  #change(name: string, by: number): void {
    const changed = Reputation.change(this.#reputationOf(name), by, this.nowMs, this.#limits)
    this.#reputations.delete(name)
    this.#reputations.set(name, changed)
    for (const oldest of this.#reputations.keys()) {
      if (this.#reputations.size <= this.#limits.maxReputations) break
      this.#reputations.delete(oldest)
    }
  }

  #reputationOf(peer: PeerId): Reputation.Reputation {
    return this.#reputations.get(peer) ?? Reputation.unknown
  }
}
