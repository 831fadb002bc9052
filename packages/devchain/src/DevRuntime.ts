/**
 * The development relay runtime: sessions, cores, backing, availability and disputes as a pure fold over blocks. A
 * state is a small value that belongs to one block; nothing here knows about forks, stores or fibers.
 */
import type { Signatures } from "@ephor/keystore"
import {
  type BackedCandidate,
  type CandidateHash,
  type Evidence,
  type InherentData,
  type ParaId,
  type ScrapedOnChainVotes,
  type SessionIndex,
  type Signature,
  validationCodeHash,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import type { ChainBlock } from "@ephor/chain/Chain"
import { backingFault } from "./runtime/Backing.ts"
import * as Books from "./runtime/Books.ts"
import { admitDisputes, concludedAgainst } from "./runtime/Disputes.ts"
import { sessionAt } from "./runtime/Sessions.ts"
import { recordSlashes } from "./runtime/Slashes.ts"
import { admit as admitEvidence } from "./runtime/Evidence.ts"
import type { Draft } from "./runtime/Draft.ts"
import type { Ancestor, DisputeRecord, RuntimeState } from "./runtime/State.ts"
import { admitBitfields, includeAvailable, timeOut } from "./runtime/Availability.ts"

export { rotationAfter, sessionAt } from "./runtime/Sessions.ts"
export { Ancestor, DisputeRecord, ParaState, PendingCandidate, RuntimeState } from "./runtime/State.ts"

/** A parachain that has a core from the first block on: the n-th one uses core n. */
export interface Para {
  readonly id: ParaId
  readonly genesisHead: Uint8Array
  readonly validationCode: Uint8Array
}

/** What the runtime is configured with; the same for all blocks of a chain. */
export interface Options {
  readonly validators: ReadonlyArray<ValidatorId>
  /** Groups of positions in `validators`; there are as many cores as groups, and at most as many parachains. */
  readonly groups: ReadonlyArray<ReadonlyArray<ValidatorIndex>>
  readonly paras: ReadonlyArray<Para>
  /** Backing votes that a candidate needs, in groups that are large enough. */
  readonly minimumBackingVotes: number
  /** Blocks after which groups move to the next core; 0: they never do. */
  readonly groupRotationFrequency: number
  readonly sessionLengthBlocks: number
  /** How many blocks back the relay parent of a backed candidate may be, the parent counting as 0. */
  readonly allowedAncestry: number
  /** Blocks after which a candidate that did not become available loses its core. */
  readonly availabilityTimeoutBlocks: number
  /** Sessions for which disputes and the slashes that follow from them are remembered. */
  readonly disputePeriod: number
  /** Blocks after its conclusion for which a dispute still takes votes. */
  readonly disputeAcceptanceBlocks: number
  readonly maxPovSize: number
  /** What every validator has at stake in the beginning. */
  readonly stake: bigint
  /** What a vote earns that a supermajority shares in the end. */
  readonly voteReward: bigint
  /** Who loses this part of its stake for a session, in billionths, is disabled until the session is over. */
  readonly disablingPerbill: number
  /** The part of its stake, in billionths, that a validator loses that contradicts itself, or seconds two candidates. */
  readonly contradictionPerbill: number
  /** Pieces of evidence that count in a block. */
  readonly evidencePerBlock: number
}

/** Defaults of `Options`, made for a small network with blocks of a second. */
export const defaults: Omit<Options, "validators" | "groups" | "paras"> = {
  minimumBackingVotes: 2,
  groupRotationFrequency: 10,
  sessionLengthBlocks: 600,
  allowedAncestry: 3,
  availabilityTimeoutBlocks: 8,
  disputePeriod: 6,
  disputeAcceptanceBlocks: 100,
  maxPovSize: 5 * 1024 * 1024,
  stake: 1_000_000_000_000n,
  voteReward: 1_000_000_000n,
  disablingPerbill: 500_000_000,
  contradictionPerbill: 500_000_000,
  evidencePerBlock: 64
}

/** Verifies an sr25519 signature; false for anything that is none. */
export type Verify = (key: ValidatorId, payload: Uint8Array, signature: Signature) => boolean

/** What a fold needs besides the state. */
export interface Context {
  readonly options: Options
  readonly verify: Verify
  /** The verdicts of `verify` on each of several signatures, if they cost less together. */
  readonly verifyAll?: (checks: ReadonlyArray<Signatures.Check>) => ReadonlyArray<boolean>
  /** Candidates that may never be backed again, whatever the branch. */
  readonly isRejected: (candidate: CandidateHash) => boolean
}

/** The block that a state belongs to. */
export const blockOf = (state: RuntimeState): Ancestor => state.ancestry[0]!

const ancestorOf = ({ output, ref }: Pick<ChainBlock, "ref" | "output">): Ancestor => ({
  hash: ref.hash,
  number: ref.number,
  stateRoot: output.stateRoot
})

const noVotes = (session: SessionIndex): ScrapedOnChainVotes => ({
  session,
  backingValidatorsPerCandidate: [],
  disputes: []
})

/** The state after the first block. */
export const genesisState = (options: Options, block: Pick<ChainBlock, "ref" | "output">): RuntimeState => ({
  ancestry: [ancestorOf(block)],
  paras: options.paras.map(({ genesisHead, id, validationCode }) => ({
    id,
    head: genesisHead,
    codeHash: validationCodeHash(validationCode)
  })),
  cores: options.groups.map(() => null),
  disputes: [],
  slashes: [],
  events: [],
  votes: noVotes(sessionAt(options, block.ref.number)),
  ...Books.empty
})

/** What an inherent did to a state. */
export interface Applied {
  /** The state of the new block, except that `ancestry` still begins with its parent. */
  readonly state: RuntimeState
  /** The part of the inherent that was taken: what an honest author puts into its block. */
  readonly accepted: Omit<InherentData, "parentHeader">
  /** The evidence that was taken. */
  readonly evidence: ReadonlyArray<Evidence>
  /** Validation code that candidates brought along. */
  readonly codes: ReadonlyArray<Uint8Array>
}

/**
 * Runs the block after `parent` up to its hash: disputes first, then availability, then new candidates. Whatever in the
 * inherent does not hold (signatures, cores, relay parents, validation data) is left out, as if it had not been there.
 */
export const apply = (
  context: Context,
  parent: RuntimeState,
  inherent: Pick<InherentData, "bitfields" | "backedCandidates" | "disputes"> | undefined,
  offered: ReadonlyArray<Evidence> = []
): Applied => {
  const { options } = context
  const { number: parentNumber } = blockOf(parent)
  const number = parentNumber + 1
  const session = sessionAt(options, number)
  const sameSession = session === sessionAt(options, parentNumber)
  const isKept = (entry: { readonly session: SessionIndex }) =>
    entry.session + options.disputePeriod + 1 >= session
  const draft: Draft = {
    number,
    session,
    disabled: new Set(Books.disabledIn(options, parent, session)),
    paras: [...parent.paras],
    cores: sameSession ? [...parent.cores] : parent.cores.map(() => null),
    disputes: parent.disputes.filter(isKept),
    events: [],
    backing: [],
    codes: []
  }
  const disputes = admitDisputes(context, draft.disputes, inherent?.disputes ?? [], draft)
  draft.disputes = disputes.records
  evictDisputed(options, draft)
  const bitfields = admitBitfields(context, parent, draft, inherent?.bitfields ?? [])
  includeAvailable(options, draft)
  timeOut(options, draft)
  const backedCandidates = (inherent?.backedCandidates ?? []).filter((backed) =>
    back(context, parent, draft, backed)
  )
  const known = parent.slashes.filter(isKept)
  const slashes = recordSlashes(options, known, disputes.changed, number)
  const books: Books.Books = {
    standings: parent.standings,
    penalties: parent.penalties.filter(isKept),
    rewarded: parent.rewarded.filter(isKept)
  }
  const fresh = slashes.filter((slash) => !known.includes(slash))
  const weighed = admitEvidence(context, Books.settle(options, books, fresh, number), offered, draft)
  return {
    state: {
      ...weighed.books,
      ancestry: parent.ancestry,
      paras: draft.paras,
      cores: draft.cores,
      disputes: draft.disputes,
      slashes,
      events: draft.events,
      votes: { session, backingValidatorsPerCandidate: draft.backing, disputes: disputes.accepted }
    },
    accepted: { bitfields, backedCandidates, disputes: disputes.accepted },
    evidence: weighed.accepted,
    codes: draft.codes
  }
}

/** Completes a state with the block that it belongs to. */
export const seal = (
  options: Options,
  state: RuntimeState,
  block: Pick<ChainBlock, "ref" | "output">
): RuntimeState => ({
  ...state,
  ancestry: [ancestorOf(block), ...state.ancestry].slice(0, options.allowedAncestry + 1)
})

/** Applies the inherent of a block and completes the state. */
export const step = (
  context: Context,
  parent: RuntimeState,
  inherent: InherentData | undefined,
  block: Pick<ChainBlock, "ref" | "output">,
  evidence: ReadonlyArray<Evidence> = []
): { readonly state: RuntimeState; readonly codes: ReadonlyArray<Uint8Array> } => {
  const { codes, state } = apply(context, parent, inherent, evidence)
  return { state: seal(context.options, state, block), codes }
}

const isDisputed = (
  options: Options,
  disputes: ReadonlyArray<DisputeRecord>,
  candidate: CandidateHash
): boolean =>
  disputes.some((dispute) => dispute.candidateHash === candidate && concludedAgainst(options, dispute.state))

const evictDisputed = (options: Options, draft: Draft): void => {
  for (const [core, pending] of draft.cores.entries()) {
    if (pending !== null && isDisputed(options, draft.disputes, pending.candidateHash))
      draft.cores[core] = null
  }
}

const back = (context: Context, parent: RuntimeState, draft: Draft, backed: BackedCandidate): boolean => {
  const { options } = context
  const checked = backingFault(context, parent, draft, backed)
  if (typeof checked === "string") return false
  const { candidateHash, core, group, receipt, votes } = checked
  if (context.isRejected(candidateHash) || isDisputed(options, draft.disputes, candidateHash)) return false
  const { commitments } = backed.candidate
  const code = commitments.newValidationCode
  if (code !== null) draft.codes.push(code)
  draft.cores[core] = {
    candidateHash,
    receipt,
    headData: commitments.headData,
    newCodeHash: code === null ? null : validationCodeHash(code),
    group,
    backedAt: draft.number,
    availability: "0".repeat(options.validators.length)
  }
  draft.events.push({ _tag: "CandidateBacked", value: [receipt, commitments.headData, core, group] })
  draft.backing.push([receipt, votes])
  return true
}

/** The head that the next candidate of a parachain builds upon: that of the candidate on its core, if there is one. */
export const expectedHead = (state: RuntimeState, core: number): Uint8Array | undefined =>
  state.cores[core]?.headData ?? state.paras[core]?.head
