/**
 * A network inside of one process, of the same shape as the real one: for development networks, tests and simulation.
 * Everybody who joins is connected with everybody else; delivery is in order on each link, and, without weather, at once.
 */
import { Elapsed, type ValidatorId } from "@ephor/types"
import { Clock, Context, Effect, Layer, Queue, Scope } from "effect"
import { MemoryPeer } from "./memory/MemoryPeer.ts"
import { Network, type Peer, type PeerId, type Service as NetworkService } from "./Network.ts"
import { NetworkError, PeerTaken } from "./NetworkError.ts"
import * as Reputation from "./Reputation.ts"
import type { Validators } from "./Role.ts"

/** What a node keeps for its peers. */
export interface Limits extends Reputation.ReputationLimits {
  /** Notifications of one peer that a subscriber may leave unread; further ones are dropped and counted. */
  readonly inboundPerPeer: number
  /** Their bytes. */
  readonly inboundBytesPerPeer: number
  /** Requests of one peer per second that are refused without cost; who asks on is a flood. */
  readonly refusedPerSecond: number
  /** Peers whose reputation is remembered; the one that changed longest ago is forgotten first. */
  readonly maxReputations: number
}

/** Limits where nothing else is said. */
export const defaults: Limits = {
  ...Reputation.defaults,
  inboundPerPeer: 512,
  inboundBytesPerPeer: 8 * 1024 * 1024,
  refusedPerSecond: 16,
  maxReputations: 4096
}

/** Something that travels from one peer to another. */
export interface Transmission {
  readonly from: PeerId
  readonly to: PeerId
  readonly what: "notification" | "view" | "request" | "response"
  readonly bytes: number
}

/** What becomes of it: lost, or late. Order on a link is kept, as over one stream. */
export interface Fate {
  readonly lost: boolean
  readonly delayMs: number
}

/** Decides the fate of every transmission: the place where a simulation puts delay, loss and slow peers. */
export type Weather = (transmission: Transmission) => Effect.Effect<Fate>

/** How the network behaves. */
export interface Options {
  readonly limits?: Partial<Limits> | undefined
  readonly weather?: Weather | undefined
  /** The validators that the chain names. Default: whoever joins with a key is one. */
  readonly validators?: ReadonlyArray<ValidatorId> | undefined
}

/** Shape of the hub that peers join. */
export interface Service {
  /** A new peer, until the scope closes. */
  readonly join: (peer: Peer) => Effect.Effect<NetworkService, NetworkError, Scope.Scope>
  /** Cuts or mends the link between two peers, whoever joined first. */
  readonly setLink: (one: PeerId, other: PeerId, up: boolean) => Effect.Effect<void>
  /** Notifications that this peer's subscribers lost because they were behind. */
  readonly dropped: (peer: PeerId) => Effect.Effect<number>
}

/** The hub of a network in memory. */
export class MemoryNetwork extends Context.Service<MemoryNetwork, Service>()(
  "@ephor/network/MemoryNetwork"
) {}

/** A hub without peers. */
export const layer = (options: Options = {}): Layer.Layer<MemoryNetwork> =>
  Layer.effect(
    MemoryNetwork,
    Effect.gen(function* () {
      const hub = new Hub(
        { ...defaults, ...options.limits },
        options.weather,
        options.validators && new Set(options.validators),
        yield* Clock.Clock,
        yield* Effect.scope
      )
      return MemoryNetwork.of({
        join: (peer) => hub.join(peer),
        setLink: (one, other, up) => hub.setLink(one, other, up),
        dropped: (peer) => Effect.sync(() => hub.peers.get(peer)?.local.dropped ?? 0)
      })
    })
  )

/** The network as the named peer sees it. A name that is taken fails with `PeerTaken`. */
export const layerPeer = (options: {
  readonly peer: PeerId
  readonly authority?: ValidatorId | undefined
}): Layer.Layer<Network, NetworkError, MemoryNetwork> =>
  Layer.effect(
    Network,
    Effect.flatMap(MemoryNetwork, (hub) =>
      hub.join(
        options.authority === undefined
          ? { id: options.peer }
          : { id: options.peer, authority: options.authority }
      )
    )
  )

/** A network of one hub and one peer, where nothing else is to be said. */
export const layerAlone: Layer.Layer<Network> = layerPeer({ peer: "alone" }).pipe(
  Layer.provide(layer()),
  Layer.orDie
)

interface Parcel {
  readonly dueMs: number
  readonly deliver: Effect.Effect<void>
}

/** All peers and the links between them. */
class Hub {
  readonly peers = new Map<PeerId, MemoryPeer>()
  readonly #limits: Limits
  readonly #weather: Weather | undefined
  readonly #validators: Validators
  readonly #clock: Clock.Clock
  readonly #scope: Scope.Scope
  readonly #cut = new Set<string>()
  readonly #links = new Map<string, Queue.Queue<Parcel>>()

  constructor(
    limits: Limits,
    weather: Weather | undefined,
    validators: Validators,
    clock: Clock.Clock,
    scope: Scope.Scope
  ) {
    this.#limits = limits
    this.#weather = weather
    this.#validators = validators
    this.#clock = clock
    this.#scope = scope
  }

  join(peer: Peer): Effect.Effect<NetworkService, NetworkError, Scope.Scope> {
    return Effect.gen({ self: this }, function* () {
      if (this.peers.has(peer.id)) {
        const reason = new PeerTaken({ peer: peer.id })
        return yield* new NetworkError({ operation: "MemoryNetwork.join", reason })
      }
      const scope = yield* Effect.scope
      const mine = new MemoryPeer(peer, this.#limits, this.#validators, this.#clock, scope, {
        find: (id) => this.peers.get(id),
        connect: (one, other) => this.#connect(one, other),
        transmit: (transmission, deliver) => this.#transmit(transmission, deliver)
      })
      this.peers.set(peer.id, mine)
      yield* Effect.addFinalizer(() => {
        this.peers.delete(peer.id)
        return Effect.forEach([...mine.local.connected.keys()], (id) => mine.disconnect(this.peers.get(id)), {
          discard: true
        })
      })
      for (const other of this.#sorted()) yield* this.#connect(mine, other)
      return mine.service
    })
  }

  setLink(one: PeerId, other: PeerId, up: boolean): Effect.Effect<void> {
    return Effect.suspend(() => {
      const [a, b] = [this.peers.get(one), this.peers.get(other)]
      if (!up) this.#cut.add(linkOf(one, other))
      else this.#cut.delete(linkOf(one, other))
      if (a === undefined || b === undefined) return Effect.void
      return up ? this.#connect(a, b) : a.disconnect(b)
    })
  }

  #sorted(): ReadonlyArray<MemoryPeer> {
    return [...this.peers.values()].sort((a, b) => (a.peer.id < b.peer.id ? -1 : 1))
  }

  /** Connects two peers unless the link is cut or one refuses the other. */
  #connect(one: MemoryPeer, other: MemoryPeer): Effect.Effect<void> {
    return Effect.suspend(() => {
      if (
        one === other ||
        one.local.connected.has(other.peer.id) ||
        this.#cut.has(linkOf(one.peer.id, other.peer.id))
      ) {
        return Effect.void
      }
      if (one.local.refuses(other.peer.id) || other.local.refuses(one.peer.id)) return Effect.void
      // Both sides know before either says hello, so that nothing of the greeting is dropped.
      one.local.connected.set(other.peer.id, other.peer)
      other.local.connected.set(one.peer.id, one.peer)
      return Effect.andThen(one.greet(other), other.greet(one))
    })
  }

  #transmit(transmission: Transmission, deliver: Effect.Effect<void>): Effect.Effect<void> {
    if (this.#weather === undefined) return deliver
    return Effect.gen({ self: this }, function* () {
      const { delayMs, lost } = yield* this.#weather!(transmission)
      if (lost) return
      const link = yield* this.#link(transmission.from, transmission.to)
      yield* Queue.offer(link, { dueMs: Elapsed.msOf(this.#clock) + delayMs, deliver })
    })
  }

  /** One direction of a link: parcels arrive in the order in which they left, none before it is due. */
  #link(from: PeerId, to: PeerId): Effect.Effect<Queue.Queue<Parcel>> {
    return Effect.suspend(() => {
      const key = JSON.stringify([from, to])
      const known = this.#links.get(key)
      if (known !== undefined) return Effect.succeed(known)
      return Effect.gen({ self: this }, function* () {
        const queue = yield* Queue.unbounded<Parcel>()
        this.#links.set(key, queue)
        const carry = Effect.flatMap(Queue.take(queue), ({ deliver, dueMs }) =>
          Effect.andThen(Effect.sleep(Math.max(0, dueMs - Elapsed.msOf(this.#clock))), deliver)
        )
        yield* Effect.forkIn(Effect.forever(carry), this.#scope)
        return queue
      })
    })
  }
}

const linkOf = (one: PeerId, other: PeerId): string => JSON.stringify([one, other].sort())
