/**
 * Who is connected, and over which sessions.
 */
import type { Connection } from "@libp2p/interface"
import type { Multiaddr } from "@multiformats/multiaddr"
import { Deferred, Effect, Metric } from "effect"
import * as Metrics from "../Metrics.ts"
import type { Peer, PeerId } from "../Network.ts"
import type { Outbox } from "../shares/Outbox.ts"
import type { RequestLink } from "./Requests.ts"

/** A session with a peer. */
export interface Session {
  readonly connection: Connection
  readonly outbox: Outbox
}

/** Everything that belongs to a connected peer. */
export interface Link {
  readonly peer: Peer
  readonly sessions: Set<Session>
  /** Done when the last session has ended. */
  readonly gone: Deferred.Deferred<void>
}

/** See the head of the file. */
export class Links {
  readonly #links = new Map<PeerId, Link>()

  /** All connected peers. */
  get peers(): ReadonlyArray<PeerId> {
    return [...this.#links.keys()]
  }

  of(peer: PeerId): Link | undefined {
    return this.#links.get(peer)
  }

  carriesSession(connection: Connection): boolean {
    const sessions = this.#links.get(connection.remotePeer.toString())?.sessions ?? []
    return [...sessions].some((session) => session.connection === connection)
  }

  /** Done when we are no longer connected with whom we reach at an address. */
  goneAt(address: Multiaddr): Deferred.Deferred<void> | undefined {
    return [...this.#links.values()].find(({ sessions }) =>
      [...sessions].some(({ connection }) => connection.remoteAddr.equals(address))
    )?.gone
  }

  /** Adds a session; tells whether it is the first one with this peer. */
  join(peer: Peer, session: Session): boolean {
    const link = this.#links.get(peer.id)
    link?.sessions.add(session)
    if (link !== undefined) return false
    this.#links.set(peer.id, { peer, sessions: new Set([session]), gone: Deferred.makeUnsafe() })
    return true
  }

  /** Takes a session away; returns the link if that was the last one: `gone` is the caller's to complete. */
  leave(id: PeerId, session: Session): Link | undefined {
    const link = this.#links.get(id)
    link?.sessions.delete(session)
    if (link === undefined || link.sessions.size > 0) return undefined
    this.#links.delete(id)
    return link
  }

  /** Sends a frame; it is dropped where too much waits, or nobody is there. */
  send(peer: PeerId, frame: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => {
      const session = this.#firstOf(peer)
      return session === undefined || session.outbox.offer(frame)
        ? Effect.void
        : Metric.update(Metrics.outboundDropped, 1)
    })
  }

  /** A peer as far as a request needs it. */
  requestLink(peer: PeerId): RequestLink | undefined {
    const link = this.#links.get(peer)
    const session = this.#firstOf(peer)
    return link === undefined || session === undefined
      ? undefined
      : { connection: session.connection, gone: link.gone }
  }

  #firstOf(peer: PeerId): Session | undefined {
    return this.#links.get(peer)?.sessions.values().next().value
  }
}
