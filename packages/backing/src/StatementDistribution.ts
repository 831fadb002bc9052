/**
 * Statement distribution: carries signed statements between validators, each only to those who can use it.
 *
 * Signatures are checked before anything is remembered, `Seconded` travels before the votes on its candidate,
 * and peers that send what they should not lose reputation. A candidate that is too long to be sent is announced, and
 * fetched from whoever announced it. This subsystem also tells peers which leaves we work on. (Overseer protocol, "Statement Distribution Message"; rules of Polkadot, autumn 2020.)
 */
import { Effect, type Layer, Semaphore } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { type Network, Protocol, View } from "@ephor/network"
import {
  type CandidateBacking,
  type Overseer,
  type PeerStatement,
  type ShareStatement,
  Signal,
  StatementDistribution
} from "@ephor/overseer"
import type { CandidateHash, Hash } from "@ephor/types"
import * as Awaited from "./statements/Awaited.ts"
import { type Head, messageOf, type State, toStored, transmit } from "./statements/Distribution.ts"
import * as Gossip from "./statements/Gossip.ts"
import * as LargeCandidates from "./statements/LargeCandidates.ts"
import { onBytes, receive } from "./statements/Reception.ts"
import { sessionAt } from "./shared/Session.ts"
import * as StatementKnowledge from "./StatementKnowledge.ts"

/** Limits of statement distribution. */
export interface Limits extends StatementKnowledge.Limits, LargeCandidates.Limits {
  /** Leaves we have left whose late statements cost nothing: they may have crossed with our change of view. */
  readonly recentHeads: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  ...StatementKnowledge.defaults,
  ...LargeCandidates.defaults,
  recentHeads: 32
}

const announceView = (state: State) =>
  Effect.suspend(() => {
    const { heads, network } = state.gossip
    return network.setView(View.make([...heads.keys()].toReversed(), state.finalizedNumber))
  })

/** Tells every peer that works on this head what it lacks about a candidate, and may have. */
const circulate = (state: State, head: Head, candidateHash: CandidateHash) =>
  Effect.forEach(
    Gossip.working(state.gossip, head.relayParent),
    (peer) => {
      const known = Gossip.knownOf(state.gossip, peer, head.relayParent)
      if (known === undefined) return Effect.void
      return transmit(state, peer, StatementKnowledge.sendable(head.knowledge, known, candidateHash))
    },
    { discard: true }
  )

const share = Effect.fnUntraced(function* (state: State, { relayParent, statement }: ShareStatement) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined) return
  const stored = toStored(statement, messageOf(state.large, relayParent, statement))
  if (StatementKnowledge.store(head.knowledge, stored) !== "Fresh") return
  yield* circulate(state, head, stored.candidateHash)
})

const enter = Effect.fnUntraced(function* ({ keystore, limits, runtime }: State, relayParent: Hash) {
  const session = yield* sessionAt(runtime, keystore, relayParent)
  const head: Head = {
    relayParent,
    session,
    knowledge: StatementKnowledge.makeHead(session.validators.length, limits),
    awaited: Awaited.make()
  }
  return head
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const gossip = yield* Gossip.make<Head, StatementKnowledge.PeerKnowledge>("statement", limits.recentHeads)
    const state: State = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      gossip,
      large: LargeCandidates.make(limits),
      fetchLarge: LargeCandidates.fetch(gossip.network, Semaphore.makeUnsafe(limits.largeFetches)),
      finalizedNumber: 0
    }
    // One distribution per network: nobody else serves this.
    yield* Effect.orDie(LargeCandidates.serve(gossip.network, state.large))
    const onLeaves = yield* Gossip.run(state.gossip, Protocol.statement, {
      enter: (relayParent) => enter(state, relayParent),
      meet: StatementKnowledge.makePeer,
      greet: (peer, _, head, known) =>
        transmit(state, peer, StatementKnowledge.sendable(head.knowledge, known)),
      receive: (peer, bytes) => onBytes(state, peer, bytes)
    })
    return {
      signal: Signal.match({
        ActiveLeaves: (leaves) => Effect.andThen(onLeaves(leaves), announceView(state)),
        BlockFinalized: ({ number }) => {
          state.finalizedNumber = Math.max(state.finalizedNumber, number)
          return announceView(state)
        },
        Conclude: () => Effect.void
      }),
      message: StatementDistribution.match({
        Share: (message) => share(state, message),
        Peer: ({ peer, relayParent, statement }: PeerStatement) =>
          receive(state, peer, { relayParent, statement }, messageOf(state.large, relayParent, statement))
      })
    }
  })

/** Everything statement distribution needs to run. */
export type Requirements =
  | StatementDistribution
  | CandidateBacking
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Network.Network

/** Distributes statements among peers. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  StatementDistribution.toLayer(make({ ...defaults, ...options }))
