/**
 * Dispute participation: recovers and executes disputed candidates, a few at a time, and hands the verdict to the
 * coordinator. Whatever may be our own fault (no data, no code, a dead worker) makes no vote.
 */
import { Chain, RuntimeApi } from "@ephor/chain"
import {
  AvailabilityRecovery,
  type AvailabilityRecoveryMessage,
  CandidateValidation,
  type CandidateValidationMessage,
  DisputeCoordinator,
  type DisputeCoordinatorMessage,
  DisputeParticipation,
  type Mailbox,
  type Overseer,
  type Participate,
  type RecoveryOutcome,
  type Signal,
  Subsystem,
  type ValidationOutcome
} from "@ephor/overseer"
import type { Jobs } from "@ephor/overseer/Jobs"
import type { CandidateHash, Hash } from "@ephor/types"
import { Effect, type Layer, Metric, Option } from "effect"
import * as Disputes from "./Disputes.ts"
import * as Metrics from "./Metrics.ts"
import * as Queue from "./ParticipationQueue.ts"

export { DisputeParticipation }

/** Options of participation. */
export interface Options extends Queue.ParticipationLimits {
  /** Candidates checked at a time. */
  readonly maxParallel: number
  /** How long one check may take with recovery and execution; then there is no vote yet. */
  readonly timeoutMs: number
  /** Pause before a check without a vote is tried again, as long as its dispute is open; each further one is twice as long. */
  readonly retryDelayMs: number
  /** The longest pause. */
  readonly retryLimitMs: number
  /** Checks that may wait to be tried again; further ones wait for news of their dispute. */
  readonly maxRetrying: number
}

/** Options as the reference has them. */
export const defaults: Options = {
  ...Queue.defaults,
  maxParallel: 3,
  timeoutMs: 120_000,
  retryDelayMs: 1000,
  retryLimitMs: 60_000,
  maxRetrying: 1024
}

type Needs =
  | DisputeCoordinator
  | CandidateValidation
  | AvailabilityRecovery
  | Disputes.Disputes
  | RuntimeApi.RuntimeApi
  | Chain.Chain

/** Brings participation to life. */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, never, DisputeParticipation | Overseer.Overseer | Needs> =>
  DisputeParticipation.toLayer(make({ ...defaults, ...options }))

/** What a check of a candidate came to; nothing if we must not judge. */
type Verdict = Option.Option<boolean>

/** A candidate to judge, and how urgent that is. */
type Request = Omit<Participate, "_tag" | "nValidators">

interface State {
  readonly options: Options
  readonly runtime: RuntimeApi.Service
  readonly chain: Chain.Service
  readonly disputes: Disputes.Service
  readonly coordinator: Mailbox.Mailbox<DisputeCoordinatorMessage>
  readonly recovery: Mailbox.Mailbox<AvailabilityRecoveryMessage>
  readonly validation: Mailbox.Mailbox<CandidateValidationMessage>
  readonly queue: Queue.ParticipationQueue<Request>
  readonly running: Set<CandidateHash>
  /** Candidates without a vote yet, with the pause before the next try. */
  readonly retrying: Map<CandidateHash, { readonly pauseMs: number }>
  leaf: Hash | undefined
}

const make = Effect.fnUntraced(function* (options: Options) {
  const state: State = {
    options,
    runtime: yield* RuntimeApi.RuntimeApi,
    chain: yield* Chain.Chain,
    disputes: yield* Disputes.Disputes,
    coordinator: yield* DisputeCoordinator,
    recovery: yield* AvailabilityRecovery,
    validation: yield* CandidateValidation,
    queue: new Queue.ParticipationQueue<Request>(options),
    running: new Set(),
    retrying: new Map(),
    leaf: undefined
  }
  return {
    signal: (signal: Signal.Signal) =>
      Effect.suspend(() => {
        if (signal._tag !== "ActiveLeaves" || signal.activated === null) return Effect.void
        state.leaf = signal.activated.hash
        return pump(state)
      }),
    message: DisputeParticipation.match({ Participate: (message) => enqueue(state, message) })
  }
})

const enqueue = Effect.fnUntraced(function* (state: State, request: Request) {
  const { candidate, candidateHash, priority } = request
  if (state.running.has(candidateHash)) return
  const parent = yield* state.chain
    .block(candidate.descriptor.relayParent)
    .pipe(Effect.orElseSucceed(Option.none))
  const queued = state.queue.add(
    priority === "Priority" ? "priority" : "best-effort",
    request,
    Option.getOrUndefined(Option.map(parent, ({ number }) => number))
  )
  if (!queued) {
    yield* Effect.logWarning("the participation queue is full", { candidateHash, priority })
    yield* retryLater(state, request)
  }
  yield* pump(state)
})

/** Starts what may start. */
const pump = (state: State): Effect.Effect<void, never, Jobs> =>
  Effect.gen(function* () {
    const { leaf, options, queue, running } = state
    if (leaf === undefined) return
    while (running.size < options.maxParallel) {
      const request = queue.take()
      if (request === undefined) break
      running.add(request.candidateHash)
      yield* Subsystem.spawn(participate(state, request, leaf))
    }
    yield* Metric.update(Metrics.participationQueue, queue.size)
  })

const participate = (state: State, request: Request, at: Hash) =>
  Effect.gen(function* () {
    const verdict = yield* judge(state, request, at).pipe(
      Effect.timeoutOrElse({
        duration: state.options.timeoutMs,
        orElse: () => abstain("its check takes too long", request)
      })
    )
    if (Option.isNone(verdict)) return yield* retryLater(state, request)
    state.retrying.delete(request.candidateHash)
    yield* state.coordinator.sendNow({
      _tag: "IssueLocalStatement",
      session: request.session,
      candidateHash: request.candidateHash,
      candidate: request.candidate,
      valid: verdict.value
    })
  }).pipe(
    Effect.ensuring(Effect.sync(() => state.running.delete(request.candidateHash))),
    Effect.andThen(Effect.suspend(() => pump(state)))
  )

const isOpen = ({ disputes }: State, { candidateHash, session }: Request) =>
  Effect.map(disputes.active, (active) =>
    active.some((dispute) => dispute.candidateHash === candidateHash && dispute.session === session)
  )

/** What kept us from voting, or a full queue, may pass: tries again after a pause, as long as the dispute is open. */
const retryLater = Effect.fnUntraced(function* (
  state: State,
  request: Request
): Effect.fn.Return<void, never, Jobs> {
  const { options, retrying } = state
  const { candidateHash } = request
  const known = retrying.get(candidateHash)
  if (known === undefined && retrying.size >= options.maxRetrying)
    return yield* Metric.update(Metrics.participationGivenUp, 1)
  const pauseMs =
    known === undefined ? options.retryDelayMs : Math.min(known.pauseMs * 2, options.retryLimitMs)
  const next = { pauseMs }
  retrying.set(candidateHash, next)
  yield* Subsystem.spawn(
    Effect.gen(function* () {
      yield* Effect.sleep(pauseMs)
      // Somebody asked meanwhile: that check decided how it goes on.
      if (retrying.get(candidateHash) !== next) return
      if (!(yield* isOpen(state, request))) return void retrying.delete(candidateHash)
      yield* Metric.update(Metrics.participationRetries, 1)
      yield* enqueue(state, request)
    })
  )
})

const abstain = (why: string, request: Queue.ParticipationRequest) =>
  Effect.logWarning("no vote in a dispute", { candidateHash: request.candidateHash, why }).pipe(
    Effect.andThen(Metric.update(Metrics.abstained, 1)),
    Effect.as<Verdict>(Option.none())
  )

const judge = Effect.fn("DisputeParticipation.judge")(function* (
  { recovery, runtime, validation }: State,
  request: Queue.ParticipationRequest,
  at: Hash
): Effect.fn.Return<Verdict> {
  const { candidate, session } = request
  const recovered = yield* recovery.ask<RecoveryOutcome>((reply) => ({
    _tag: "RecoverAvailableData",
    candidate,
    session,
    reply
  }))
  if (recovered._tag === "InvalidData") return Option.some(false)
  if (recovered._tag === "Unavailable") return yield* abstain("its data is not available", request)
  const code = yield* Effect.option(runtime.validationCodeByHash(at, candidate.descriptor.validationCodeHash))
  if (Option.isNone(code) || Option.isNone(code.value))
    return yield* abstain("its validation code is not known", request)
  const validationCode = code.value.value
  const outcome = yield* validation.ask<ValidationOutcome>((reply) => ({
    _tag: "Validate",
    candidate,
    relayParent: candidate.descriptor.relayParent,
    povOrigin: { _tag: "Included", pov: recovered.data.pov },
    persistedValidationData: recovered.data.validationData,
    validationCode,
    kind: "Dispute",
    reply
  }))
  switch (outcome._tag) {
    case "Valid":
      return Option.some(true)
    case "Invalid":
      return Option.some(false)
    case "Failed":
      return yield* abstain(outcome.why, request)
  }
})
