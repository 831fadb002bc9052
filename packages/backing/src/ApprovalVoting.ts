/**
 * Approval voting, in its simplest form: every validator executes every included candidate once more, after the
 * fact.
 *
 * A candidate that turns out invalid is reported to the dispute coordinator. Trouble of our own is no verdict:
 * we abstain. There are no assignments and no approval messages between validators; approvals are signed when a
 * dispute asks for them.
 */
import { Deferred, Effect, type Layer, Metric, Semaphore } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import {
  type ApprovalSignature,
  type ApprovalStatements,
  ApprovalVoting,
  AvailabilityRecovery,
  CandidateValidation,
  DisputeCoordinator,
  Overseer,
  type RecoveryOutcome,
  Signal,
  Subsystem,
  type ValidationOutcome
} from "@ephor/overseer"
import {
  type AvailableData,
  type CandidateEvent,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  disputeStatementPayload,
  type Hash,
  type SessionIndex
} from "@ephor/types"
import { Recent } from "./shared/Recent.ts"
import * as Metrics from "./Metrics.ts"

/** Limits of approval voting. Times are milliseconds. */
export interface Limits {
  /** Candidates checked at a time; others wait. */
  readonly concurrency: number
  /** Candidates that may wait; further ones are not checked. */
  readonly maxWaiting: number
  /** Verdicts remembered. */
  readonly remembered: number
  /** Attempts to recover the data of a candidate, and the pause between them. */
  readonly recoveryAttempts: number
  readonly retryDelayMs: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  concurrency: 4,
  maxWaiting: 1024,
  remembered: 4096,
  recoveryAttempts: 5,
  retryDelayMs: 1000
}

/** `Failed`: we could not tell, and say nothing. */
type Verdict = "Valid" | "Invalid" | "Failed"

interface Approval {
  readonly session: SessionIndex
  readonly relayParent: Hash
}

/** What the subsystem knows while it runs. */
interface State {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly permits: Semaphore.Semaphore
  readonly seen: Recent<CandidateHash>
  readonly approved: Recent<CandidateHash, Approval>
  waiting: number
}

const recover = Effect.fnUntraced(function* (
  { limits }: State,
  candidate: CandidateReceipt,
  session: SessionIndex
) {
  for (let attempt = 1; ; attempt++) {
    const outcome = yield* AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
      _tag: "RecoverAvailableData",
      candidate,
      session,
      reply
    }))
    if (outcome._tag !== "Unavailable" || attempt >= limits.recoveryAttempts) return outcome
    yield* Effect.sleep(limits.retryDelayMs)
  }
})

const execute = (candidate: CandidateReceipt, at: Hash, data: AvailableData) =>
  CandidateValidation.ask((reply: Deferred.Deferred<ValidationOutcome>) => ({
    _tag: "Validate",
    candidate,
    relayParent: at,
    povOrigin: { _tag: "Included", pov: data.pov },
    kind: "Approval",
    persistedValidationData: data.validationData,
    reply
  }))

const judge = Effect.fnUntraced(function* (
  state: State,
  candidate: CandidateReceipt,
  session: SessionIndex,
  at: Hash
) {
  const recovered = yield* recover(state, candidate, session)
  if (recovered._tag === "InvalidData") return "Invalid" satisfies Verdict
  if (recovered._tag === "Unavailable") return "Failed" satisfies Verdict
  return (yield* execute(candidate, at, recovered.data))._tag satisfies Verdict
})

const check = Effect.fnUntraced(function* (
  state: State,
  candidate: CandidateReceipt,
  hash: CandidateHash,
  at: Hash
) {
  const { paraId, relayParent } = candidate.descriptor
  const session = yield* state.runtime.sessionIndexForChild(relayParent)
  const verdict = yield* judge(state, candidate, session, at)
  yield* Metric.update(Metrics.approvals(verdict), 1)
  if (verdict === "Valid") state.approved.set(hash, { session, relayParent })
  if (verdict !== "Invalid") return
  yield* Effect.logWarning("an included candidate is invalid", { candidate: hash, para: paraId })
  yield* DisputeCoordinator.send({
    _tag: "IssueLocalStatement",
    session,
    candidateHash: hash,
    candidate,
    valid: false
  })
})

/** Checks an included candidate beside everything else, even when its leaf is gone by then. */
const schedule = Effect.fnUntraced(function* (state: State, event: CandidateEvent, at: Hash) {
  if (event._tag !== "CandidateIncluded") return
  const [candidate] = event.value
  const hash = candidateHash(candidate)
  if (state.seen.has(hash)) return
  if (state.waiting >= state.limits.maxWaiting) {
    return yield* Effect.logWarning("an included candidate is not checked: too many wait", {
      candidate: hash
    })
  }
  state.seen.add(hash)
  state.waiting++
  yield* Subsystem.spawn(
    check(state, candidate, hash, at).pipe(
      state.permits.withPermits(1),
      Effect.catchTag("RuntimeApiError", (error) =>
        Effect.logWarning("an included candidate is not checked", error.message)
      ),
      Effect.ensuring(Effect.sync(() => state.waiting--))
    )
  )
})

const onLeaf = Effect.fnUntraced(
  function* (state: State, at: Hash) {
    for (const event of yield* state.runtime.candidateEvents(at)) yield* schedule(state, event, at)
  },
  Effect.catchTag("RuntimeApiError", (error) => Effect.logWarning("no approvals at this leaf", error.message))
)

/** Our own approvals, signed now: nothing is kept that could be asked for only in a dispute. */
const sign = Effect.fnUntraced(
  function* ({ keystore, runtime }: State, hash: CandidateHash, { relayParent, session }: Approval) {
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

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const state: State = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      keystore: yield* Keystore.Keystore,
      permits: yield* Semaphore.make(limits.concurrency),
      seen: new Recent(limits.remembered),
      approved: new Recent(limits.remembered),
      waiting: 0
    }
    return {
      signal: Signal.match({
        ActiveLeaves: ({ activated }) => (activated === null ? Effect.void : onLeaf(state, activated.hash)),
        BlockFinalized: () => Effect.void,
        Conclude: () => Effect.void
      }),
      message: (message: ApprovalStatements) => onAsked(state, message)
    }
  })

/** Everything approval voting needs to run. */
export type Requirements =
  | ApprovalVoting
  | AvailabilityRecovery
  | CandidateValidation
  | DisputeCoordinator
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore

/** Checks included candidates. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  ApprovalVoting.toLayer(make({ ...defaults, ...options }))
