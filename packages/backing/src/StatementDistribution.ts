/**
 * Statement distribution: carries signed statements between validators, each only to those who can use it.
 *
 * Signatures are checked before anything is remembered, `Seconded` travels before the votes on its candidate,
 * and peers that send what they should not lose reputation. This subsystem also tells peers which leaves we
 * work on. (Overseer protocol, "Statement Distribution Message"; rules of Polkadot, autumn 2020.)
 */
import { Effect, type Layer, Metric, Result, Schema, Stream } from "effect"
import { Keystore, RuntimeApi } from "@ephor/chain"
import { Network, Protocol, Reputation, View } from "@ephor/network"
import {
  CandidateBacking,
  Overseer,
  type PeerStatement,
  type ShareStatement,
  Signal,
  StatementDistribution,
  Subsystem
} from "@ephor/overseer"
import { type CandidateHash, Hash, Scale, SignedFullStatement, toCompact, Wire } from "@ephor/types"
import { Recent } from "./internal/Recent.ts"
import { type Session, sessionAt, verifyFullStatement } from "./internal/session.ts"
import * as Metrics from "./Metrics.ts"
import * as StatementKnowledge from "./StatementKnowledge.ts"

/**
 * What travels: relay parent and statement, as in autumn 2020 (today's network sends the compact form and
 * fetches the rest).
 */
export const StatementMessage = Wire.variants({ Statement: [0, Schema.Tuple([Hash, SignedFullStatement])] })
export type StatementMessage = typeof StatementMessage.Type

/** Limits of statement distribution. */
export interface Limits extends StatementKnowledge.Limits {
  /** Leaves we have left whose late statements cost nothing: they may have crossed with our change of view. */
  readonly recentHeads: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { ...StatementKnowledge.defaults, recentHeads: 32 }

interface Head {
  readonly relayParent: Hash
  readonly session: Session
  readonly knowledge: StatementKnowledge.HeadKnowledge<SignedFullStatement>
}

interface PeerState {
  view: View.View
  readonly heads: Map<Hash, StatementKnowledge.PeerKnowledge>
}

const decode = Scale.decodeResult(StatementMessage)
const encode = Scale.encode(StatementMessage)

const toStored = (statement: SignedFullStatement): StatementKnowledge.Stored<SignedFullStatement> => {
  const compact = toCompact(statement.payload)
  return {
    kind: compact._tag,
    candidateHash: compact.value,
    validatorIndex: statement.validatorIndex,
    signature: statement.signature,
    item: statement
  }
}

/** What the subsystem knows while it runs. */
interface State {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly network: Network.Service
  readonly heads: Map<Hash, Head>
  readonly left: Recent<Hash>
  readonly peers: Map<Network.PeerId, PeerState>
  finalizedNumber: number
}

const announceView = ({ finalizedNumber, heads, network }: State) =>
  network.setView(View.make([...heads.keys()].toReversed(), finalizedNumber))

const transmit = (
  { network }: State,
  { relayParent }: Head,
  peer: Network.PeerId,
  statements: ReadonlyArray<StatementKnowledge.Stored<SignedFullStatement>>
) =>
  Effect.forEach(
    statements,
    ({ item }) =>
      network
        .notify(Protocol.statement, [peer], encode({ _tag: "Statement", value: [relayParent, item] }))
        .pipe(Effect.catch((error) => Effect.logWarning("a statement was not sent", error.message))),
    { discard: true }
  )

const judge = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.PeerId,
  conduct: StatementKnowledge.Conduct
) {
  yield* Metric.update(Metrics.conduct(conduct), 1)
  yield* network.report(peer, Reputation.changes[conduct], `statement: ${conduct}`)
})

/** Tells every peer that works on this head what it lacks about a candidate, and may have. */
const circulate = (state: State, head: Head, candidateHash: CandidateHash) =>
  Effect.forEach(
    [...state.peers],
    ([peer, { heads }]) => {
      const known = heads.get(head.relayParent)
      if (known === undefined) return Effect.void
      return transmit(state, head, peer, StatementKnowledge.sendable(head.knowledge, known, candidateHash))
    },
    { discard: true }
  )

const share = Effect.fnUntraced(function* (state: State, { relayParent, statement }: ShareStatement) {
  const head = state.heads.get(relayParent)
  if (head === undefined) return
  const stored = toStored(statement)
  if (StatementKnowledge.store(head.knowledge, stored) !== "Fresh") return
  yield* circulate(state, head, stored.candidateHash)
})

/** Takes a statement of a peer: view first, then signature, then bookkeeping. */
const receive = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  relayParent: Hash,
  statement: SignedFullStatement
) {
  const head = state.heads.get(relayParent)
  if (head === undefined)
    return state.left.has(relayParent) ? undefined : yield* judge(state, peer, "unexpected")
  const known = state.peers.get(peer)?.heads.get(relayParent)
  if (known === undefined) return yield* judge(state, peer, "unexpected")
  const stored = toStored(statement)
  if (!(yield* verifyFullStatement(state.keystore, head.session, statement))) {
    return yield* judge(state, peer, "badSignature")
  }
  const received = StatementKnowledge.receive(head.knowledge, known, stored)
  if (received._tag === "Refused") return yield* judge(state, peer, received.conduct)
  const use = StatementKnowledge.store(head.knowledge, stored)
  if (received.newCandidate) {
    const dependents = StatementKnowledge.sendable(head.knowledge, known, stored.candidateHash)
    yield* transmit(state, head, peer, dependents)
  }
  if (use === "NotUseful") return
  yield* judge(state, peer, use === "Fresh" ? "validFirst" : "valid")
  if (use === "Fresh") yield* CandidateBacking.sendNow({ _tag: "Statement", relayParent, statement })
})

const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = decode(bytes)
  return Result.isSuccess(message)
    ? receive(state, peer, message.success.value[0], message.success.value[1])
    : judge(state, peer, "badSignature")
}

const onView = Effect.fnUntraced(function* (state: State, peer: Network.PeerId, view: View.View) {
  const known = state.peers.get(peer) ?? { view: View.empty, heads: new Map() }
  state.peers.set(peer, known)
  const previous = known.view
  known.view = view
  for (const hash of View.removed(previous, view)) known.heads.delete(hash)
  for (const hash of View.added(previous, view)) {
    const knowledge = StatementKnowledge.makePeer()
    known.heads.set(hash, knowledge)
    const head = state.heads.get(hash)
    if (head !== undefined)
      yield* transmit(state, head, peer, StatementKnowledge.sendable(head.knowledge, knowledge))
  }
})

const onEvent = (state: State, event: Network.NetworkEvent): Effect.Effect<void, never, CandidateBacking> => {
  switch (event._tag) {
    case "PeerConnected":
      return Effect.sync(() => void state.peers.set(event.peer, { view: View.empty, heads: new Map() }))
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
    const session = yield* sessionAt(state.runtime, state.keystore, relayParent)
    const knowledge = StatementKnowledge.makeHead<SignedFullStatement>(
      session.validators.length,
      state.limits
    )
    state.heads.set(relayParent, { relayParent, session, knowledge })
  },
  Effect.catchTag("RuntimeApiError", (error) =>
    Effect.logWarning("no statements at this leaf", error.message)
  )
)

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      network: yield* Network.Network,
      heads: new Map(),
      left: new Recent(limits.recentHeads),
      peers: new Map(),
      finalizedNumber: 0
    }
    const events = state.network.eventsOf(Protocol.statement)
    yield* Subsystem.spawn(Stream.runForEach(events, (event) => onEvent(state, event)))
    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) if (state.heads.delete(hash)) state.left.add(hash)
          if (activated !== null) yield* start(state, activated.hash)
          yield* announceView(state)
        }),
        BlockFinalized: ({ number }) =>
          Effect.suspend(() => {
            state.finalizedNumber = Math.max(state.finalizedNumber, number)
            return announceView(state)
          }),
        Conclude: () => Effect.void
      }),
      message: StatementDistribution.match({
        Share: (message) => share(state, message),
        Peer: ({ peer, relayParent, statement }: PeerStatement) =>
          receive(state, peer, relayParent, statement)
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
