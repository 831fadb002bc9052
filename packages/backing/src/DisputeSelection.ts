/**
 * Which disputes, and which of their votes, a block author should put into a block. (polkadot-sdk,
 * provisioner.)
 */
import type { RuntimeApi } from "@ephor/chain"
import type { CandidateInSession, DisputeEntry } from "@ephor/overseer"
import type {
  CandidateVotes,
  DisputeState,
  DisputeStatement,
  DisputeStatementSet,
  DisputeStatus,
  Signature,
  ValidatorIndex
} from "@ephor/types"

/** Limits of the selection. */
export interface Limits {
  /** Votes in one block. A dispute that does not fit whole ends the selection. */
  readonly maxVotes: number
  /** Disputes whose votes are queried at once. */
  readonly batch: number
  /** A dispute is inactive when it concluded longer ago. */
  readonly activeSeconds: number
}

/** Defaults of `Limits`: those of Polkadot. */
export const defaults: Limits = { maxVotes: 200_000, batch: 1100, activeSeconds: 180 }

const keyOf = ({ candidateHash, session }: CandidateInSession) => `${session}/${candidateHash}`

/** Disputes on chain, by session and candidate. */
export type OnChain = ReadonlyMap<string, DisputeState>

/** Indexes disputes of the chain. */
export const onChain = (disputes: ReadonlyArray<RuntimeApi.OnChainDispute>): OnChain =>
  new Map(disputes.map((dispute) => [keyOf(dispute), dispute.state]))

/** What the chain knows of a dispute, if anything. */
export const stateOf = (known: OnChain, dispute: CandidateInSession): DisputeState | undefined =>
  known.get(keyOf(dispute))

const isActive = (status: DisputeStatus, nowSeconds: number, limits: Limits) =>
  status._tag === "Active" || status._tag === "Confirmed" || status.value + limits.activeSeconds >= nowSeconds

/** Rank of a dispute, the smallest first; 5 is not for the block. */
const rank = (active: boolean, state: DisputeState | undefined): number => {
  if (state === undefined) return active ? 2 : 0
  if (state.concludedAt === null) return active ? 3 : 1
  return active ? 4 : 5
}

/**
 * The disputes worth a place, most urgent first: what the chain does not know before what it does, what is over
 * before what goes on.
 */
export const prioritise = (
  disputes: ReadonlyArray<DisputeEntry>,
  known: OnChain,
  nowSeconds: number,
  limits: Limits = defaults
): ReadonlyArray<DisputeEntry> =>
  disputes
    .filter((dispute) => dispute.status._tag !== "Active" || known.has(keyOf(dispute)))
    .map((dispute) => ({
      dispute,
      rank: rank(isActive(dispute.status, nowSeconds, limits), known.get(keyOf(dispute)))
    }))
    .filter(({ rank }) => rank < 5)
    .sort((a, b) => a.rank - b.rank)
    .map(({ dispute }) => dispute)

/** Whether the chain still needs a vote. Votes of backers are needed always: punishment depends on them. */
export const isNeeded = (
  statement: DisputeStatement,
  voter: ValidatorIndex,
  state: DisputeState | undefined
): boolean => {
  if (statement._tag === "Valid" && statement.value._tag.startsWith("Backing")) return true
  if (state === undefined) return true
  const isFor = state.validatorsFor[voter] === "1"
  const isAgainst = state.validatorsAgainst[voter] === "1"
  return !(isFor && isAgainst) && !(statement._tag === "Valid" ? isFor : isAgainst)
}

/** The needed votes of a dispute, valid ones first. */
export const toSet = (
  dispute: CandidateInSession,
  votes: CandidateVotes,
  state: DisputeState | undefined
): DisputeStatementSet => {
  const all: ReadonlyArray<readonly [DisputeStatement, ValidatorIndex, Signature]> = [
    ...votes.valid.map(
      ([kind, index, signature]) => [{ _tag: "Valid", value: kind } as const, index, signature] as const
    ),
    ...votes.invalid.map(
      ([kind, index, signature]) => [{ _tag: "Invalid", value: kind } as const, index, signature] as const
    )
  ]
  return {
    candidateHash: dispute.candidateHash,
    session: dispute.session,
    statements: all.filter(([statement, index]) => isNeeded(statement, index, state))
  }
}

/** As many whole sets as fit, sorted as the chain wants them: by session and candidate. */
export const fit = (
  sets: Iterable<DisputeStatementSet>,
  limits: Limits = defaults
): ReadonlyArray<DisputeStatementSet> => {
  const chosen: Array<DisputeStatementSet> = []
  let votes = 0
  for (const set of sets) {
    if (set.statements.length === 0) continue
    if (votes + set.statements.length > limits.maxVotes) break
    votes += set.statements.length
    chosen.push(set)
  }
  return chosen.sort((a, b) =>
    a.session === b.session ? (a.candidateHash < b.candidateHash ? -1 : 1) : a.session - b.session
  )
}
