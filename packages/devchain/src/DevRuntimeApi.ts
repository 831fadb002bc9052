/**
 * Answers of the runtime API, read out of a state of the development runtime. Pure.
 */
import {
  blake2b256,
  type CoreState,
  type PersistedValidationData,
  type ScheduledCore,
  type SessionIndex,
  type SessionInfo,
  type ValidatorIndex
} from "@ephor/types"
import {
  blockOf,
  expectedHead,
  type Options,
  rotationAfter,
  type RuntimeState,
  sessionAt
} from "./DevRuntime.ts"
import type { OnChainDispute, ValidatorGroups } from "@ephor/chain/RuntimeApi"
import type { Slash } from "@ephor/chain/Slash"
import type { Standing } from "@ephor/chain/Standing"
import * as Books from "./runtime/Books.ts"

/** The session that the children of a block belong to. */
export const sessionIndexForChild = (options: Options, state: RuntimeState): SessionIndex =>
  sessionAt(options, blockOf(state).number + 1)

/**
 * A session as it is known at a block: the current one and those for which disputes are remembered; nothing for any
 * other. The validator set of a development chain never changes.
 */
export const sessionInfo = (
  options: Options,
  state: RuntimeState,
  session: SessionIndex
): SessionInfo | undefined => {
  const current = sessionIndexForChild(options, state)
  if (session > current || session + options.disputePeriod < current) return undefined
  return {
    activeValidatorIndices: options.validators.map((_, index) => index),
    randomSeed: blake2b256(new TextEncoder().encode(`session ${session}`)),
    disputePeriod: options.disputePeriod,
    validators: options.validators,
    discoveryKeys: options.validators,
    assignmentKeys: options.validators,
    validatorGroups: options.groups,
    nCores: options.groups.length,
    zerothDelayTrancheWidth: 0,
    relayVrfModuloSamples: 1,
    nDelayTranches: 1,
    noShowSlots: 1,
    neededApprovals: 0
  }
}

/** The groups, and how they stand for candidates whose relay parent is the block. */
export const validatorGroups = (options: Options, state: RuntimeState): ValidatorGroups => ({
  groups: options.groups,
  rotation: rotationAfter(options, blockOf(state).number)
})

/** What every core is doing after the block. */
export const availabilityCores = (options: Options, state: RuntimeState): ReadonlyArray<CoreState> =>
  state.cores.map((pending, core): CoreState => {
    const para = state.paras[core]
    const next: ScheduledCore | null = para === undefined ? null : { paraId: para.id, collator: null }
    if (pending === null) return next === null ? { _tag: "Free" } : { _tag: "Scheduled", value: next }
    return {
      _tag: "Occupied",
      value: {
        nextUpOnAvailable: next,
        occupiedSince: pending.backedAt,
        timeOutAt: pending.backedAt + options.availabilityTimeoutBlocks,
        nextUpOnTimeOut: next,
        availability: pending.availability,
        groupResponsible: pending.group,
        candidateHash: pending.candidateHash,
        candidateDescriptor: pending.receipt.descriptor
      }
    }
  })

/**
 * What a candidate of the parachain with this relay parent is executed with. While a candidate occupies the core, it is
 * taken for included, so that parachains need not wait a block for every block.
 */
export const persistedValidationData = (
  options: Options,
  state: RuntimeState,
  para: number
): PersistedValidationData | undefined => {
  const core = state.paras.findIndex(({ id }) => id === para)
  const parentHead = expectedHead(state, core)
  const { number, stateRoot } = blockOf(state)
  return parentHead === undefined
    ? undefined
    : {
        parentHead,
        relayParentNumber: number,
        relayParentStorageRoot: stateRoot,
        maxPovSize: options.maxPovSize
      }
}

/** The hash of the code of a parachain. */
export const validationCodeHashOf = (state: RuntimeState, para: number): `0x${string}` | undefined =>
  state.paras.find(({ id }) => id === para)?.codeHash

const byDispute = (left: OnChainDispute | Slash, right: OnChainDispute | Slash): number => {
  if (left.session !== right.session) return left.session - right.session
  return left.candidateHash === right.candidateHash ? 0 : left.candidateHash < right.candidateHash ? -1 : 1
}

/** The disputes on chain, sorted by session and then by candidate. */
export const disputes = (state: RuntimeState): ReadonlyArray<OnChainDispute> =>
  state.disputes
    .map(({ candidateHash, session, state }) => ({ session, candidateHash, state }))
    .sort(byDispute)

/** What is held against validators that lost disputes, sorted by session, candidate and validator. */
export const unappliedSlashes = (state: RuntimeState): ReadonlyArray<Slash> =>
  state.slashes.toSorted(
    (left, right) => byDispute(left, right) || left.validatorIndex - right.validatorIndex
  )

/** Whom children of the block are made without. */
export const disabledValidators = (options: Options, state: RuntimeState): ReadonlyArray<ValidatorIndex> =>
  Books.disabledIn(options, state, sessionIndexForChild(options, state))

/** Where every validator stands after the block. */
export const standings = (options: Options, state: RuntimeState): ReadonlyArray<Standing> =>
  options.validators.map((_, index) => Books.standingOf(options, state, index))
