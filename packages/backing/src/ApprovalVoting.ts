/**
 * Approval voting, in its simplest form: every validator executes every included candidate once more, after the
 * fact.
 *
 * What is to be checked follows from the blocks that are not final, at every leaf anew, so that neither a restart nor data
 * that is away for a while loses a candidate; what was approved is on disk. A candidate that turns out invalid is reported
 * to the dispute coordinator. Trouble of our own is no verdict: we ask again, until the block is final or gone. There are
 * no assignments and no approval messages between validators; approvals are signed when a dispute asks for them.
 */
import { Deferred, Effect, type Layer, Metric, Semaphore } from "effect"
import { Chain, RuntimeApi } from "@ephor/chain"
import { Keystore } from "@ephor/keystore"
import { Store } from "@ephor/store"
import {
  type ApprovalSignature,
  type ApprovalStatements,
  ApprovalVoting,
  type ApprovedAncestor,
  AvailabilityRecovery,
  CandidateValidation,
  DisputeCoordinator,
  Overseer,
  Signal,
  Subsystem,
  Unsettled
} from "@ephor/overseer"
import {
  type BlockRef,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  disputeStatementPayload,
  type SessionIndex
} from "@ephor/types"
import * as ApprovalRecord from "./approval/ApprovalRecord.ts"
import { approvedBlocks } from "./approval/ApprovedChain.ts"
import { judge } from "./approval/Verdict.ts"
import { Recent } from "./shared/Recent.ts"
import * as Metrics from "./Metrics.ts"

/** Limits of approval voting. Times are milliseconds. */
export interface Limits extends ApprovalRecord.Limits {
  /** Candidates checked at a time; others wait. */
  readonly concurrency: number
  /** Candidates that may be waiting for their check, or for another try; further ones follow with later leaves. */
  readonly maxWaiting: number
  /** How far below a leaf blocks are looked at for candidates that are not checked yet. */
  readonly maxBlocks: number
  /** Pause before a candidate that could not be checked is tried again; each further pause is twice as long. */
  readonly retryDelayMs: number
  /** The longest pause. */
  readonly retryLimitMs: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  ...ApprovalRecord.defaults,
  concurrency: 4,
  maxWaiting: 1024,
  maxBlocks: 500,
  retryDelayMs: 1000,
  retryLimitMs: 30_000
}

/** A candidate that is to be checked, and the blocks that include it. */
interface Duty {
  readonly candidate: CandidateReceipt
  readonly hash: CandidateHash
  readonly blocks: Array<BlockRef>
}

/** What the subsystem knows while it runs. */
interface State {
  readonly limits: Limits
  readonly chain: Chain.Service
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly permits: Semaphore.Semaphore
  readonly approved: ApprovalRecord.ApprovalRecord
  /** Candidates found invalid, of which the coordinator was told. */
  readonly invalid: Recent<CandidateHash>
  readonly duties: Map<CandidateHash, Duty>
}

const approve = ({ approved }: State, { blocks, candidate, hash }: Duty, session: SessionIndex) =>
  approved
    .add(hash, blocks[0]!.number, { session, relayParent: candidate.descriptor.relayParent })
    .pipe(
      Effect.catch((error) =>
        Effect.logError("an approval is not on disk: a restart checks its candidate again", error.message)
      )
    )

const report = Effect.fnUntraced(function* (
  { invalid }: State,
  { candidate, hash }: Duty,
  session: SessionIndex
) {
  yield* Effect.logWarning("an included candidate is invalid", {
    candidate: hash,
    para: candidate.descriptor.paraId
  })
  yield* DisputeCoordinator.send({
    _tag: "IssueLocalStatement",
    session,
    candidateHash: hash,
    candidate,
    valid: false
  })
  invalid.add(hash)
})

/** Checks once; whether there is a verdict now. */
const attempt = Effect.fnUntraced(
  function* (state: State, duty: Duty) {
    const session = yield* state.runtime.sessionIndexForChild(duty.candidate.descriptor.relayParent)
    const verdict = yield* judge(duty.candidate, session)
    yield* Metric.update(Metrics.approvals(verdict), 1)
    if (verdict === "Valid") yield* approve(state, duty, session)
    if (verdict === "Invalid") yield* report(state, duty, session)
    return verdict !== "Failed"
  },
  Effect.catchTag("RuntimeApiError", (error) =>
    Effect.as(Effect.logWarning("an included candidate cannot be checked yet", error.message), false)
  )
)

/** Whether the duty still stands: one of the blocks may yet become final. */
const isOpen = Effect.fnUntraced(function* ({ chain }: State, { blocks }: Duty) {
  for (const block of blocks) if (yield* Unsettled.isOpen(chain, block)) return true
  return false
})

/** Tries until there is a verdict, or nothing depends on it any more. */
const check = Effect.fnUntraced(function* (state: State, duty: Duty) {
  const { retryDelayMs, retryLimitMs } = state.limits
  for (let pauseMs = retryDelayMs; ; pauseMs = Math.min(pauseMs * 2, retryLimitMs)) {
    if (yield* state.permits.withPermits(1)(attempt(state, duty))) return
    yield* Effect.sleep(pauseMs)
    if (!(yield* isOpen(state, duty))) {
      return yield* Effect.logWarning("an included candidate was never checked: its block is final or gone", {
        candidate: duty.hash
      })
    }
    yield* Metric.update(Metrics.approvalRetries, 1)
  }
})

/** Takes a candidate up, beside everything else and whatever becomes of the leaf; false if too many wait. */
const takeUp = Effect.fnUntraced(function* (state: State, candidate: CandidateReceipt, block: BlockRef) {
  const hash = candidateHash(candidate)
  if (state.approved.get(hash) !== undefined || state.invalid.has(hash)) return true
  const known = state.duties.get(hash)
  if (known !== undefined) {
    if (known.blocks.every((other) => other.hash !== block.hash)) known.blocks.push(block)
    return true
  }
  if (state.duties.size >= state.limits.maxWaiting) return false
  const duty: Duty = { candidate, hash, blocks: [block] }
  state.duties.set(hash, duty)
  yield* Subsystem.spawn(
    check(state, duty).pipe(Effect.ensuring(Effect.sync(() => state.duties.delete(hash))))
  )
  return true
})

/** Takes up what a block includes; false if there is no room for all of it. */
const onBlock = Effect.fnUntraced(
  function* (state: State, block: BlockRef) {
    for (const event of yield* state.runtime.candidateEvents(block.hash)) {
      if (event._tag === "CandidateIncluded" && !(yield* takeUp(state, event.value[0], block))) return false
    }
    return true
  },
  Effect.catchTag("RuntimeApiError", (error) =>
    Effect.as(Effect.logWarning("included candidates wait for a later leaf", error.message), true)
  )
)

/** Looks for what is to be checked in the blocks that are not final: what an earlier run left is among it. */
const onLeaf = Effect.fnUntraced(function* (state: State, leaf: Signal.Leaf) {
  const { chain, limits } = state
  for (const block of yield* Unsettled.at(chain, leaf, { maxBlocks: limits.maxBlocks })) {
    if (yield* onBlock(state, block)) continue
    return yield* Effect.logWarning("included candidates wait for a later leaf: too many are being checked")
  }
})

/** Our own approvals, signed now: nothing is kept that could be asked for only in a dispute. */
const sign = Effect.fnUntraced(
  function* (
    { keystore, runtime }: State,
    hash: CandidateHash,
    { relayParent, session }: ApprovalRecord.Approval
  ) {
    const { validators } = yield* runtime.sessionInfo(relayParent, session)
    const payload = disputeStatementPayload(
      { _tag: "Valid", value: { _tag: "ApprovalChecking" } },
      hash,
      session
    )
    const signatures: Array<ApprovalSignature> = []
    for (const validatorIndex of yield* keystore.owned(validators)) {
      const key = validators[validatorIndex]
      if (key === undefined || payload === undefined) continue
      signatures.push({ validatorIndex, candidates: [hash], signature: yield* keystore.sign(key, payload) })
    }
    return signatures
  },
  Effect.catch((error) => Effect.as(Effect.logWarning("an approval could not be signed", error.message), []))
)

const onAsked = Effect.fnUntraced(function* (state: State, message: ApprovalStatements) {
  const approval = state.approved.get(message.candidateHash)
  const isKnown = approval !== undefined && approval.session === message.session
  yield* Deferred.succeed(message.reply, isKnown ? yield* sign(state, message.candidateHash, approval) : [])
})

const tellApproved = Effect.fnUntraced(function* (state: State, message: ApprovedAncestor) {
  const { approved, chain, runtime } = state
  yield* Deferred.succeed(message.reply, yield* approvedBlocks(chain, runtime, approved.get, message))
})

const onFinalized = ({ approved }: State, number: number) =>
  approved
    .prune(number)
    .pipe(Effect.catch((error) => Effect.logError("approvals: pruning failed", error.message)))

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      limits,
      chain: yield* Chain.Chain,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      permits: yield* Semaphore.make(limits.concurrency),
      approved: yield* ApprovalRecord.make(yield* Store.Store, limits),
      invalid: new Recent(limits.remembered),
      duties: new Map()
    }
    return {
      signal: Signal.match({
        ActiveLeaves: ({ activated }) =>
          (activated === null ? Effect.void : onLeaf(state, activated)).pipe(
            Effect.andThen(Effect.suspend(() => Metric.update(Metrics.approvalsWaiting, state.duties.size)))
          ),
        BlockFinalized: ({ number }) => onFinalized(state, number),
        Conclude: () => Effect.void
      }),
      message: ApprovalVoting.match({
        ApprovalStatements: (message) => onAsked(state, message),
        // Beside the handlers: far behind finality there is much to read.
        ApprovedAncestor: (message) => Subsystem.spawn(tellApproved(state, message))
      })
    }
  })

/** Everything approval voting needs to run. */
export type Requirements =
  | ApprovalVoting
  | AvailabilityRecovery
  | CandidateValidation
  | DisputeCoordinator
  | Overseer.Overseer
  | Chain.Chain
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Store.Store

/** Checks included candidates. Fails if the approvals of an earlier run cannot be read. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, Store.StoreError, Requirements> =>
  ApprovalVoting.toLayer(make({ ...defaults, ...options }))
