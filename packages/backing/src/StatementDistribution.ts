/**
 * Statement distribution: carries signed statements between validators, each only to those who can use it.
 *
 * Signatures are checked before anything is remembered, `Seconded` travels before the votes on its candidate,
 * and peers that send what they should not lose reputation. This subsystem also tells peers which leaves we
 * work on. (Overseer protocol, "Statement Distribution Message"; rules of Polkadot, autumn 2020.)
 */
import { Effect, type Layer, Result } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { type Network, Protocol, Reputation, View } from "@ephor/network"
import {
  CandidateBacking,
  Overseer,
  type PeerStatement,
  type ShareStatement,
  Signal,
  StatementDistribution
} from "@ephor/overseer"
import {
  type CandidateHash,
  EarlyStatementDistributionMessage,
  type Hash,
  Scale,
  type SignedFullStatement,
  toCompact
} from "@ephor/types"
import * as Gossip from "./statements/Gossip.ts"
import { type Session, sessionAt, verifyFullStatement } from "./shared/Session.ts"
import * as StatementKnowledge from "./StatementKnowledge.ts"

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
  /** With the message of each statement: it is written once, however many peers it goes to. */
  readonly knowledge: StatementKnowledge.HeadKnowledge<Uint8Array>
}

const decode = Scale.decodeResult(EarlyStatementDistributionMessage)
const encode = Scale.encode(EarlyStatementDistributionMessage)

const messageOf = (relayParent: Hash, statement: SignedFullStatement) =>
  encode({ _tag: "Statement", value: [relayParent, statement] })

const toStored = (
  statement: SignedFullStatement,
  message: Uint8Array
): StatementKnowledge.Stored<Uint8Array> => {
  const compact = toCompact(statement.payload)
  return {
    kind: compact._tag,
    candidateHash: compact.value,
    validatorIndex: statement.validatorIndex,
    signature: statement.signature,
    item: message
  }
}

/** What the subsystem knows while it runs. */
interface State {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly gossip: Gossip.Gossip<Head, StatementKnowledge.PeerKnowledge>
  finalizedNumber: number
}

const announceView = (state: State) =>
  Effect.suspend(() => {
    const { heads, network } = state.gossip
    return network.setView(View.make([...heads.keys()].toReversed(), state.finalizedNumber))
  })

const transmit = (
  { gossip }: State,
  peer: Network.PeerId,
  statements: ReadonlyArray<StatementKnowledge.Stored<Uint8Array>>
) =>
  Effect.forEach(statements, ({ item }) => Gossip.transmit(gossip, Protocol.statement, [peer], item), {
    discard: true
  })

const judge = ({ gossip }: State, peer: Network.PeerId, conduct: StatementKnowledge.Conduct) =>
  Gossip.judge(gossip, peer, conduct, Reputation.changes[conduct])

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
  const stored = toStored(statement, messageOf(relayParent, statement))
  if (StatementKnowledge.store(head.knowledge, stored) !== "Fresh") return
  yield* circulate(state, head, stored.candidateHash)
})

/** Takes a statement of a peer: view first, then signature, then bookkeeping. */
const receive = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  { relayParent, statement }: Pick<PeerStatement, "relayParent" | "statement">,
  message: Uint8Array
) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined)
    return state.gossip.left.has(relayParent) ? undefined : yield* judge(state, peer, "unexpected")
  const known = Gossip.knownOf(state.gossip, peer, relayParent)
  if (known === undefined) return yield* judge(state, peer, "unexpected")
  const stored = toStored(statement, message)
  if (!(yield* verifyFullStatement(state.keystore, head.session, statement))) {
    return yield* judge(state, peer, "badSignature")
  }
  const received = StatementKnowledge.receive(head.knowledge, known, stored)
  if (received._tag === "Refused") return yield* judge(state, peer, received.conduct)
  const use = StatementKnowledge.store(head.knowledge, stored)
  if (received.newCandidate) {
    const dependents = StatementKnowledge.sendable(head.knowledge, known, stored.candidateHash)
    yield* transmit(state, peer, dependents)
  }
  if (use === "NotUseful") return
  yield* judge(state, peer, use === "Fresh" ? "validFirst" : "valid")
  if (use === "Fresh") yield* CandidateBacking.sendNow({ _tag: "Statement", relayParent, statement })
})

const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = decode(bytes)
  if (Result.isFailure(message)) return judge(state, peer, "badSignature")
  const [relayParent, statement] = message.success.value
  return receive(state, peer, { relayParent, statement }, bytes)
}

const enter = Effect.fnUntraced(function* ({ keystore, limits, runtime }: State, relayParent: Hash) {
  const session = yield* sessionAt(runtime, keystore, relayParent)
  const head: Head = {
    relayParent,
    session,
    knowledge: StatementKnowledge.makeHead(session.validators.length, limits)
  }
  return head
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      gossip: yield* Gossip.make<Head, StatementKnowledge.PeerKnowledge>("statement", limits.recentHeads),
      finalizedNumber: 0
    }
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
          receive(state, peer, { relayParent, statement }, messageOf(relayParent, statement))
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
