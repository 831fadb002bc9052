/**
 * The state of candidate backing at one leaf.
 */
import { Effect } from "effect"
import type { Keystore } from "@ephor/keystore"
import type { RuntimeApi } from "@ephor/chain"
import type { RegisterBackingWatcher } from "@ephor/overseer"
import {
  type BackedCandidate,
  type BlockNumber,
  type BlockRef,
  type CandidateHash,
  type CommittedCandidateReceipt,
  type Hash,
  type SignedFullStatement,
  statementCandidate,
  type ValidatorIndex,
  withCoreIndex
} from "@ephor/types"
import * as Assignment from "../Assignment.ts"
import * as StatementTable from "../StatementTable.ts"
import { type Session, sessionAt } from "../shared/Session.ts"

/** A statement as the table takes it; the group is known by the core that it serves: a para may have several. */
export type Entry = StatementTable.TableStatement<CommittedCandidateReceipt>

/** Everything one leaf's backing knows. */
export interface Job {
  readonly relayParent: Hash
  readonly number: BlockNumber
  readonly session: Session
  readonly disabled: ReadonlySet<ValidatorIndex>
  readonly assignment: Assignment.Assignment | undefined
  /** What each group may back. */
  readonly assignments: ReadonlyArray<Assignment.Assignment>
  readonly table: StatementTable.StatementTable<CommittedCandidateReceipt>
  /** Candidates we are executing now. */
  readonly validating: Set<CandidateHash>
  /** Candidates that we signed a statement about, or found invalid: never again. */
  readonly issued: Set<CandidateHash>
  readonly reported: Set<ValidatorIndex>
  readonly watchers: Set<RegisterBackingWatcher["watcher"]>
  seconded: boolean
  /** We signed `Valid` about a candidate of our group: another one at this leaf would only stand in its way. */
  agreed: boolean
}

/** Asks the runtime for what backing must know at a leaf. Disabled validators have no assignment. */
export const makeJob = Effect.fnUntraced(function* (
  runtime: RuntimeApi.Service,
  keystore: Keystore.Service,
  { hash: relayParent, number }: Pick<BlockRef, "hash" | "number">
) {
  const session = yield* sessionAt(runtime, keystore, relayParent)
  const cores = yield* runtime.availabilityCores(relayParent)
  const groups = yield* runtime.validatorGroups(relayParent)
  const minimum = yield* runtime.minimumBackingVotes(relayParent)
  const disabled = new Set(yield* runtime.disabledValidators(relayParent))
  const assignments = Assignment.assignments(cores, groups)
  const { own } = session
  const isActive = own !== undefined && !disabled.has(own.index)
  const job: Job = {
    relayParent,
    number,
    session,
    disabled,
    assignment: isActive ? Assignment.assignmentOf(assignments, own.index) : undefined,
    assignments,
    table: StatementTable.make({
      era: "current",
      groups: new Map(assignments.map(({ core, members }) => [core, members])),
      threshold: StatementTable.quorum(minimum),
      oneCandidatePerValidator: true
    }),
    validating: new Set(),
    issued: new Set(),
    reported: new Set(),
    watchers: new Set(),
    seconded: false,
    agreed: false
  }
  return job
})

/** No group serves it: whoever seconds for it is unauthorized. */
const noCore = -1

/** The core for which a validator may second a candidate: the one that its group serves, if the para is scheduled there. */
const coreOf = (
  { assignments }: Job,
  validator: ValidatorIndex,
  { descriptor }: CommittedCandidateReceipt
): number =>
  assignments.find(
    ({ core, members, paraId }) =>
      paraId === descriptor.paraId &&
      members.includes(validator) &&
      (descriptor._tag === "V1" || descriptor.coreIndex === core)
  )?.core ?? noCore

/** A signed statement as the table takes it. */
export const toEntry = (job: Job, { payload, signature, validatorIndex }: SignedFullStatement): Entry =>
  payload._tag === "Seconded"
    ? {
        _tag: "Seconded",
        candidateHash: statementCandidate(payload),
        candidate: payload.value,
        group: coreOf(job, validatorIndex, payload.value),
        validatorIndex,
        signature
      }
    : { _tag: "Valid", candidateHash: payload.value, validatorIndex, signature }

/** The inverse of `toEntry`. */
export const fromEntry = (entry: Entry): SignedFullStatement => ({
  payload:
    entry._tag === "Seconded"
      ? { _tag: "Seconded", value: entry.candidate }
      : { _tag: "Valid", value: entry.candidateHash },
  validatorIndex: entry.validatorIndex,
  signature: entry.signature
})

/** A candidate with its quorum, as a block carries it: the core follows the bits of the group. */
export const toBacked = ({
  candidate,
  group,
  validatorIndices,
  validityVotes
}: StatementTable.Attested<CommittedCandidateReceipt>): BackedCandidate => ({
  candidate,
  validityVotes,
  validatorIndices: withCoreIndex(validatorIndices, group)
})

/** Every candidate of the job that has its quorum. */
export const allBacked = (job: Job): ReadonlyArray<BackedCandidate> =>
  StatementTable.allAttested(job.table).map(toBacked)
