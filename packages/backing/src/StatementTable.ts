/**
 * The tally of one relay parent: who said what about which candidate, who reached quorum, who contradicted
 * himself.
 *
 * Two eras of the same table. `seed` is the code of autumn 2020: `Invalid` statements exist and bar a
 * candidate, and seconding two candidates is a misbehaviour. `current` is today's: only `Seconded` and `Valid`,
 * several candidates per validator. A table is plain data, changed only by `importStatement`, and owned by one
 * fiber; signatures have been checked before.
 */
import type { CandidateHash, Signature, ValidatorIndex } from "@ephor/types"

/** Which rules apply. */
export type Era = "seed" | "current"

/**
 * A statement as the table sees it. A group is known by any number its owner chooses: here the core that it serves.
 */
export type TableStatement<Candidate> = {
  readonly validatorIndex: ValidatorIndex
  readonly signature: Signature
  readonly candidateHash: CandidateHash
} & (
  | { readonly _tag: "Seconded"; readonly candidate: Candidate; readonly group: number }
  | { readonly _tag: "Valid" }
  | { readonly _tag: "Invalid" }
)

/** What a validator did wrong, closed. The first three kinds are contradictions of his own signatures. */
export type MisbehaviorKind =
  | "ValidityDoubleVote.IssuedAndValidity"
  | "ValidityDoubleVote.IssuedAndInvalidity"
  | "ValidityDoubleVote.ValidityAndInvalidity"
  | "MultipleCandidates"
  | "DoubleSign.Candidate"
  | "DoubleSign.Validity"
  | "DoubleSign.Invalidity"
  | "UnauthorizedStatement"

/** A proof: the statement that broke a rule, and the earlier one it contradicts, if the rule needs two. */
export interface Misbehavior<Candidate> {
  readonly kind: MisbehaviorKind
  readonly validatorIndex: ValidatorIndex
  readonly first?: TableStatement<Candidate>
  readonly second: TableStatement<Candidate>
}

/** The state of one candidate. Votes are by validator, in order of arrival. */
export interface CandidateTally<Candidate> {
  readonly candidateHash: CandidateHash
  readonly candidate: Candidate
  readonly group: number
  readonly votes: ReadonlyMap<ValidatorIndex, TableStatement<Candidate>>
  readonly indicatedBad: ReadonlyArray<ValidatorIndex>
}

/** What an import did. `attested` says that this very statement completed the quorum. */
export type ImportOutcome<Candidate> =
  | { readonly _tag: "Counted"; readonly tally: CandidateTally<Candidate>; readonly attested: boolean }
  | { readonly _tag: "Ignored"; readonly why: "unknown candidate" | "repeated" | "not of this era" }
  | { readonly _tag: "Misbehaved"; readonly misbehavior: Misbehavior<Candidate> }

/** What the table must know before its first statement. `threshold` takes the size of a group. */
export interface TableContext {
  readonly era: Era
  readonly groups: ReadonlyMap<number, ReadonlyArray<ValidatorIndex>>
  readonly threshold: (groupSize: number) => number
  /**
   * Seconding two candidates is a misbehaviour. Default: in the `seed` era. True wherever validators back one candidate per
   * relay parent, as candidate backing does; false where they may build ahead.
   */
  readonly oneCandidatePerValidator?: boolean
}

interface MutableTally<Candidate> extends CandidateTally<Candidate> {
  readonly votes: Map<ValidatorIndex, TableStatement<Candidate>>
  readonly indicatedBad: Array<ValidatorIndex>
}

/** The table of one relay parent. */
export interface StatementTable<Candidate> {
  readonly context: TableContext
  readonly tallies: Map<CandidateHash, MutableTally<Candidate>>
  readonly proposals: Map<ValidatorIndex, Array<TableStatement<Candidate>>>
}

/** An empty table. */
export const make = <Candidate>(context: TableContext): StatementTable<Candidate> => ({
  context,
  tallies: new Map(),
  proposals: new Map()
})

/** Votes a candidate needs: `min(group, minimumBackingVotes)` today. */
export const quorum =
  (minimumBackingVotes: number) =>
  (groupSize: number): number =>
    Math.min(groupSize, minimumBackingVotes)

/** Votes a candidate needed in autumn 2020: more than half of its group. */
export const majority = (groupSize: number): number => Math.floor(groupSize / 2) + 1

/** Whether a candidate has its quorum and nobody called it bad. */
export const isAttested = <Candidate>(
  table: StatementTable<Candidate>,
  tally: CandidateTally<Candidate>
): boolean =>
  tally.indicatedBad.length === 0 &&
  tally.votes.size >= table.context.threshold(table.context.groups.get(tally.group)?.length ?? 0)

const ignored = (why: "unknown candidate" | "repeated" | "not of this era"): ImportOutcome<never> => ({
  _tag: "Ignored",
  why
})

const misbehaved = <Candidate>(
  kind: MisbehaviorKind,
  second: TableStatement<Candidate>,
  first?: TableStatement<Candidate>
): ImportOutcome<Candidate> => ({
  _tag: "Misbehaved",
  misbehavior: {
    kind,
    validatorIndex: second.validatorIndex,
    second,
    ...(first === undefined ? {} : { first })
  }
})

const doubleSign = {
  Seconded: "DoubleSign.Candidate",
  Valid: "DoubleSign.Validity",
  Invalid: "DoubleSign.Invalidity"
} as const

const contradiction = (
  a: "Seconded" | "Valid" | "Invalid",
  b: "Seconded" | "Valid" | "Invalid"
): MisbehaviorKind =>
  a !== "Seconded" && b !== "Seconded"
    ? "ValidityDoubleVote.ValidityAndInvalidity"
    : a === "Invalid" || b === "Invalid"
      ? "ValidityDoubleVote.IssuedAndInvalidity"
      : "ValidityDoubleVote.IssuedAndValidity"

/** Takes a vote on a known candidate by a member of its group. */
const vote = <Candidate>(
  table: StatementTable<Candidate>,
  tally: MutableTally<Candidate>,
  statement: TableStatement<Candidate>
): ImportOutcome<Candidate> => {
  const earlier = tally.votes.get(statement.validatorIndex)
  if (earlier !== undefined) {
    if (earlier._tag !== statement._tag)
      return misbehaved(contradiction(earlier._tag, statement._tag), statement, earlier)
    return earlier.signature === statement.signature
      ? ignored("repeated")
      : misbehaved(doubleSign[statement._tag], statement, earlier)
  }
  const before = isAttested(table, tally)
  tally.votes.set(statement.validatorIndex, statement)
  if (statement._tag === "Invalid") tally.indicatedBad.push(statement.validatorIndex)
  return { _tag: "Counted", tally, attested: !before && isAttested(table, tally) }
}

const second = <Candidate>(
  table: StatementTable<Candidate>,
  statement: Extract<TableStatement<Candidate>, { readonly _tag: "Seconded" }>
): ImportOutcome<Candidate> => {
  const { candidateHash, validatorIndex } = statement
  let tally = table.tallies.get(candidateHash)
  // A candidate belongs to the group that brought it: whoever seconds it for another one is an outsider.
  const isMember = table.context.groups.get(statement.group)?.includes(validatorIndex) ?? false
  if (!isMember || (tally !== undefined && tally.group !== statement.group)) {
    return misbehaved("UnauthorizedStatement", statement)
  }
  const proposals = table.proposals.get(validatorIndex) ?? []
  if (!proposals.some((proposal) => proposal.candidateHash === candidateHash)) {
    if ((table.context.oneCandidatePerValidator ?? table.context.era === "seed") && proposals.length > 0) {
      return misbehaved("MultipleCandidates", statement, proposals[0])
    }
    table.proposals.set(validatorIndex, [...proposals, statement])
  }
  if (tally === undefined) {
    tally = {
      candidateHash,
      candidate: statement.candidate,
      group: statement.group,
      votes: new Map(),
      indicatedBad: []
    }
    table.tallies.set(candidateHash, tally)
  }
  return vote(table, tally, statement)
}

/** Takes one statement. A statement that breaks a rule is not counted, and comes back as its own proof. */
export const importStatement = <Candidate>(
  table: StatementTable<Candidate>,
  statement: TableStatement<Candidate>
): ImportOutcome<Candidate> => {
  if (statement._tag === "Seconded") return second(table, statement)
  if (statement._tag === "Invalid" && table.context.era === "current") return ignored("not of this era")
  const tally = table.tallies.get(statement.candidateHash)
  if (tally === undefined) return ignored("unknown candidate")
  const group = table.context.groups.get(tally.group) ?? []
  return group.includes(statement.validatorIndex)
    ? vote(table, tally, statement)
    : misbehaved("UnauthorizedStatement", statement)
}

/** A vote as it goes into a block: seconding is implicit agreement. */
export interface Attestation {
  readonly _tag: "Implicit" | "Explicit"
  readonly value: Signature
}

/**
 * A candidate with its quorum: one bit per member in the order of the group, votes in the order of the set
 * bits.
 */
export interface Attested<Candidate> {
  readonly candidateHash: CandidateHash
  readonly candidate: Candidate
  readonly group: number
  readonly validatorIndices: string
  readonly validityVotes: ReadonlyArray<Attestation>
}

/**
 * The candidate with its votes, or nothing before its quorum. Today all votes count; in 2020 exactly as many as
 * were needed.
 */
export const attested = <Candidate>(
  table: StatementTable<Candidate>,
  candidateHash: CandidateHash
): Attested<Candidate> | undefined => {
  const tally = table.tallies.get(candidateHash)
  if (tally === undefined || !isAttested(table, tally)) return undefined
  const members = table.context.groups.get(tally.group) ?? []
  const limit = table.context.era === "seed" ? table.context.threshold(members.length) : members.length
  const chosen = new Map([...tally.votes].slice(0, limit))
  const votes: Array<Attestation> = []
  for (const member of members) {
    const statement = chosen.get(member)
    if (statement === undefined) continue
    votes.push({ _tag: statement._tag === "Seconded" ? "Implicit" : "Explicit", value: statement.signature })
  }
  return {
    candidateHash,
    candidate: tally.candidate,
    group: tally.group,
    validatorIndices: members.map((member) => (chosen.has(member) ? "1" : "0")).join(""),
    validityVotes: votes
  }
}

/** Every attested candidate, in order of first seconding. */
export const allAttested = <Candidate>(
  table: StatementTable<Candidate>
): ReadonlyArray<Attested<Candidate>> =>
  [...table.tallies.keys()].flatMap((hash) => {
    const found = attested(table, hash)
    return found === undefined ? [] : [found]
  })

/**
 * The kind of report a misbehaviour makes for the block author; kinds that prove nothing to others make none.
 */
export const reportOf = (kind: MisbehaviorKind): "SelfContradiction" | "DoubleVote" | undefined =>
  kind === "MultipleCandidates"
    ? "DoubleVote"
    : kind.startsWith("ValidityDoubleVote.")
      ? "SelfContradiction"
      : undefined
