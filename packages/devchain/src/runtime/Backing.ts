/**
 * Whether a backed candidate of an inherent may take its core.
 */
import {
  attestedStatement,
  type BackedCandidate,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  descriptorVersion,
  groupForCore,
  headDataHash,
  persistedValidationDataHash,
  splitCoreIndex,
  statementPayload,
  toPlain,
  type ValidatorIndex,
  type ValidityAttestation
} from "@ephor/types"
import type { Ancestor, Context, ParaState, PendingCandidate, RuntimeState } from "../DevRuntime.ts"
import { rotationAfter, sessionAt } from "./Sessions.ts"

interface Block {
  readonly session: number
  readonly disabled: ReadonlySet<ValidatorIndex>
  readonly paras: ReadonlyArray<ParaState>
  readonly cores: ReadonlyArray<PendingCandidate | null>
}

/** What is known of a candidate whose backing holds. */
export interface Backing {
  readonly candidateHash: CandidateHash
  readonly receipt: CandidateReceipt
  readonly core: number
  readonly group: number
  readonly votes: ReadonlyArray<readonly [ValidatorIndex, ValidityAttestation]>
}

/** The backing of a candidate in the block that is being made, or what is wrong with it. */
export const backingFault = (
  context: Context,
  parent: RuntimeState,
  block: Block,
  backed: BackedCandidate
): Backing | string => {
  const { options } = context
  const { descriptor } = backed.candidate
  const core = block.paras.findIndex(({ id }) => id === descriptor.paraId)
  if (core < 0) return `parachain ${descriptor.paraId} is not registered`
  if (block.cores[core] !== null) return `core ${core} is occupied`
  if (descriptorVersion(descriptor) === "Unknown") return "the version of the descriptor is unknown"
  const relayParent = parent.ancestry.find(({ hash }) => hash === descriptor.relayParent)
  if (relayParent === undefined)
    return `relay parent ${descriptor.relayParent} is too old, or on another branch`
  if (sessionAt(options, relayParent.number + 1) !== block.session)
    return "the relay parent is of another session"
  if (
    descriptor._tag === "V2" &&
    (descriptor.coreIndex !== core || descriptor.sessionIndex !== block.session)
  ) {
    return "the descriptor names another core or session"
  }
  const para = block.paras[core]!
  if (validationDataHash(context, para, relayParent) !== descriptor.persistedValidationDataHash) {
    return "the candidate does not build on the head of its parachain"
  }
  if (descriptor.validationCodeHash !== para.codeHash)
    return "the candidate was made with other validation code"
  if (descriptor.paraHead !== headDataHash(backed.candidate.commitments.headData))
    return "the head data is not the one of the descriptor"
  return checkVotes(context, block, backed, core, relayParent)
}

const validationDataHash = ({ options }: Context, para: ParaState, relayParent: Ancestor) =>
  persistedValidationDataHash({
    parentHead: para.head,
    relayParentNumber: relayParent.number,
    relayParentStorageRoot: relayParent.stateRoot,
    maxPovSize: options.maxPovSize
  })

const checkVotes = (
  { options, verify }: Context,
  block: Block,
  backed: BackedCandidate,
  core: number,
  relayParent: Ancestor
): Backing | string => {
  const group = groupForCore(rotationAfter(options, relayParent.number), core, options.groups.length)
  const members = options.groups[group]!
  const { core: namedCore, groupBits } = splitCoreIndex(backed.validatorIndices, members.length)
  if (groupBits.length !== members.length) return "the bits of validators do not fit the group"
  if (namedCore !== undefined && namedCore !== core) return "the bits of validators name another core"
  // Bits beyond the last vote count for nothing, as in `check_candidate_backing` of polkadot-primitives.
  const voters = members
    .filter((_, position) => groupBits[position] === "1")
    .slice(0, backed.validityVotes.length)
  const needed = Math.min(members.length, options.minimumBackingVotes)
  if (voters.length < backed.validityVotes.length) return "there are more votes than bits of validators"
  const counted = voters.filter((validator) => !block.disabled.has(validator))
  if (counted.length < needed) return `${counted.length} backing votes that count, ${needed} are needed`
  const receipt = toPlain(backed.candidate)
  const hash = candidateHash(receipt)
  const signing = { sessionIndex: block.session, parentHash: relayParent.hash }
  const votes = voters.map((validator, position) => [validator, backed.validityVotes[position]!] as const)
  for (const [validator, attestation] of votes) {
    const payload = statementPayload(attestedStatement(attestation, hash), signing)
    const key = options.validators[validator]
    if (key === undefined || !verify(key, payload, attestation.value)) {
      return `the vote of validator ${validator} has no valid signature`
    }
  }
  return {
    candidateHash: hash,
    receipt,
    core,
    group,
    votes: votes.filter(([validator]) => !block.disabled.has(validator))
  }
}
