/**
 * What a peer sends about candidates: who may speak about which leaf, what a statement must pass, and how a candidate that was only
 * announced is fetched.
 */
import { Effect, Result } from "effect"
import type { Network } from "@ephor/network"
import { CandidateBacking, type PeerStatement, Subsystem } from "@ephor/overseer"
import {
  type CandidateHash,
  type CommittedCandidateReceipt,
  type Hash,
  type SignedFullStatement,
  statementPayload
} from "@ephor/types"
import { verifyFullStatement } from "../shared/Session.ts"
import * as StatementKnowledge from "../StatementKnowledge.ts"
import * as Awaited from "./Awaited.ts"
import { type Head, judge, type Parked, type State, toStored, transmit } from "./Distribution.ts"
import * as Gossip from "./Gossip.ts"
import * as LargeCandidates from "./LargeCandidates.ts"
import * as StatementMessage from "./StatementMessage.ts"

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
export const receive = Effect.fnUntraced(function* (
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

/** Takes a message of a peer. */
export const onBytes = (state: State, peer: Network.PeerId, bytes: Uint8Array) => {
  const message = StatementMessage.decode(bytes)
  if (Result.isFailure(message)) return judge(state, peer, "badSignature")
  if (message.success._tag === "LargeStatement") {
    return receiveLarge(state, peer, message.success.value, bytes)
  }
  const [relayParent, statement] = message.success.value
  return receive(state, peer, { relayParent, statement }, bytes)
}
