/**
 * What the members of a backing group have told each other, and what they may still say: the rules of today's statement
 * distribution inside of a group, where validators may build ahead. (polkadot-sdk, statement distribution 2.)
 */
import type { CandidateHash, ValidatorIndex } from "@ephor/types"

/** A compact statement: who judges which candidate. */
export interface ClusterStatement {
  readonly _tag: "Seconded" | "Valid"
  readonly originator: ValidatorIndex
  readonly candidateHash: CandidateHash
}

/** Taken; taken, but not ours to pass on; or why it is not taken. */
export type Verdict =
  | "Accept"
  | "AcceptWithPrejudice"
  | "NotInGroup"
  | "ExcessiveSeconded"
  | "CandidateUnknown"
  | "Duplicate"

interface Exchange {
  readonly received: Set<string>
  /** Candidates that this peer and we have talked about. */
  readonly known: Set<CandidateHash>
  /** By originator: the candidates that this peer says it has seconded. */
  readonly seconded: Map<ValidatorIndex, Set<CandidateHash>>
}

/** The members of one group, under one relay parent. */
export interface ClusterTracker {
  readonly group: ReadonlyArray<ValidatorIndex>
  /** Candidates that one validator may second. */
  readonly secondingLimit: number
  readonly peers: Map<ValidatorIndex, Exchange>
  /** By originator: what anybody told us that it has seconded, and counts. */
  readonly seconded: Map<ValidatorIndex, Set<CandidateHash>>
}

/** Nothing was said yet. */
export const make = (group: ReadonlyArray<ValidatorIndex>, secondingLimit: number): ClusterTracker => ({
  group,
  secondingLimit,
  peers: new Map(
    group.map((member) => [member, { received: new Set(), known: new Set(), seconded: new Map() }])
  ),
  seconded: new Map()
})

const keyOf = ({ _tag, candidateHash, originator }: ClusterStatement) =>
  `${originator}/${_tag}/${candidateHash}`

const isExcessive = (
  seconded: ReadonlyMap<ValidatorIndex, ReadonlySet<CandidateHash>>,
  { candidateHash, originator }: ClusterStatement,
  limit: number
) => {
  const candidates = seconded.get(originator)
  return candidates !== undefined && candidates.size >= limit && !candidates.has(candidateHash)
}

/** What to do with a statement that a member sends us. Changes nothing: see `receive`. */
export const judge = (
  { group, peers, seconded, secondingLimit }: ClusterTracker,
  sender: ValidatorIndex,
  statement: ClusterStatement
): Verdict => {
  const exchange = peers.get(sender)
  if (exchange === undefined || !group.includes(statement.originator)) return "NotInGroup"
  if (exchange.received.has(keyOf(statement))) return "Duplicate"
  if (statement._tag === "Valid") {
    return exchange.known.has(statement.candidateHash) ? "Accept" : "CandidateUnknown"
  }
  if (isExcessive(exchange.seconded, statement, secondingLimit)) return "ExcessiveSeconded"
  return isExcessive(seconded, statement, secondingLimit) ? "AcceptWithPrejudice" : "Accept"
}

const note = (
  seconded: Map<ValidatorIndex, Set<CandidateHash>>,
  { candidateHash, originator }: ClusterStatement
) => {
  const candidates = seconded.get(originator) ?? new Set()
  seconded.set(originator, candidates.add(candidateHash))
}

/** Judges a statement and, if it is taken, remembers it. */
export const receive = (
  tracker: ClusterTracker,
  sender: ValidatorIndex,
  statement: ClusterStatement
): Verdict => {
  const verdict = judge(tracker, sender, statement)
  if (verdict !== "Accept" && verdict !== "AcceptWithPrejudice") return verdict
  const exchange = tracker.peers.get(sender)!
  exchange.received.add(keyOf(statement))
  exchange.known.add(statement.candidateHash)
  if (statement._tag === "Seconded") {
    note(exchange.seconded, statement)
    if (verdict === "Accept") note(tracker.seconded, statement)
  }
  return verdict
}

/** Remembers that we told a member about a candidate, so that it may judge it to us. */
export const sent = (
  { peers }: ClusterTracker,
  member: ValidatorIndex,
  candidateHash: CandidateHash
): void => {
  peers.get(member)?.known.add(candidateHash)
}
