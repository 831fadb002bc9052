/**
 * Dispute distribution: pushes pairs of votes to the validators of a dispute's session until each has taken them, and
 * takes what others push.
 */
import { Keystore, RuntimeApi } from "@ephor/chain"
import { Network, type NetworkError, Protocol, Refusal, Reputation } from "@ephor/network"
import {
  DisputeCoordinator,
  type DisputeCoordinatorMessage,
  DisputeDistribution,
  type ImportStatementsResult,
  type Mailbox,
  type Overseer,
  type SignedDisputeStatement,
  type Signal,
  Subsystem
} from "@ephor/overseer"
import {
  candidateHash as hashOf,
  DisputeRequest,
  DisputeResponse,
  type DisputeStatement,
  disputeStatementPayload,
  type Hash,
  Scale,
  type SessionInfo,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Effect, type Layer, Metric, Option, Queue, Semaphore } from "effect"
import { DisputeError, InvalidSignature, Malformed, UnknownSession } from "./DisputeError.ts"
import { Disputes } from "./Disputes.ts"
import * as Metrics from "./Metrics.ts"

export { DisputeDistribution }

/** Options of distribution. */
export interface Options {
  /** Time between two new sends, so that a storm of disputes does not become a storm of requests. */
  readonly sendIntervalMs: number
  /** Sends of disputes that may wait for their turn; the oldest go first, further ones are dropped and counted. */
  readonly sendQueueCapacity: number
  /** Sends at work at a time, each with one pair of votes for all validators. */
  readonly activeSends: number
  /** Validators that one send asks at a time. */
  readonly parallelRequests: number
  /** Pause before validators that did not take a pair of votes are asked again, as long as the dispute is open. */
  readonly retryDelayMs: number
  /** How often a validator may refuse a pair of votes before it is left alone: refusals cost us reputation there. */
  readonly refusals: number
  /** Requests of one authority that are handled at a time; further ones are refused without cost. */
  readonly requestsPerAuthority: number
}

/** Options as the reference has them; it retries on every leaf, which is every six seconds there. */
export const defaults: Options = {
  sendIntervalMs: 150,
  sendQueueCapacity: 1024,
  activeSends: 1024,
  parallelRequests: 64,
  retryDelayMs: 6000,
  refusals: 5,
  requestsPerAuthority: 5
}

type Needs = DisputeCoordinator | Disputes | Network.Network | RuntimeApi.RuntimeApi | Keystore.Keystore

/** Brings distribution to life. Nothing that a peer sends or fails to answer can end it. */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, never, DisputeDistribution | Overseer.Overseer | Needs> =>
  DisputeDistribution.toLayer(make({ ...defaults, ...options }))

const encodeRequest = Scale.encode(DisputeRequest)
const decodeRequest = Scale.decodeResult(DisputeRequest)
const confirmed = Scale.encode(DisputeResponse)({ _tag: "Confirmed" })

interface State {
  readonly options: Options
  readonly network: Network.Service
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly disputes: Disputes["Service"]
  readonly coordinator: Mailbox.Mailbox<DisputeCoordinatorMessage>
  /** Requests of each authority that are being handled. */
  readonly handling: Map<ValidatorId, number>
  leaf: Hash | undefined
}

const make = Effect.fnUntraced(function* (options: Options) {
  const state: State = {
    options,
    network: yield* Network.Network,
    runtime: yield* RuntimeApi.RuntimeApi,
    keystore: yield* Keystore.Keystore,
    disputes: yield* Disputes,
    coordinator: yield* DisputeCoordinator,
    handling: new Map(),
    leaf: undefined
  }
  const outgoing = yield* Queue.dropping<DisputeRequest>(options.sendQueueCapacity)
  const slots = yield* Semaphore.make(options.activeSends)
  const sending = Effect.gen(function* () {
    while (true) {
      yield* Semaphore.take(slots, 1)
      const request = yield* Queue.take(outgoing)
      yield* Metric.modify(Metrics.sending, 1)
      yield* Subsystem.spawn(
        send(state, request).pipe(
          Effect.ensuring(Effect.andThen(Semaphore.release(slots, 1), Metric.modify(Metrics.sending, -1)))
        )
      )
      yield* Effect.sleep(options.sendIntervalMs)
    }
  })
  yield* Effect.orDie(state.network.serve(Protocol.sendDispute, (peer, bytes) => receive(state, peer, bytes)))
  yield* Subsystem.spawn(sending)
  return {
    signal: (signal: Signal.Signal) =>
      Effect.sync(() => {
        if (signal._tag === "ActiveLeaves" && signal.activated !== null) state.leaf = signal.activated.hash
      }),
    message: DisputeDistribution.match({
      SendDispute: Effect.fnUntraced(function* ({ request }) {
        if (yield* Queue.offer(outgoing, request)) return
        yield* Metric.update(Metrics.sendsDropped, 1)
      })
    })
  }
})

/** The validators of a session, as far as the chain's state here knows it. */
const sessionInfo = ({ leaf, runtime }: State, session: number) =>
  leaf === undefined ? Effect.succeedNone : Effect.option(runtime.sessionInfo(leaf, session))

/** Who has to hear of a dispute: the validators of its session and of the current one, except for ourselves. */
const receiversOf = Effect.fnUntraced(function* (state: State, session: number) {
  const { keystore, leaf, runtime } = state
  const now = leaf === undefined ? Option.none() : yield* Effect.option(runtime.sessionIndexForChild(leaf))
  const validators = new Set<ValidatorId>()
  for (const index of new Set([session, ...Option.toArray(now)])) {
    const info = yield* sessionInfo(state, index)
    if (Option.isNone(info)) return Option.none()
    for (const validator of info.value.validators) validators.add(validator)
  }
  const all = [...validators]
  const own = new Set(yield* keystore.owned(all))
  return Option.some(all.filter((_, index) => !own.has(index)))
})

type Delivery = "taken" | "refused" | "later" | "never"

const outcomeOf = ({ reason }: NetworkError): Delivery =>
  reason._tag === "TooLarge" ? "never" : reason._tag === "Refused" ? "refused" : "later"

const sendTo = Effect.fnUntraced(function* ({ network }: State, authority: ValidatorId, bytes: Uint8Array) {
  const peer = yield* network.peerOf(authority)
  if (Option.isNone(peer)) return "later"
  return yield* network.request(Protocol.sendDispute, peer.value.id, bytes).pipe(
    Effect.as<Delivery>("taken"),
    Effect.catch((error) => Effect.succeed(outcomeOf(error)))
  )
})

/** Sends one pair of votes to everybody, again and again until all have it or the dispute is over. */
const send = Effect.fnUntraced(function* (state: State, request: DisputeRequest) {
  const { options } = state
  const candidate = hashOf(request.candidateReceipt)
  const bytes = encodeRequest(request)
  const done = new Set<ValidatorId>()
  const refusals = new Map<ValidatorId, number>()
  const attempt = Effect.fnUntraced(function* (authority: ValidatorId) {
    const delivery = yield* sendTo(state, authority, bytes)
    const refused = (refusals.get(authority) ?? 0) + (delivery === "refused" ? 1 : 0)
    refusals.set(authority, refused)
    if (delivery === "taken" || delivery === "never" || refused >= options.refusals) done.add(authority)
  })
  while (true) {
    const receivers = Option.map(yield* receiversOf(state, request.sessionIndex), (all) =>
      all.filter((authority) => !done.has(authority))
    )
    if (Option.isSome(receivers)) {
      yield* Effect.forEach(receivers.value, attempt, {
        concurrency: options.parallelRequests,
        discard: true
      })
      if (receivers.value.every((authority) => done.has(authority))) return
    }
    yield* Effect.sleep(options.retryDelayMs)
    const open = (yield* state.disputes.active).some(
      (dispute) => dispute.candidateHash === candidate && dispute.session === request.sessionIndex
    )
    if (!open) return
  }
})

const refuse = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.Peer,
  cost: number,
  why: string
) {
  yield* Metric.update(Metrics.requestsRefused, 1)
  if (cost !== 0) yield* network.report(peer.id, cost, why)
  return yield* new Refusal({ why })
})

const receive = Effect.fn("DisputeDistribution.receive")(function* (
  state: State,
  peer: Network.Peer,
  bytes: Uint8Array
) {
  const { authority } = peer
  if (authority === undefined)
    return yield* refuse(state, peer, Reputation.changes.major, "only authorities raise disputes")
  const handling = state.handling.get(authority) ?? 0
  if (handling >= state.options.requestsPerAuthority)
    return yield* refuse(state, peer, 0, "too many requests at a time")
  state.handling.set(authority, handling + 1)
  const leave = Effect.sync(() => {
    const left = (state.handling.get(authority) ?? 1) - 1
    if (left > 0) state.handling.set(authority, left)
    else state.handling.delete(authority)
  })
  return yield* Effect.ensuring(handle(state, peer, bytes), leave)
})

const handle = Effect.fnUntraced(function* (state: State, peer: Network.Peer, bytes: Uint8Array) {
  const { malicious, major, minor } = Reputation.changes
  const decoded = decodeRequest(bytes)
  if (decoded._tag === "Failure") {
    const error = new DisputeError({ reason: new Malformed({ why: decoded.failure.message }) })
    return yield* refuse(state, peer, major, error.message)
  }
  const request = decoded.success
  const session = request.sessionIndex
  const info = yield* sessionInfo(state, session)
  if (Option.isNone(info))
    return yield* refuse(
      state,
      peer,
      0,
      new DisputeError({ reason: new UnknownSession({ session }) }).message
    )
  const statements = yield* check(state.keystore, request, info.value)
  if (!Array.isArray(statements)) {
    const reason = new InvalidSignature({
      candidateHash: hashOf(request.candidateReceipt),
      validatorIndex: statements
    })
    return yield* refuse(state, peer, malicious, new DisputeError({ reason }).message)
  }
  const result = yield* state.coordinator.ask<ImportStatementsResult>((pendingConfirmation) => ({
    _tag: "ImportStatements",
    candidateReceipt: request.candidateReceipt,
    session,
    statements,
    pendingConfirmation
  }))
  // The cost is small: full spam slots are not the peer's fault.
  return result === "ValidImport" ? confirmed : yield* refuse(state, peer, minor, "the import was refused")
})

/** The two votes of a request with their keys, or the validator whose vote is not what it says. */
const check = Effect.fnUntraced(function* (
  keystore: Keystore.Service,
  request: DisputeRequest,
  info: SessionInfo
): Effect.fn.Return<Array<SignedDisputeStatement> | ValidatorIndex> {
  const candidate = hashOf(request.candidateReceipt)
  const votes: ReadonlyArray<
    readonly [DisputeStatement, DisputeRequest["validVote"] | DisputeRequest["invalidVote"]]
  > = [
    [{ _tag: "Valid", value: request.validVote.kind }, request.validVote],
    [{ _tag: "Invalid", value: request.invalidVote.kind }, request.invalidVote]
  ]
  const checked: Array<SignedDisputeStatement> = []
  for (const [statement, { signature, validatorIndex }] of votes) {
    const validatorId = info.validators[validatorIndex]
    const payload = disputeStatementPayload(statement, candidate, request.sessionIndex)
    if (validatorId === undefined || payload === undefined) return validatorIndex
    if (!(yield* keystore.verify(validatorId, payload, signature))) return validatorIndex
    checked.push({ statement, validatorIndex, validatorId, signature })
  }
  return checked
})
