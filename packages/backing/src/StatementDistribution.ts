/**
 * Statement distribution: carries signed statements between validators, each only to those who can use it.
 *
 * Signatures are checked before anything is remembered, `Seconded` travels before the votes on its candidate,
 * and peers that send what they should not lose reputation. A candidate that is too long to be sent is announced, and
 * fetched from whoever announced it. This subsystem also tells peers which leaves we work on. (Overseer protocol, "Statement Distribution Message"; rules of Polkadot, autumn 2020.)
 */
import { Effect, type Layer, Result, Semaphore } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { type Network, Protocol, Reputation, View } from "@ephor/network"
import {
  CandidateBacking,
  Overseer,
  type PeerStatement,
  type ShareStatement,
  Signal,
  StatementDistribution,
  Subsystem
} from "@ephor/overseer"
import {
  type CandidateHash,
  type CommittedCandidateReceipt,
  type Hash,
  type SignedFullStatement,
  statementPayload,
  toCompact
} from "@ephor/types"
import * as Gossip from "./statements/Gossip.ts"
import { type Session, sessionAt, verifyFullStatement } from "./shared/Session.ts"
import * as StatementKnowledge from "./StatementKnowledge.ts"
import * as Awaited from "./statements/Awaited.ts"
import * as LargeCandidates from "./statements/LargeCandidates.ts"
import * as StatementMessage from "./statements/StatementMessage.ts"

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

/** A checked statement of a peer that waits for its candidate. */
interface Parked {
  readonly peer: Network.PeerId
  /** A vote as it is, or an announcement, whose statement is made when its candidate is here. */
  readonly statement: SignedFullStatement | StatementMessage.LargeStatement
  readonly message: Uint8Array
}

interface Head {
  readonly relayParent: Hash
  readonly session: Session
  /** With the message of each statement: it is written once, however many peers it goes to. */
  readonly knowledge: StatementKnowledge.HeadKnowledge<Uint8Array>
  readonly awaited: Awaited.Awaited<Network.PeerId, Parked>
}

/** The message of a statement; of a long one, which is kept for those who ask, the announcement. */
const messageOf = (
  large: LargeCandidates.Kept,
  relayParent: Hash,
  { payload, signature, validatorIndex }: SignedFullStatement
): Uint8Array => {
  const statement = { payload, signature, validatorIndex }
  const message = StatementMessage.encode({ _tag: "Statement", value: [relayParent, statement] })
  if (payload._tag !== "Seconded" || StatementMessage.fits(message)) return message
  const candidateHash = toCompact(payload).value
  LargeCandidates.keep(large, relayParent, candidateHash, payload.value, message.length)
  return StatementMessage.encode({
    _tag: "LargeStatement",
    value: { relayParent, candidateHash, validatorIndex, signature }
  })
}

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
  readonly large: LargeCandidates.Kept
  readonly fetchLarge: ReturnType<typeof LargeCandidates.fetch>
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
  const stored = toStored(statement, messageOf(state.large, relayParent, statement))
  if (StatementKnowledge.store(head.knowledge, stored) !== "Fresh") return
  yield* circulate(state, head, stored.candidateHash)
})

/** The head that a peer may speak about, and what it knows there; nothing, if it may not. */
const placeOf = Effect.fnUntraced(function* (state: State, peer: Network.PeerId, relayParent: Hash) {
  const head = state.gossip.heads.get(relayParent)
  if (head === undefined && state.gossip.left.has(relayParent)) return undefined
  const known = Gossip.knownOf(state.gossip, peer, relayParent)
  if (head !== undefined && known !== undefined) return { head, known }
  yield* judge(state, peer, "unexpected")
  return undefined
})

/** Takes a statement whose sender may send it, and whose signature is good. */
const accept = Effect.fnUntraced(function* (
  state: State,
  head: Head,
  peer: Network.PeerId,
  statement: SignedFullStatement,
  message: Uint8Array,
  newCandidate: boolean
) {
  const { relayParent } = head
  const stored = toStored(statement, message)
  const use = StatementKnowledge.store(head.knowledge, stored)
  const known = Gossip.knownOf(state.gossip, peer, relayParent)
  if (newCandidate && known !== undefined) {
    yield* transmit(state, peer, StatementKnowledge.sendable(head.knowledge, known, stored.candidateHash))
  }
  if (use === "NotUseful") return
  yield* judge(state, peer, use === "Fresh" ? "validFirst" : "valid")
  if (use === "Fresh") yield* CandidateBacking.sendNow({ _tag: "Statement", relayParent, statement })
})

/** Takes a statement of a peer: view first, then signature, then bookkeeping. */
const receive = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  { relayParent, statement }: Pick<PeerStatement, "relayParent" | "statement">,
  message: Uint8Array
) {
  const place = yield* placeOf(state, peer, relayParent)
  if (place === undefined) return
  const { head, known } = place
  const stored = toStored(statement, message)
  if (!(yield* verifyFullStatement(state.keystore, head.session, statement))) {
    return yield* judge(state, peer, "badSignature")
  }
  const received = StatementKnowledge.receive(head.knowledge, known, stored)
  if (received._tag === "Refused") return yield* judge(state, peer, received.conduct)
  // A vote on a candidate that is still on its way waits for it.
  if (stored.kind === "Valid" && Awaited.isAwaited(head.awaited, stored.candidateHash)) {
    return Awaited.park(head.awaited, stored.candidateHash, { peer, statement, message })
  }
  yield* accept(state, head, peer, statement, message, received.newCandidate)
})

/** The statement of an announcement, once its candidate is here. */
const toFull = (
  { signature, validatorIndex }: StatementMessage.LargeStatement,
  value: CommittedCandidateReceipt
): SignedFullStatement => ({ payload: { _tag: "Seconded", value }, validatorIndex, signature })

/** Takes an announcement of a peer, as a statement: the signature says as much. Only then is the candidate fetched. */
const receiveLarge = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  statement: StatementMessage.LargeStatement,
  message: Uint8Array
) {
  const { candidateHash, relayParent, signature, validatorIndex } = statement
  const place = yield* placeOf(state, peer, relayParent)
  if (place === undefined) return
  const { head, known } = place
  const key = head.session.validators[validatorIndex]
  const payload = statementPayload({ _tag: "Seconded", value: candidateHash }, head.session.context)
  if (key === undefined || !(yield* state.keystore.verify(key, payload, signature))) {
    return yield* judge(state, peer, "badSignature")
  }
  const fingerprint = { kind: "Seconded", candidateHash, validatorIndex } as const
  const received = StatementKnowledge.receive(head.knowledge, known, fingerprint)
  if (received._tag === "Refused") return yield* judge(state, peer, received.conduct)
  const candidate = LargeCandidates.find(state.large, relayParent, candidateHash)
  if (candidate !== undefined) {
    return yield* accept(state, head, peer, toFull(statement, candidate), message, received.newCandidate)
  }
  const parked: Parked = { peer, statement, message }
  const { maxSecondedPerValidator } = state.limits
  const { awaited } = head
  if (
    Awaited.announce(awaited, candidateHash, validatorIndex, peer, parked, maxSecondedPerValidator) ===
    "Fetch"
  ) {
    yield* Subsystem.spawn(fetchLarge(state, head, candidateHash), { leaf: relayParent })
  }
})

/** Asks those who announced a candidate, one after the other, and takes up what waited for it. */
const fetchLarge = Effect.fnUntraced(function* (state: State, head: Head, candidateHash: CandidateHash) {
  const { awaited, relayParent } = head
  for (;;) {
    const peer = Awaited.nextSource(awaited, candidateHash)
    if (peer === undefined) return
    const fetched = yield* state.fetchLarge(peer, relayParent, candidateHash)
    if (fetched._tag === "Wrong") yield* judge(state, peer, "badSignature")
    if (fetched._tag !== "Candidate") continue
    LargeCandidates.keep(state.large, relayParent, candidateHash, fetched.candidate, fetched.bytes)
    for (const { message, peer, statement } of Awaited.arrived(awaited, candidateHash)) {
      const full = "payload" in statement ? statement : toFull(statement, fetched.candidate)
      yield* accept(state, head, peer, full, message, full.payload._tag === "Seconded")
    }
    return
  }
})

const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = StatementMessage.decode(bytes)
  if (Result.isFailure(message)) return judge(state, peer, "badSignature")
  if (message.success._tag === "LargeStatement") {
    return receiveLarge(state, peer, message.success.value, bytes)
  }
  const [relayParent, statement] = message.success.value
  return receive(state, peer, { relayParent, statement }, bytes)
}

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
