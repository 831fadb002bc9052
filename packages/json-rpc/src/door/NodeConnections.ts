/**
 * Who has a place at a door. A connection waits until a request of it is let in, is served until the answer is out, and
 * waits again; those that wait give way to newcomers, those that are served do not.
 */
import type { Socket } from "node:net"
import type { Limits } from "../Door.ts"

/** What happened, for metrics. */
export interface Watch {
  readonly onCount: (connections: number) => void
  readonly onCrowded: () => void
}

export interface Connections {
  /** A connection came in. */
  readonly add: (socket: Socket) => void
  /** A request, or a WebSocket, of it is served from now on; `false` if there is no room. */
  readonly enter: (socket: Socket) => boolean
  /** It is not served any more. */
  readonly leave: (socket: Socket) => void
}

interface Address {
  served: number
  /** Those that wait, oldest first. */
  readonly waiting: Set<Socket>
}

export const makeConnections = (limits: Limits, watch: Watch): Connections => {
  const addresses = new Map<string, Address>()
  const open = new Map<Socket, { readonly name: string; readonly address: Address; served: number }>()
  let served = 0
  let waiting = 0

  const addressOf = (name: string): Address => {
    let address = addresses.get(name)
    if (address === undefined) {
      address = { served: 0, waiting: new Set() }
      addresses.set(name, address)
    }
    return address
  }
  const wait = (socket: Socket, address: Address) => {
    address.waiting.add(socket)
    waiting++
    if (waiting <= limits.waiting) return
    let crowd = address
    for (const other of addresses.values()) if (other.waiting.size > crowd.waiting.size) crowd = other
    const [oldest] = crowd.waiting
    if (oldest === undefined) return
    noLongerWaits(oldest, crowd)
    watch.onCrowded()
    oldest.destroy()
  }
  const noLongerWaits = (socket: Socket, address: Address) => {
    if (address.waiting.delete(socket)) waiting--
  }
  const end = (socket: Socket) => {
    const one = open.get(socket)
    if (one === undefined) return
    open.delete(socket)
    noLongerWaits(socket, one.address)
    if (one.served > 0) {
      one.address.served--
      served--
    }
    if (one.address.served === 0 && one.address.waiting.size === 0) addresses.delete(one.name)
    watch.onCount(open.size)
  }
  return {
    add: (socket) => {
      const name = socket.remoteAddress ?? ""
      const address = addressOf(name)
      open.set(socket, { name, address, served: 0 })
      socket.once("close", () => end(socket))
      watch.onCount(open.size)
      wait(socket, address)
    },
    enter: (socket) => {
      const one = open.get(socket)
      if (one === undefined) return false
      if (one.served === 0) {
        if (served >= limits.connections || one.address.served >= limits.connectionsPerAddress) {
          watch.onCrowded()
          return false
        }
        served++
        one.address.served++
        noLongerWaits(socket, one.address)
      }
      one.served++
      return true
    },
    leave: (socket) => {
      const one = open.get(socket)
      if (one === undefined || one.served === 0) return
      one.served--
      if (one.served > 0) return
      served--
      one.address.served--
      wait(socket, one.address)
    }
  }
}
