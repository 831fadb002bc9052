/**
 * What the runtime tells about sessions, cores and groups.
 */
import { Schema } from "effect"
import { CandidateDescriptor, CandidateReceipt } from "./Candidate.ts"
import { concatBytes } from "./codec/Cursor.ts"
import * as Scale from "./codec/Scale.ts"
import { Bits, Bytes, fixedHex, record, U32, variants } from "./codec/Wire.ts"
import { MultiDisputeStatementSet } from "./Dispute.ts"
import {
  CandidateHash,
  CollatorId,
  CoreIndex,
  GroupIndex,
  Hash,
  ParaId,
  RelayBlockNumber,
  SessionIndex,
  ValidatorId,
  ValidatorIndex
} from "./Primitives.ts"
import { ValidityAttestation } from "./Statement.ts"

/** A validator's key for approval assignments. */
export const AssignmentId = fixedHex(32, "AssignmentId")
export type AssignmentId = typeof AssignmentId.Type

/**
 * The validators of a session and its parameters. `discoveryKeys` may be longer than `validators`:
 * authorities that wait follow. Positions in `validators` are `ValidatorIndex`.
 */
export const SessionInfo = record({
  activeValidatorIndices: Schema.Array(ValidatorIndex),
  randomSeed: Hash,
  disputePeriod: SessionIndex,
  validators: Schema.Array(ValidatorId),
  discoveryKeys: Schema.Array(ValidatorId),
  assignmentKeys: Schema.Array(AssignmentId),
  validatorGroups: Schema.Array(Schema.Array(ValidatorIndex)),
  nCores: U32,
  zerothDelayTrancheWidth: U32,
  relayVrfModuloSamples: U32,
  nDelayTranches: U32,
  noShowSlots: U32,
  neededApprovals: U32
})
export interface SessionInfo extends Schema.Schema.Type<typeof SessionInfo> {}

/** A parachain that may use a core, and the collator it is reserved for, if any. */
export const ScheduledCore = record({ paraId: ParaId, collator: Schema.NullOr(CollatorId) })
export interface ScheduledCore extends Schema.Schema.Type<typeof ScheduledCore> {}

/** A core whose candidate is backed and not yet available. */
export const OccupiedCore = record({
  nextUpOnAvailable: Schema.NullOr(ScheduledCore),
  occupiedSince: RelayBlockNumber,
  timeOutAt: RelayBlockNumber,
  nextUpOnTimeOut: Schema.NullOr(ScheduledCore),
  availability: Bits,
  groupResponsible: GroupIndex,
  candidateHash: CandidateHash,
  candidateDescriptor: CandidateDescriptor
})
export interface OccupiedCore extends Schema.Schema.Type<typeof OccupiedCore> {}

/** What a core is doing. */
export const CoreState = variants({ Occupied: [0, OccupiedCore], Scheduled: [1, ScheduledCore], Free: [2] })
export type CoreState = typeof CoreState.Type

/** What to assume about the candidate that occupies a core. */
export const OccupiedCoreAssumption = variants({ Included: [0], TimedOut: [1], Free: [2] })
export type OccupiedCoreAssumption = typeof OccupiedCoreAssumption.Type

/** How groups move over cores: one step every `groupRotationFrequency` blocks since the session started. */
export const GroupRotationInfo = record({
  sessionStartBlock: RelayBlockNumber,
  groupRotationFrequency: RelayBlockNumber,
  now: RelayBlockNumber
})
export interface GroupRotationInfo extends Schema.Schema.Type<typeof GroupRotationInfo> {}

/** What happened to a candidate in a block: receipt, head data, core, and the group that backed it. */
export const CandidateEvent = variants({
  CandidateBacked: [0, Schema.Tuple([CandidateReceipt, Bytes, CoreIndex, GroupIndex])],
  CandidateIncluded: [1, Schema.Tuple([CandidateReceipt, Bytes, CoreIndex, GroupIndex])],
  CandidateTimedOut: [2, Schema.Tuple([CandidateReceipt, Bytes, CoreIndex])]
})
export type CandidateEvent = typeof CandidateEvent.Type

/** Backing votes and dispute votes that a block brought on chain. */
export const ScrapedOnChainVotes = record({
  session: SessionIndex,
  backingValidatorsPerCandidate: Schema.Array(
    Schema.Tuple([CandidateReceipt, Schema.Array(Schema.Tuple([ValidatorIndex, ValidityAttestation]))])
  ),
  disputes: MultiDisputeStatementSet
})
export interface ScrapedOnChainVotes extends Schema.Schema.Type<typeof ScrapedOnChainVotes> {}

/** A validator's verdict on new validation code, before it may be used. */
export const PvfCheckStatement = record({
  accept: Schema.Boolean,
  subject: Hash,
  sessionIndex: SessionIndex,
  validatorIndex: ValidatorIndex
})
export interface PvfCheckStatement extends Schema.Schema.Type<typeof PvfCheckStatement> {}

const pvfCheckMagic = new TextEncoder().encode("VCPC")

/** The 45 bytes that a validator signs for a verdict on validation code. */
export const pvfCheckPayload = (statement: PvfCheckStatement): Uint8Array =>
  concatBytes(pvfCheckMagic, Scale.encode(PvfCheckStatement)(statement))

const rotations = ({ groupRotationFrequency, now, sessionStartBlock }: GroupRotationInfo): number =>
  groupRotationFrequency === 0 ? 0 : Math.floor(Math.max(0, now - sessionStartBlock) / groupRotationFrequency)

/** The group that is responsible for a core now, of as many groups as there are cores. */
export const groupForCore = (info: GroupRotationInfo, core: CoreIndex, cores: number): GroupIndex =>
  info.groupRotationFrequency === 0 ? core : cores === 0 ? 0 : (core + rotations(info)) % cores

/** The core that a group is responsible for now: the inverse of `groupForCore`. */
export const coreForGroup = (info: GroupRotationInfo, group: GroupIndex, cores: number): CoreIndex =>
  info.groupRotationFrequency === 0
    ? group
    : cores === 0
      ? 0
      : (group + cores - (rotations(info) % cores)) % cores

/** The height at which groups move next. `undefined` if they never move. */
export const nextRotationAt = (info: GroupRotationInfo): RelayBlockNumber | undefined =>
  info.groupRotationFrequency === 0
    ? undefined
    : info.sessionStartBlock + (rotations(info) + 1) * info.groupRotationFrequency
