/**
 * Which of the peers that said hello are taken: validators that are known by name and peers that we dial always, the others
 * while there are places for them.
 */
import type { Connection } from "@libp2p/interface"
import type { LocalPeer } from "../peer/LocalPeer.ts"
import type { Peer, PeerId } from "../Network.ts"
import * as Role from "../Role.ts"
import { ConnectionGate } from "../shares/ConnectionGate.ts"
import { type PlaceLimits, Places } from "../shares/Places.ts"

/** Bounds of sessions. */
export interface AdmissionLimits extends PlaceLimits {
  readonly sessionsPerPeer: number
}

/** Who is taken, of those whose hello holds. */
export class Admission {
  readonly #local: LocalPeer
  readonly #gate: ConnectionGate
  readonly #limits: AdmissionLimits
  readonly #places: Places

  constructor(local: LocalPeer, gate: ConnectionGate, limits: AdmissionLimits) {
    this.#local = local
    this.#gate = gate
    this.#limits = limits
    this.#places = new Places(limits)
  }

  /** Whether a peer takes none of the places of the others: a validator known by name, or whom the operator has us dial. */
  #isReserved(peer: Peer, { direction }: Connection): boolean {
    return direction === "outbound" || Role.isReserved(peer, this.#local.validators)
  }

  /** Why a peer that has so many sessions already is not taken, in words for both sides; nothing, if it is. */
  rejection(peer: Peer, connection: Connection, sessions: number): string | undefined {
    const { authority, id } = peer
    if (id === this.#local.self) return "this is ourselves"
    const isRefused = this.#local.refuses(id) || (authority !== undefined && this.#local.refuses(authority))
    if (isRefused) return "its reputation is too low"
    if (sessions >= this.#limits.sessionsPerPeer) return "it has enough sessions"
    const holder = authority === undefined ? undefined : this.#local.peerOf(authority)
    if (holder?._tag === "Some" && holder.value.id !== id) {
      return `validator ${authority} is connected as ${holder.value.id}`
    }
    if (this.#isReserved(peer, connection)) return undefined
    return this.#places.refusal(id, ConnectionGate.blockOf(connection.remoteAddr))
  }

  /** A peer has been taken. */
  seat(peer: Peer, connection: Connection): void {
    this.#gate.seated(connection)
    if (Role.isReserved(peer, this.#local.validators)) this.#gate.recognise(peer.id)
    if (this.#isReserved(peer, connection)) return
    this.#places.take(peer.id, ConnectionGate.blockOf(connection.remoteAddr))
  }

  /** A peer has left. */
  leave(peer: PeerId): void {
    this.#places.leave(peer)
  }
}
