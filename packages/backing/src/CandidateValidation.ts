/**
 * Candidate validation: gathers what an execution needs, runs the validation function and compares. Answers,
 * never signs.
 *
 * `Valid` and `Invalid` are what everybody must find. `Failed` is trouble of this node; who asked must abstain.
 */
import { Deferred, Effect, type Layer, Metric, Option } from "effect"
import { RuntimeApi } from "@ephor/chain"
import {
  AvailabilityRecovery,
  CandidateValidation,
  type InvalidReason,
  Overseer,
  type RecoveryOutcome,
  type Validate,
  type ValidationKind,
  type ValidationOutcome
} from "@ephor/overseer"
import {
  type CandidateCommitments,
  Elapsed,
  descriptorVersion,
  type PersistedValidationData,
  type PoV,
  type SessionIndex
} from "@ephor/types"
import * as Assignment from "./Assignment.ts"
import * as CandidateChecks from "./CandidateChecks.ts"
import * as Metrics from "./Metrics.ts"
import { Pvf, type PvfOutcome, type PvfRequest, type Service as PvfService } from "./Pvf.ts"

/** Limits of candidate validation. Times are milliseconds. */
export interface Limits extends CandidateChecks.Limits {
  /** CPU time of one execution, by what it is for. */
  readonly timeoutMs: { readonly [Kind in ValidationKind]: number }
  /** Pause before a second attempt. */
  readonly retryDelayMs: number
  /** Requests worked on at a time; others wait, while signals are obeyed. */
  readonly concurrency: number
}

/** Defaults of `Limits`: those of Polkadot. */
export const defaults: Limits = {
  ...CandidateChecks.defaults,
  timeoutMs: { Backing: 2000, Approval: 12_000, Dispute: 12_000 },
  retryDelayMs: 3000,
  concurrency: 30
}

const invalid = (reason: InvalidReason): ValidationOutcome => ({ _tag: "Invalid", reason })
const failed = (why: string): ValidationOutcome => ({ _tag: "Failed", why })

/**
 * What an unsuccessful execution means. A function that does not compile should not have been accepted by the
 * chain.
 */
const judge = (outcome: Exclude<PvfOutcome, { readonly _tag: "Valid" }>): ValidationOutcome => {
  switch (outcome._tag) {
    case "Timeout":
      return invalid({ _tag: "Timeout" })
    case "BadReturn":
      return invalid({ _tag: "BadReturn" })
    case "Trapped":
    case "OutOfMemory":
    case "WorkerDied":
      return invalid({ _tag: "ExecutionError", why: `${outcome._tag}: ${outcome.why}` })
    case "CompileFailure":
    case "Internal":
      return failed(`${outcome._tag}: ${outcome.why}`)
  }
}

const undecided = (why: string): PvfOutcome => ({ _tag: "Internal", why })

/**
 * Executes, and outside of backing once more after a death of the worker and once more after trouble of the
 * executor. A second attempt gets what is left of the time, and is not made if nothing would be left: how much is
 * left, this machine's clock decides, so that neither its time-out nor its absence is a verdict.
 */
export const executeWithRetry = Effect.fnUntraced(function* (
  execute: (request: PvfRequest) => Effect.Effect<PvfOutcome>,
  request: PvfRequest,
  options: { readonly retry: boolean; readonly retryDelayMs: number }
) {
  const started = yield* Elapsed.ms
  const attempts = { WorkerDied: options.retry ? 1 : 0, Internal: options.retry ? 1 : 0 }
  let timeoutMs = request.timeoutMs
  while (true) {
    const outcome = yield* execute({ ...request, timeoutMs })
    if (outcome._tag === "Timeout" && timeoutMs < request.timeoutMs) {
      return undecided(`a second attempt had ${timeoutMs} ms only, and did not end`)
    }
    if (outcome._tag !== "WorkerDied" && outcome._tag !== "Internal") return outcome
    const elapsed = (yield* Elapsed.ms) - started
    if (attempts[outcome._tag]-- <= 0) return outcome
    if (elapsed + options.retryDelayMs >= request.timeoutMs) {
      return undecided(`${outcome._tag}: ${outcome.why}, and no time for a second attempt`)
    }
    yield* Effect.sleep(options.retryDelayMs)
    timeoutMs = request.timeoutMs - elapsed - options.retryDelayMs
  }
})

type Gathered<A> = { readonly value: A } | { readonly outcome: ValidationOutcome }

/** Commitments that are called valid unseen, or nothing for an honest judgement. */
export type Lie = (
  message: Validate,
  inputs: CandidateChecks.Inputs
) => Effect.Effect<CandidateCommitments | undefined>

/** What validation asks. */
interface Services {
  readonly limits: Limits
  readonly lie: Lie | undefined
  readonly runtime: RuntimeApi.Service
  readonly pvf: PvfService
}

const validationData = Effect.fnUntraced(function* ({ runtime }: Services, message: Validate) {
  const given = message.persistedValidationData
  if (given !== undefined) return { value: given } satisfies Gathered<PersistedValidationData>
  const found = yield* runtime.persistedValidationData(
    message.relayParent,
    message.candidate.descriptor.paraId
  )
  return Option.isSome(found) ? { value: found.value } : { outcome: invalid({ _tag: "BadParent" }) }
})

/** While backing, the code that is current; later, the code that the chain accepted the candidate with. */
const validationCode = Effect.fnUntraced(function* ({ runtime }: Services, message: Validate) {
  const { descriptor } = message.candidate
  if (message.validationCode !== undefined)
    return { value: message.validationCode } satisfies Gathered<Uint8Array>
  const found = yield* message.kind === "Backing"
    ? runtime.validationCode(message.relayParent, descriptor.paraId)
    : runtime.validationCodeByHash(message.relayParent, descriptor.validationCodeHash)
  return Option.isSome(found)
    ? { value: found.value }
    : { outcome: failed(`the validation code of para ${descriptor.paraId} is not known here`) }
})

/** The proof: the one that came along, or what peers give. */
const proof = Effect.fnUntraced(function* (message: Validate, session: SessionIndex) {
  if (message.povOrigin._tag === "Included") return { value: message.povOrigin.pov } satisfies Gathered<PoV>
  const { backers, receipt: candidate } = message.povOrigin
  const recovered = yield* AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
    _tag: "RecoverAvailableData",
    candidate,
    session,
    backers,
    reply
  }))
  yield* Metric.update(Metrics.povFetches(recovered._tag), 1)
  if (recovered._tag === "Recovered") return { value: recovered.data.pov }
  const why = `the proof of validity could not be fetched: ${recovered._tag}`
  return { outcome: { _tag: "Failed", why, missing: "PoV" } satisfies ValidationOutcome }
})

/** The cores that a parachain may use at the relay parent; every offset of the claim queue names the same. */
const coresOf = ({ runtime }: Services, { candidate, kind, relayParent }: Validate) =>
  kind === "Backing"
    ? Effect.map(runtime.availabilityCores(relayParent), (cores) =>
        Assignment.scheduledParas(cores).flatMap((scheduled, core) =>
          scheduled?.paraId === candidate.descriptor.paraId ? [core] : []
        )
      )
    : Effect.succeed([])

/** Executes inputs that passed their checks, and compares. */
const execute = Effect.fnUntraced(function* (
  services: Services,
  message: Validate,
  { code, persistedValidationData, pov }: CandidateChecks.Inputs,
  session: SessionIndex
) {
  const { limits, pvf } = services
  const { candidate, kind } = message
  const { parentHead, relayParentNumber, relayParentStorageRoot } = persistedValidationData
  const request: PvfRequest = {
    code,
    codeHash: candidate.descriptor.validationCodeHash,
    params: { parentHead, blockData: pov.blockData, relayParentNumber, relayParentStorageRoot },
    timeoutMs: limits.timeoutMs[kind]
  }
  const options = { retry: kind !== "Backing", retryDelayMs: limits.retryDelayMs }
  const outcome = yield* executeWithRetry(pvf.execute, request, options)
  if (outcome._tag !== "Valid") return judge(outcome)
  const commitments = CandidateChecks.toCommitments(outcome.result)
  const cores = yield* coresOf(services, message)
  const contradiction = CandidateChecks.afterExecution(
    { candidate, commitments, kind, session, cores },
    limits
  )
  if (contradiction !== undefined) return invalid(contradiction)
  return validOf(message, commitments, persistedValidationData, pov)
})

/** The verdict, with a proof that whoever asked does not have. */
const validOf = (
  { povOrigin }: Validate,
  commitments: CandidateCommitments,
  persistedValidationData: PersistedValidationData,
  pov: PoV
): ValidationOutcome => ({
  _tag: "Valid",
  commitments,
  persistedValidationData,
  ...(povOrigin._tag === "Network" ? { pov } : {})
})

const validate = Effect.fnUntraced(function* (services: Services, message: Validate) {
  const { descriptor } = message.candidate
  if (descriptorVersion(descriptor) === "Unknown") return failed("the version of the descriptor is not known")
  const session = yield* services.runtime.sessionIndexForChild(message.relayParent)
  const data = yield* validationData(services, message)
  if ("outcome" in data) return data.outcome
  const code = yield* validationCode(services, message)
  if ("outcome" in code) return code.outcome
  const pov = yield* proof(message, session)
  if ("outcome" in pov) return pov.outcome
  const inputs = { descriptor, pov: pov.value, persistedValidationData: data.value, code: code.value }
  const lie = services.lie === undefined ? undefined : yield* services.lie(message, inputs)
  if (lie !== undefined) return validOf(message, lie, data.value, pov.value)
  const wrong = CandidateChecks.beforeExecution(inputs, services.limits)
  if (wrong !== undefined) return invalid(wrong)
  return yield* execute(services, message, inputs, session)
})

/** The handlers of the subsystem, for layers that change its answers. */
export const make = (limits: Limits, lie?: Lie) =>
  Effect.gen(function* () {
    const services: Services = {
      limits,
      lie,
      runtime: yield* RuntimeApi.RuntimeApi,
      pvf: yield* Pvf
    }
    return {
      concurrency: limits.concurrency,
      message: Effect.fnUntraced(function* (message: Validate) {
        const outcome = yield* validate(services, message).pipe(
          Effect.catchTag("RuntimeApiError", (error) => Effect.succeed(failed(error.message)))
        )
        yield* Metric.update(Metrics.validations(message.kind, outcome._tag), 1)
        if (outcome._tag === "Failed") {
          yield* Effect.logWarning("candidate could not be judged", { kind: message.kind, why: outcome.why })
        }
        yield* Deferred.succeed(message.reply, outcome)
      })
    }
  })

/** Everything candidate validation needs to run. */
export type Requirements =
  | CandidateValidation
  | AvailabilityRecovery
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Pvf

/** Validates candidates by executing them. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  CandidateValidation.toLayer(make({ ...defaults, ...options }))
