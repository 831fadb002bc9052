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
  type ValidatorIndex
} from "@ephor/types"
import * as Assignment from "../Assignment.ts"
import * as StatementTable from "../StatementTable.ts"
import { type Session, sessionAt } from "../shared/Session.ts"

/** A statement as the table takes it; the group is known by the para it may back. */
export type Entry = StatementTable.TableStatement<CommittedCandidateReceipt>

/** Everything one leaf's backing knows. */
export interface Job {
  readonly relayParent: Hash
  readonly number: BlockNumber
  readonly session: Session
  readonly disabled: ReadonlySet<ValidatorIndex>
  readonly assignment: Assignment.Assignment | undefined
  readonly table: StatementTable.StatementTable<CommittedCandidateReceipt>
  /** Candidates we are executing now. */
  readonly validating: Set<CandidateHash>
  /** Candidates that we signed a statement about, or found invalid: never again. */
  readonly issued: Set<CandidateHash>
  readonly reported: Set<ValidatorIndex>
  readonly watchers: Set<RegisterBackingWatcher["watcher"]>
  seconded: boolean
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
    table: StatementTable.make({
      era: "current",
      groups: new Map(assignments.map(({ members, paraId }) => [paraId, members])),
      threshold: StatementTable.quorum(minimum),
      oneCandidatePerValidator: true
    }),
    validating: new Set(),
    issued: new Set(),
    reported: new Set(),
    watchers: new Set(),
    seconded: false
  }
  return job
})

/** A signed statement as the table takes it. */
export const toEntry = ({ payload, signature, validatorIndex }: SignedFullStatement): Entry =>
  payload._tag === "Seconded"
    ? {
        _tag: "Seconded",
        candidateHash: statementCandidate(payload),
        candidate: payload.value,
        group: payload.value.descriptor.paraId,
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

/** A candidate with its quorum, as a block carries it. */
export const toBacked = ({
  candidate,
  validatorIndices,
  validityVotes
}: StatementTable.Attested<CommittedCandidateReceipt>): BackedCandidate => ({
  candidate,
  validityVotes,
  validatorIndices
})

/** Every candidate of the job that has its quorum. */
export const allBacked = (job: Job): ReadonlyArray<BackedCandidate> =>
  StatementTable.allAttested(job.table).map(toBacked)
