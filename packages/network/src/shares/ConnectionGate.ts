/**
 * Who may come in before anything is proved. Sockets and encrypted connections wait in one room until they say hello;
 * those of peers that were validators before are neither held to the rate of newcomers nor sent away for them.
 */
import type { MultiaddrConnection } from "@libp2p/interface"
import type { Multiaddr } from "@multiformats/multiaddr"
import { Effect, Metric } from "effect"
import * as Metrics from "../Metrics.ts"
import type { PeerId } from "../Network.ts"
import { addressBlock } from "./AddressBlock.ts"
import { Rates } from "./Rates.ts"
import { WaitingRoom } from "./WaitingRoom.ts"

/** Bounds before hello. */
export interface GateLimits {
  readonly maxPendingConnections: number
  readonly pendingPerBlock: number
  readonly newPeersPerSecond: number
}

/** Names of validators that are remembered: a validator may have had several in its life. */
const maxRecognised = 4096

/** A connection's own name: the address and port at the other end. */
const nameOf = (address: Multiaddr): string => address.toString().replace(/\/p2p\/.*$/, "")

const crowdedOut = (count: number): void => {
  if (count > 0) Effect.runSync(Metric.update(Metrics.crowdedOut, count))
}

/** Who may come in before anything is known of it. */
export class ConnectionGate {
  readonly #room: WaitingRoom
  readonly #newPeers: Rates<string>
  readonly #recognised = new Set<PeerId>()
  readonly #nowMs: () => number

  constructor(limits: GateLimits, nowMs: () => number) {
    this.#room = new WaitingRoom({ total: limits.maxPendingConnections, perBlock: limits.pendingPerBlock })
    this.#newPeers = new Rates(limits.newPeersPerSecond)
    this.#nowMs = nowMs
  }

  /** The block of a connection's other end. */
  static blockOf(address: Multiaddr): string {
    const host = address.getComponents().find(({ name }) => name === "ip4" || name === "ip6")?.value
    return addressBlock(host ?? nameOf(address))
  }

  /** A socket has come in. Answers whether it is to be refused: never, others go for it. */
  enter(connection: MultiaddrConnection): boolean {
    const name = nameOf(connection.remoteAddr)
    const leave = () => connection.abort(new Error("others wait for this place"))
    connection.addEventListener("close", () => this.#room.exit(name), { once: true })
    crowdedOut(this.#room.enter(name, ConnectionGate.blockOf(connection.remoteAddr), leave))
    return false
  }

  /** The other end has shown which peer it is. Answers whether it is to be refused. */
  identify(peer: PeerId, { remoteAddr }: MultiaddrConnection): boolean {
    if (this.#recognised.has(peer)) {
      this.#room.know(nameOf(remoteAddr))
      return false
    }
    const isTooFast = !this.#newPeers.take(ConnectionGate.blockOf(remoteAddr), this.#nowMs())
    if (isTooFast) crowdedOut(1)
    return isTooFast
  }

  /** The peer of this connection has said hello, and has a place. */
  seated({ remoteAddr }: { readonly remoteAddr: Multiaddr }): void {
    this.#room.exit(nameOf(remoteAddr))
  }

  /** A peer has proved to be a validator. */
  recognise(peer: PeerId): void {
    this.#recognised.delete(peer)
    this.#recognised.add(peer)
    for (const oldest of this.#recognised) {
      if (this.#recognised.size <= maxRecognised) break
      this.#recognised.delete(oldest)
    }
  }
}
