/**
 * Peers between validators: who is there, what they work on, messages to many, questions to one. Every subsystem that
 * talks to other machines does it through this port.
 */
import type { ValidatorId } from "@ephor/types"
import { Context, type Effect, type Option, type Scope, type Stream } from "effect"
import type { NetworkError, Refusal } from "./NetworkError.ts"
import type { NotificationProtocol, RequestProtocol } from "./Protocol.ts"
import type { View } from "./View.ts"

/** Name of a peer in its network: opaque text. */
export type PeerId = string

/** A connected peer. */
export interface Peer {
  readonly id: PeerId
  /** The authority key that the peer has proved to own. */
  readonly authority?: ValidatorId | undefined
}

/** What happens between us and our peers, in order for each peer. */
export type NetworkEvent =
  | { readonly _tag: "PeerConnected"; readonly peer: PeerId; readonly authority?: ValidatorId | undefined }
  | { readonly _tag: "PeerDisconnected"; readonly peer: PeerId }
  | { readonly _tag: "PeerViewChange"; readonly peer: PeerId; readonly view: View }
  | {
      readonly _tag: "PeerMessage"
      readonly peer: PeerId
      readonly protocol: string
      readonly bytes: Uint8Array
    }

/** Limits of one request, where they differ from those of its protocol. */
export interface RequestOptions {
  readonly timeoutMs?: number | undefined
  readonly maxResponseBytes?: number | undefined
}

/** Answers the requests of a protocol. A failure goes to the peer as a refusal. */
export type RequestHandler = (peer: Peer, bytes: Uint8Array) => Effect.Effect<Uint8Array, Refusal>

/** Shape of a network, as one of its peers sees it. */
export interface Service {
  /** Our own name. */
  readonly self: PeerId
  /** Who is connected, sorted by name. */
  readonly peers: Effect.Effect<ReadonlyArray<Peer>>
  /** The connected peer that has proved to be this authority. */
  readonly peerOf: (authority: ValidatorId) => Effect.Effect<Option.Option<Peer>>
  /**
   * What happens from the moment of subscription on, beginning with who is connected and what they work on. Every
   * subscriber sees everything. Messages beyond the inbound limit of a slow subscriber are dropped and counted.
   */
  readonly events: Stream.Stream<NetworkEvent>
  /** As `events`, but of the messages only those of one protocol. */
  readonly eventsOf: (protocol: NotificationProtocol) => Stream.Stream<NetworkEvent>
  /** Tells every peer what we work on; the same view again is not sent. */
  readonly setView: (view: View) => Effect.Effect<void>
  /** Sends a message to these peers, without waiting and without promise; those not connected are skipped. */
  readonly notify: (
    protocol: NotificationProtocol,
    peers: ReadonlyArray<PeerId>,
    bytes: Uint8Array
  ) => Effect.Effect<void, NetworkError>
  /** Asks one connected peer; nobody is dialled. */
  readonly request: (
    protocol: RequestProtocol,
    peer: PeerId,
    bytes: Uint8Array,
    options?: RequestOptions
  ) => Effect.Effect<Uint8Array, NetworkError>
  /** Answers requests of a protocol until the scope closes; one handler per protocol. */
  readonly serve: (
    protocol: RequestProtocol,
    handler: RequestHandler
  ) => Effect.Effect<void, NetworkError, Scope.Scope>
  /** Changes the reputation of a peer; one that falls below the ban threshold is disconnected until it recovers. */
  readonly report: (peer: PeerId, change: number, why: string) => Effect.Effect<void>
  /** The reputation of a peer now. */
  readonly reputation: (peer: PeerId) => Effect.Effect<number>
}

/** The network that this node is a peer of. */
export class Network extends Context.Service<Network, Service>()("@ephor/network/Network") {}
