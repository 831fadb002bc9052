/**
 * What a devnet did, as one line of JSON, and which of its parts stood still.
 */
import { Schema } from "effect"
import { ChainId, ValidatorIndex } from "@ephor/types"

const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))

/** Figures of one chain, as its node tells them on `/status`. */
export const ChainStatus = Schema.Struct({
  chainId: ChainId,
  localUnsafe: Count,
  crossUnsafe: Count,
  localSafe: Count,
  crossSafe: Count,
  finalized: Count,
  candidatesIncluded: Count,
  disputesConcluded: Count,
  reverts: Count,
  replacedBlocks: Count,
  slashesApplied: Count,
  rewardsPaid: Count,
  validatorsDisabled: Count,
  disabledNow: Schema.Array(ValidatorIndex),
  finalityWaited: Count,
  governance: Schema.Struct({
    frozen: Schema.Boolean,
    why: Schema.NullOr(Schema.String),
    endedBy: Schema.NullOr(Schema.String)
  }),
  secondedStatements: Count,
  validStatements: Count,
  fetchedProofs: Count,
  registeredVotes: Count,
  snapshots: Count
})
export interface ChainStatus extends Schema.Schema.Type<typeof ChainStatus> {}

/** Figures of one observer. */
export const ObserverStatus = Schema.Struct({
  chainId: ChainId,
  mode: Schema.Literals(["BlocksOnly", "CommitsOnly", "Overlap"]),
  commits: Count,
  blocks: Count,
  lag: Count,
  verified: Schema.Boolean
})
export interface ObserverStatus extends Schema.Schema.Type<typeof ObserverStatus> {}

/** Figures of the supervisor. */
export const SupervisorStatus = Schema.Struct({ executingMessages: Count, invalidatedBlocks: Count })
export interface SupervisorStatus extends Schema.Schema.Type<typeof SupervisorStatus> {}

/** Everything at one moment. A part that could not be asked is missing. */
export interface Snapshot {
  readonly chains: ReadonlyArray<ChainStatus>
  readonly observers: ReadonlyArray<ObserverStatus>
  readonly supervisor: SupervisorStatus | undefined
}

/** The closing line of a devnet. */
export const Report = Schema.Struct({
  ok: Schema.Boolean,
  chains: Schema.Array(ChainStatus),
  observers: Schema.Array(ObserverStatus),
  supervisor: SupervisorStatus,
  stalled: Schema.Array(Schema.String)
})
export interface Report extends Schema.Schema.Type<typeof Report> {}

/** What a run is to show. */
export interface Expected {
  readonly chainIds: ReadonlyArray<ChainId>
  /** It is long enough for a dispute and an invalid message. */
  readonly faults: boolean
  /** It is long enough for what follows from a dispute to be final. */
  readonly verdicts: boolean
  /** There are chains that messages can go between. */
  readonly messages: boolean
  /** Validators of one process second, and agree to what others second. */
  readonly agreement: boolean
}

const heads = ["localUnsafe", "crossUnsafe", "localSafe", "crossSafe", "finalized"] as const

const deeds = ["secondedStatements", "validStatements", "fetchedProofs"] as const

/**
 * Names of the parts that did not move between two moments: a head that is no higher, a counter that never counted, a
 * part that does not answer. `disputes` and `invalid messages` are only expected where the run is long enough for them.
 */
export const stalledParts = (
  expected: Expected,
  before: Snapshot,
  after: Snapshot
): ReadonlyArray<string> => {
  const stalled: Array<string> = []
  for (const chainId of expected.chainIds) {
    const first = before.chains.find((chain) => chain.chainId === chainId)
    const last = after.chains.find((chain) => chain.chainId === chainId)
    if (last === undefined) {
      stalled.push(`chain ${chainId}: its node does not answer`)
      continue
    }
    for (const head of heads)
      if (last[head] <= (first?.[head] ?? 0)) stalled.push(`chain ${chainId}: ${head}`)
    if (last.candidatesIncluded <= (first?.candidatesIncluded ?? 0))
      stalled.push(`chain ${chainId}: candidatesIncluded`)
    if (expected.faults && last.disputesConcluded === 0) stalled.push(`chain ${chainId}: disputesConcluded`)
    if (expected.verdicts) {
      if (last.slashesApplied === 0) stalled.push(`chain ${chainId}: slashesApplied`)
      if (last.rewardsPaid === 0) stalled.push(`chain ${chainId}: rewardsPaid`)
      if (last.validatorsDisabled === 0) stalled.push(`chain ${chainId}: validatorsDisabled`)
    }
    if (expected.agreement) {
      for (const deed of deeds) if (last[deed] === 0) stalled.push(`chain ${chainId}: ${deed}`)
    }
    const before_ = before.observers.find((observer) => observer.chainId === chainId)
    const observer = after.observers.find((candidate) => candidate.chainId === chainId)
    if (observer === undefined || observer.commits <= (before_?.commits ?? 0))
      stalled.push(`observer ${chainId}: commits`)
    else if (!observer.verified) stalled.push(`observer ${chainId}: verification`)
  }
  if (after.supervisor === undefined) stalled.push("supervisor: it does not answer")
  else if (expected.messages) {
    if (after.supervisor.executingMessages <= (before.supervisor?.executingMessages ?? 0)) {
      stalled.push("supervisor: executingMessages")
    }
    if (expected.faults && after.supervisor.invalidatedBlocks === 0)
      stalled.push("supervisor: invalidatedBlocks")
  }
  return stalled
}

/** The closing line from the last moment and what stood still. */
export const make = (after: Snapshot, stalled: ReadonlyArray<string>): Report => ({
  ok: stalled.length === 0,
  chains: after.chains,
  observers: after.observers,
  supervisor: after.supervisor ?? { executingMessages: 0, invalidatedBlocks: 0 },
  stalled
})
