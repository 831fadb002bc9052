/**
 * PoV distribution: validators say which proofs of validity they wait for, and who gets one gives it to those who do.
 *
 * Proofs beyond the notification limit of the network are not sent this way; they are fetched from a backer. (The first
 * implementation, autumn 2020; today requests to backers have its place, and come first here, too.)
 */
import { Deferred, Effect, type Layer, Metric, Result, Stream } from "effect"
import { RuntimeApi } from "@ephor/chain"
import { Network, Protocol, View } from "@ephor/network"
import {
  type DistributePoV,
  type FetchPoV,
  Overseer,
  PoVDistribution,
  Signal,
  Subsystem
} from "@ephor/overseer"
import { EarlyPoVDistributionMessage, type Hash, type PoV, povHash, Scale } from "@ephor/types"
import { Recent } from "./internal/Recent.ts"
import * as Metrics from "./Metrics.ts"
import * as PoVKnowledge from "./PoVKnowledge.ts"

/** Limits of PoV distribution; wishes are limited by the number of validators (`PoVKnowledge.fetchLimit`). */
export interface Limits {
  /** Leaves we have left whose late proofs cost nothing. */
  readonly recentHeads: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { recentHeads: 32 }

type Waiter = Deferred.Deferred<PoV>

interface Peer {
  view: View.View
  /** Proofs that the peer waits for, by relay parent. */
  readonly waits: Map<Hash, Set<Hash>>
}

interface State {
  readonly runtime: RuntimeApi.Service
  readonly network: Network.Service
  readonly heads: Map<Hash, PoVKnowledge.Head<Waiter>>
  readonly left: Recent<Hash>
  readonly peers: Map<Network.PeerId, Peer>
}

const decode = Scale.decodeResult(EarlyPoVDistributionMessage)
const encode = Scale.encode(EarlyPoVDistributionMessage)

const judge = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.PeerId,
  conduct: PoVKnowledge.Conduct
) {
  yield* Metric.update(Metrics.conduct(conduct), 1)
  yield* network.report(peer, PoVKnowledge.changes[conduct], `proof of validity: ${conduct}`)
})

const transmit = (
  { network }: State,
  peers: ReadonlyArray<Network.PeerId>,
  message: EarlyPoVDistributionMessage
) =>
  network
    .notify(Protocol.povDistribution, peers, encode(message))
    .pipe(Effect.catch((error) => Effect.logDebug("a proof of validity was not sent", error.message)))

const working = ({ peers }: State, relayParent: Hash) =>
  [...peers].filter(([, { view }]) => View.contains(view, relayParent)).map(([id]) => id)

/** A proof is here: those who waited get it, we and our peers. */
const take = Effect.fnUntraced(function* (
  state: State,
  head: PoVKnowledge.Head<Waiter>,
  relayParent: Hash,
  hash: Hash,
  pov: PoV
) {
  for (const waiter of PoVKnowledge.take(head, hash, pov)) yield* Deferred.succeed(waiter, pov)
  const waiting = [...state.peers].filter(([, { waits }]) => waits.get(relayParent)?.delete(hash))
  if (waiting.length === 0) return
  const peers = waiting.map(([id]) => id)
  yield* transmit(state, peers, { _tag: "SendPoV", value: [relayParent, hash, pov] })
})

const distribute = (state: State, { descriptor, pov, relayParent }: DistributePoV) =>
  Effect.suspend(() => {
    const head = state.heads.get(relayParent)
    return head === undefined ? Effect.void : take(state, head, relayParent, descriptor.povHash, pov)
  })

const fetch = Effect.fnUntraced(function* (state: State, { descriptor, relayParent, reply }: FetchPoV) {
  const head = state.heads.get(relayParent)
  if (head === undefined) return
  const wish = PoVKnowledge.fetch(head, descriptor.povHash, reply)
  if (wish._tag === "Known") yield* Deferred.succeed(reply, wish.pov)
  if (wish._tag !== "Ask") return
  yield* transmit(state, working(state, relayParent), {
    _tag: "Awaiting",
    value: [relayParent, [descriptor.povHash]]
  })
})

const onAwaiting = Effect.fnUntraced(function* (
  state: State,
  id: Network.PeerId,
  relayParent: Hash,
  hashes: ReadonlyArray<Hash>
) {
  const head = state.heads.get(relayParent)
  const peer = state.peers.get(id)
  if (peer === undefined) return
  if (head === undefined || !View.contains(peer.view, relayParent)) {
    return state.left.has(relayParent) ? undefined : yield* judge(state, id, "unexpected")
  }
  const waits = peer.waits.get(relayParent) ?? new Set()
  peer.waits.set(relayParent, waits)
  const here = PoVKnowledge.awaitedBy(head, waits, hashes)
  if (here === "flood") return yield* judge(state, id, "flood")
  for (const hash of here) {
    yield* transmit(state, [id], { _tag: "SendPoV", value: [relayParent, hash, head.known.get(hash)!] })
  }
})

const onPoV = Effect.fnUntraced(function* (
  state: State,
  id: Network.PeerId,
  relayParent: Hash,
  claimed: Hash,
  pov: PoV
) {
  const head = state.heads.get(relayParent)
  if (head === undefined && state.left.has(relayParent)) return
  const conduct = PoVKnowledge.judge(head, claimed, povHash(pov))
  yield* judge(state, id, conduct)
  if (head !== undefined && conduct === "first") yield* take(state, head, relayParent, claimed, pov)
})

const onBytes = (state: State, id: Network.PeerId, bytes: Uint8Array) => {
  const message = decode(bytes)
  if (Result.isFailure(message)) return judge(state, id, "unrequested")
  return message.success._tag === "Awaiting"
    ? onAwaiting(state, id, ...message.success.value)
    : onPoV(state, id, ...message.success.value)
}

const onView = (state: State, id: Network.PeerId, view: View.View) =>
  Effect.suspend(() => {
    const peer = state.peers.get(id) ?? { view: View.empty, waits: new Map() }
    const added = View.added(peer.view, view)
    for (const gone of View.removed(peer.view, view)) peer.waits.delete(gone)
    peer.view = view
    state.peers.set(id, peer)
    return Effect.forEach(
      added,
      (relayParent) => {
        const head = state.heads.get(relayParent)
        const hashes = head === undefined ? [] : PoVKnowledge.awaited(head)
        return hashes.length === 0
          ? Effect.void
          : transmit(state, [id], { _tag: "Awaiting", value: [relayParent, hashes] })
      },
      { discard: true }
    )
  })

const onEvent = (state: State, event: Network.NetworkEvent): Effect.Effect<void> => {
  switch (event._tag) {
    case "PeerConnected":
      return Effect.sync(() => void state.peers.set(event.peer, { view: View.empty, waits: new Map() }))
    case "PeerDisconnected":
      return Effect.sync(() => void state.peers.delete(event.peer))
    case "PeerViewChange":
      return onView(state, event.peer, event.view)
    case "PeerMessage":
      return onBytes(state, event.peer, event.bytes)
  }
}

const start = Effect.fnUntraced(
  function* (state: State, relayParent: Hash) {
    const validators = yield* state.runtime.validators(relayParent)
    state.heads.set(relayParent, PoVKnowledge.makeHead(validators.length))
  },
  Effect.catchTag("RuntimeApiError", (error) =>
    Effect.logWarning("no proofs of validity at this leaf", error.message)
  )
)

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      runtime: yield* RuntimeApi.RuntimeApi,
      network: yield* Network.Network,
      heads: new Map(),
      left: new Recent(limits.recentHeads),
      peers: new Map()
    }
    const events = state.network.eventsOf(Protocol.povDistribution)
    yield* Subsystem.spawn(Stream.runForEach(events, (event) => onEvent(state, event)))
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) if (state.heads.delete(hash)) state.left.add(hash)
          if (activated !== null) yield* start(state, activated.hash)
        }),
        BlockFinalized: () => Effect.void,
        Conclude: () => Effect.void
      }),
      message: PoVDistribution.match({
        FetchPoV: (message) => fetch(state, message),
        DistributePoV: (message) => distribute(state, message)
      })
    }
  })

/** Everything PoV distribution needs to run. */
export type Requirements = PoVDistribution | Overseer.Overseer | RuntimeApi.RuntimeApi | Network.Network

/** Distributes proofs of validity among peers. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  PoVDistribution.toLayer(make({ ...defaults, ...options }))
