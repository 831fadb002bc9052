/**
 * PoV distribution: validators say which proofs of validity they wait for, and who gets one gives it to those who do.
 *
 * Proofs beyond the notification limit of the network are not sent this way; they are fetched from a backer. (The first
 * implementation, autumn 2020; today requests to backers have its place, and come first here, too.)
 */
import { Deferred, Effect, type Layer, Result } from "effect"
import { RuntimeApi } from "@ephor/chain"
import { type Network, Protocol } from "@ephor/network"
import { type DistributePoV, type FetchPoV, Overseer, PoVDistribution, Signal } from "@ephor/overseer"
import { EarlyPoVDistributionMessage, type Hash, type PoV, povHash, Scale } from "@ephor/types"
import * as Gossip from "./statements/Gossip.ts"
import * as PoVKnowledge from "./PoVKnowledge.ts"

/** Limits of PoV distribution; wishes are limited by the number of validators (`PoVKnowledge.fetchLimit`). */
export interface Limits {
  /** Leaves we have left whose late proofs cost nothing. */
  readonly recentHeads: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { recentHeads: 32 }

type Waiter = Deferred.Deferred<PoV>

/** What the subsystem knows while it runs; of peers, which proofs they wait for. */
interface State {
  readonly runtime: RuntimeApi.Service
  readonly gossip: Gossip.Gossip<PoVKnowledge.Head<Waiter>, Set<Hash>>
}

const decode = Scale.decodeResult(EarlyPoVDistributionMessage)
const encode = Scale.encode(EarlyPoVDistributionMessage)

const judge = ({ gossip }: State, peer: Network.PeerId, conduct: PoVKnowledge.Conduct) =>
  Gossip.judge(gossip, peer, conduct, PoVKnowledge.changes[conduct])

const transmit = (
  { gossip }: State,
  peers: ReadonlyArray<Network.PeerId>,
  message: EarlyPoVDistributionMessage
) => Gossip.transmit(gossip, Protocol.povDistribution, peers, encode(message))

/** A proof is here: those who waited get it, we and our peers. */
const take = Effect.fnUntraced(function* (
  state: State,
  head: PoVKnowledge.Head<Waiter>,
  relayParent: Hash,
  hash: Hash,
  pov: PoV
) {
  for (const waiter of PoVKnowledge.take(head, hash, pov)) yield* Deferred.succeed(waiter, pov)
  const { gossip } = state
  const peers = Gossip.working(gossip, relayParent).filter((peer) =>
    Gossip.knownOf(gossip, peer, relayParent)?.delete(hash)
  )
  if (peers.length === 0) return
  yield* transmit(state, peers, { _tag: "SendPoV", value: [relayParent, hash, pov] })
})

const distribute = (state: State, { descriptor, pov, relayParent }: DistributePoV) =>
  Effect.suspend(() => {
    const head = state.gossip.heads.get(relayParent)
    return head === undefined ? Effect.void : take(state, head, relayParent, descriptor.povHash, pov)
  })

const fetch = Effect.fnUntraced(function* (state: State, { descriptor, relayParent, reply }: FetchPoV) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined) return
  const wish = PoVKnowledge.fetch(head, descriptor.povHash, reply)
  if (wish._tag === "Known") yield* Deferred.succeed(reply, wish.pov)
  if (wish._tag !== "Ask") return
  yield* transmit(state, Gossip.working(state.gossip, relayParent), {
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
  const head = state.gossip.heads.get(relayParent)
  const waits = Gossip.knownOf(state.gossip, id, relayParent)
  if (head === undefined || waits === undefined) {
    return state.gossip.left.has(relayParent) ? undefined : yield* judge(state, id, "unexpected")
  }
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
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined && state.gossip.left.has(relayParent)) return
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

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      runtime: yield* RuntimeApi.RuntimeApi,
      gossip: yield* Gossip.make<PoVKnowledge.Head<Waiter>, Set<Hash>>(
        "proof of validity",
        limits.recentHeads
      )
    }
    const onLeaves = yield* Gossip.run(state.gossip, Protocol.povDistribution, {
      enter: (relayParent) =>
        Effect.map(state.runtime.validators(relayParent), ({ length }) => PoVKnowledge.makeHead(length)),
      meet: () => new Set(),
      greet: (peer, relayParent, head) => {
        const hashes = PoVKnowledge.awaited(head)
        return hashes.length === 0
          ? Effect.void
          : transmit(state, [peer], { _tag: "Awaiting", value: [relayParent, hashes] })
      },
      receive: (peer, bytes) => onBytes(state, peer, bytes)
    })
    return {
      signal: Signal.match({
        ActiveLeaves: onLeaves,
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
