/**
 * Who knows which statement, at one relay parent: what keeps distribution free of duplicates, floods and
 * dangling votes.
 *
 * A vote may travel only after the `Seconded` of its candidate, in either direction. A validator may second at
 * most `maxSecondedPerValidator` candidates, counted apart for ourselves, for what a peer sent us and for what
 * we sent it. What we sent is no argument against receiving the same: messages cross in flight. (Rules of
 * Polkadot, autumn 2020; plain data, changed by these functions only.)
 */
import type { CandidateHash, Signature, ValidatorIndex } from "@ephor/types"

/** What a peer did, as a key of the network's reputation changes. */
export type Conduct = "unexpected" | "badSignature" | "duplicate" | "flood" | "valid" | "validFirst"

/** Limits of one relay parent. */
export interface Limits {
  readonly maxSecondedPerValidator: number
  /** Statements about one candidate from one peer, as a multiple of the number of validators. */
  readonly maxStatementsPerValidator: number
}

/** Defaults of `Limits`: those of autumn 2020. */
export const defaults: Limits = { maxSecondedPerValidator: 2, maxStatementsPerValidator: 2 }

/** What identifies a statement. The signature does not: it differs on every signing. */
export interface Fingerprint {
  readonly kind: "Seconded" | "Valid"
  readonly candidateHash: CandidateHash
  readonly validatorIndex: ValidatorIndex
}

/** A statement by its fingerprint, its signature and whatever its owner keeps with it. */
export interface Stored<Item> extends Fingerprint {
  readonly signature: Signature
  readonly item: Item
}

type Secondings = Map<ValidatorIndex, Set<CandidateHash>>

/** What one peer is known to know. */
export interface PeerKnowledge {
  readonly candidates: Set<CandidateHash>
  readonly sent: Set<string>
  readonly received: Set<string>
  readonly receivedCounts: Map<CandidateHash, number>
  readonly secondedBySelf: Secondings
  readonly secondedByPeer: Secondings
}

/** What we hold. Statements are in order of arrival, so a `Seconded` stands before the votes on it. */
export interface HeadKnowledge<Item> {
  readonly limits: Limits
  readonly validators: number
  readonly statements: Map<string, Stored<Item>>
  readonly candidates: Set<CandidateHash>
  readonly seconded: Secondings
}

/** Nothing known of a peer. */
export const makePeer = (): PeerKnowledge => ({
  candidates: new Set(),
  sent: new Set(),
  received: new Set(),
  receivedCounts: new Map(),
  secondedBySelf: new Map(),
  secondedByPeer: new Map()
})

/** Nothing known at a relay parent with that many validators. */
export const makeHead = <Item>(validators: number, limits: Limits = defaults): HeadKnowledge<Item> => ({
  limits,
  validators,
  statements: new Map(),
  candidates: new Set(),
  seconded: new Map()
})

const keyOf = ({ candidateHash, kind, validatorIndex }: Fingerprint) =>
  `${kind}/${validatorIndex}/${candidateHash}`

/** Notes one more candidate of a validator, unless he has had his share. */
const noteSeconding = (
  secondings: Secondings,
  { candidateHash, validatorIndex }: Fingerprint,
  limit: number
): boolean => {
  const hashes = secondings.get(validatorIndex) ?? new Set()
  if (!hashes.has(candidateHash) && hashes.size >= limit) return false
  secondings.set(validatorIndex, hashes.add(candidateHash))
  return true
}

/**
 * Notes that a peer sent us a statement; answers whether it thereby told us of the candidate, or what it did
 * wrong.
 */
export const receive = <Item>(
  head: HeadKnowledge<Item>,
  peer: PeerKnowledge,
  statement: Fingerprint
):
  | { readonly _tag: "Accepted"; readonly newCandidate: boolean }
  | { readonly _tag: "Refused"; readonly conduct: Conduct } => {
  const key = keyOf(statement)
  if (peer.received.has(key)) return { _tag: "Refused", conduct: "duplicate" }
  const { candidateHash } = statement
  const expected =
    statement.kind === "Seconded"
      ? noteSeconding(peer.secondedByPeer, statement, head.limits.maxSecondedPerValidator)
      : peer.candidates.has(candidateHash)
  if (!expected) return { _tag: "Refused", conduct: "unexpected" }
  const count = peer.receivedCounts.get(candidateHash) ?? 0
  if (count >= head.limits.maxStatementsPerValidator * head.validators) {
    return { _tag: "Refused", conduct: "flood" }
  }
  peer.receivedCounts.set(candidateHash, count + 1)
  peer.received.add(key)
  const newCandidate = !peer.candidates.has(candidateHash)
  peer.candidates.add(candidateHash)
  return { _tag: "Accepted", newCandidate }
}

/** Notes that we send a statement; answers false if the peer has it or may not have it yet. */
export const send = <Item>(
  head: HeadKnowledge<Item>,
  peer: PeerKnowledge,
  statement: Fingerprint
): boolean => {
  const key = keyOf(statement)
  if (peer.sent.has(key) || peer.received.has(key)) return false
  if (statement.kind === "Seconded") {
    if (!noteSeconding(peer.secondedBySelf, statement, head.limits.maxSecondedPerValidator)) return false
    peer.candidates.add(statement.candidateHash)
  } else if (!peer.candidates.has(statement.candidateHash)) return false
  peer.sent.add(key)
  return true
}

/**
 * Stores a statement of any origin. `NotUseful`: over the limit of its validator, or a vote on an unknown
 * candidate.
 */
export const store = <Item>(
  head: HeadKnowledge<Item>,
  statement: Stored<Item>
): "Fresh" | "Known" | "NotUseful" => {
  const key = keyOf(statement)
  if (head.statements.has(key)) return "Known"
  if (statement.kind === "Seconded") {
    if (!noteSeconding(head.seconded, statement, head.limits.maxSecondedPerValidator)) return "NotUseful"
    head.candidates.add(statement.candidateHash)
  } else if (!head.candidates.has(statement.candidateHash)) return "NotUseful"
  head.statements.set(key, statement)
  return "Fresh"
}

/** What a peer may be sent now, in an order in which it can take it, and noted as sent. */
export const sendable = <Item>(
  head: HeadKnowledge<Item>,
  peer: PeerKnowledge,
  candidateHash?: CandidateHash
): ReadonlyArray<Stored<Item>> =>
  [...head.statements.values()]
    .filter((statement) => candidateHash === undefined || statement.candidateHash === candidateHash)
    .sort((a, b) => (a.kind === b.kind ? 0 : a.kind === "Seconded" ? -1 : 1))
    .filter((statement) => send(head, peer, statement))
