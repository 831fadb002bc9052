/**
 * What the distributions of statements, bitfields and proofs share: the heads that we work on, the peers with theirs, and
 * one loop over what the network tells.
 */
import { Effect, Metric, Stream } from "effect"
import type { RuntimeApi } from "@ephor/chain"
import { Network, type Protocol, View } from "@ephor/network"
import { Signal, Subsystem } from "@ephor/overseer"
import type { Hash } from "@ephor/types"
import * as Metrics from "../Metrics.ts"
import { Recent } from "../shared/Recent.ts"

/** A peer: what is known of it, by head of its view. */
interface Peer<Known> {
  view: View.View
  readonly known: Map<Hash, Known>
}

/** What a distribution knows while it runs. */
export interface Gossip<Head, Known> {
  readonly network: Network.Service
  /** What is carried, in words. */
  readonly what: string
  readonly heads: Map<Hash, Head>
  /** Heads that we have left: what comes late may have crossed with our change of view. */
  readonly left: Recent<Hash>
  readonly peers: Map<Network.PeerId, Peer<Known>>
}

/** How one distribution differs from the others. */
export interface Rules<Head, Known, R> {
  /** What to remember of a head. */
  readonly enter: (relayParent: Hash) => Effect.Effect<Head, RuntimeApi.RuntimeApiError>
  /** What to remember of a peer at a head of its view. */
  readonly meet: () => Known
  /** A peer came to a head on which we work. */
  readonly greet: (
    peer: Network.PeerId,
    relayParent: Hash,
    head: Head,
    known: Known
  ) => Effect.Effect<void, never, R>
  readonly receive: (peer: Network.PeerId, bytes: Uint8Array) => Effect.Effect<void, never, R>
}

/** No heads and no peers. */
export const make = <Head, Known>(
  what: string,
  recentHeads: number
): Effect.Effect<Gossip<Head, Known>, never, Network.Network> =>
  Effect.map(Network.Network, (network) => ({
    network,
    what,
    heads: new Map(),
    left: new Recent(recentHeads),
    peers: new Map()
  }))

/** Peers that work on a head. */
export const working = <Head, Known>({ peers }: Gossip<Head, Known>, relayParent: Hash) =>
  [...peers].flatMap(([id, { known }]) => (known.has(relayParent) ? [id] : []))

/** What is known of a peer at a head of its view. */
export const knownOf = <Head, Known>(
  { peers }: Gossip<Head, Known>,
  peer: Network.PeerId,
  relayParent: Hash
): Known | undefined => peers.get(peer)?.known.get(relayParent)

/** Sends to peers; what cannot be sent is lost, as it would be on the way. */
export const transmit = <Head, Known>(
  { network, what }: Gossip<Head, Known>,
  protocol: Protocol.NotificationProtocol,
  peers: ReadonlyArray<Network.PeerId>,
  bytes: Uint8Array
) =>
  network
    .notify(protocol, peers, bytes)
    .pipe(Effect.catch((error) => Effect.logDebug(`a ${what} was not sent`, error.message)))

/** Counts what a peer did, and lets its reputation feel it. */
export const judge = Effect.fnUntraced(function* <Head, Known>(
  { network, what }: Gossip<Head, Known>,
  peer: Network.PeerId,
  conduct: string,
  change: number
) {
  yield* Metric.update(Metrics.conduct(conduct), 1)
  yield* network.report(peer, change, `${what}: ${conduct}`)
})

const onView = Effect.fnUntraced(function* <Head, Known, R>(
  { heads, peers }: Gossip<Head, Known>,
  rules: Rules<Head, Known, R>,
  id: Network.PeerId,
  view: View.View
) {
  const peer = peers.get(id) ?? { view: View.empty, known: new Map<Hash, Known>() }
  peers.set(id, peer)
  const previous = peer.view
  peer.view = view
  for (const hash of View.removed(previous, view)) peer.known.delete(hash)
  for (const hash of View.added(previous, view)) {
    const known = rules.meet()
    peer.known.set(hash, known)
    const head = heads.get(hash)
    if (head !== undefined) yield* rules.greet(id, hash, head, known)
  }
})

const onEvent = <Head, Known, R>(
  gossip: Gossip<Head, Known>,
  rules: Rules<Head, Known, R>,
  event: Network.NetworkEvent
): Effect.Effect<void, never, R> => {
  switch (event._tag) {
    case "PeerConnected":
      return Effect.sync(() => void gossip.peers.set(event.peer, { view: View.empty, known: new Map() }))
    case "PeerDisconnected":
      return Effect.sync(() => void gossip.peers.delete(event.peer))
    case "PeerViewChange":
      return onView(gossip, rules, event.peer, event.view)
    case "PeerMessage":
      return rules.receive(event.peer, event.bytes)
  }
}

/** Starts the loop over the network; gives what to do when the leaves change. */
export const run = Effect.fnUntraced(function* <Head, Known, R>(
  gossip: Gossip<Head, Known>,
  protocol: Protocol.NotificationProtocol,
  rules: Rules<Head, Known, R>
) {
  const { heads, left, network, what } = gossip
  const events = network.eventsOf(protocol)
  yield* Subsystem.spawn(Stream.runForEach(events, (event) => onEvent(gossip, rules, event)))
  return Effect.fnUntraced(function* ({ activated, deactivated }: Signal.ActiveLeaves) {
    for (const hash of deactivated) if (heads.delete(hash)) left.add(hash)
    if (activated === null) return
    yield* rules.enter(activated.hash).pipe(
      Effect.map((head) => void heads.set(activated.hash, head)),
      Effect.catchTag("RuntimeApiError", (error) =>
        Effect.logWarning(`no ${what} at this leaf`, error.message)
      )
    )
  })
})
