/**
 * Dispute distribution: pushes pairs of votes to the validators of a dispute's session until each has taken them, and
 * takes what others push.
 */
import { Keystore, RuntimeApi } from "@ephor/chain"
import { Network, Protocol, Refusal, Reputation } from "@ephor/network"
import {
  DisputeCoordinator,
  DisputeDistribution,
  type ImportStatementsResult,
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
  type ValidatorId
} from "@ephor/types"
import { Effect, type Layer, Metric, Option, Queue, Semaphore } from "effect"
import * as Metrics from "./Metrics.ts"

export { DisputeDistribution }

/** Options of distribution. */
export interface Options {
  /** Time between two new sends, so that a storm of disputes does not become a storm of requests. */
  readonly sendIntervalMs: number
  /** Sends of disputes that may wait for their turn; the oldest go first, further ones are dropped and counted. */
  readonly sendQueueCapacity: number
  /** How often a send to one validator is tried again, and how long is waited in between. */
  readonly retries: number
  readonly retryDelayMs: number
}

/** Options as the reference has them; it retries on every leaf, which is every six seconds there. */
export const defaults: Options = {
  sendIntervalMs: 150,
  sendQueueCapacity: 1024,
  retries: 10,
  retryDelayMs: 6000
}

type Needs = DisputeCoordinator | Network.Network | RuntimeApi.RuntimeApi | Keystore.Keystore

/** Brings distribution to life. */
export const layer = (
  options: Partial<Options> = {}
): Layer.Layer<never, never, DisputeDistribution | Overseer.Overseer | Needs> =>
  DisputeDistribution.toLayer(make({ ...defaults, ...options }))

const encodeRequest = Scale.encode(DisputeRequest)
const decodeRequest = Scale.decodeResult(DisputeRequest)
const confirmed = Scale.encode(DisputeResponse)({ _tag: "Confirmed" })

const make = Effect.fnUntraced(function* (options: Options) {
  const network = yield* Network.Network
  const runtime = yield* RuntimeApi.RuntimeApi
  const keystore = yield* Keystore.Keystore
  const coordinator = yield* DisputeCoordinator
  const outgoing = yield* Queue.dropping<DisputeRequest>(options.sendQueueCapacity)
  const receiving = yield* Semaphore.make(Protocol.sendDispute.concurrency)
  let leaf: Hash | undefined

  const sessionInfo = (request: DisputeRequest) =>
    leaf === undefined ? Effect.succeedNone : Effect.option(runtime.sessionInfo(leaf, request.sessionIndex))

  const sendTo = Effect.fnUntraced(function* (authority: ValidatorId, bytes: Uint8Array) {
    for (let attempt = 0; attempt <= options.retries; attempt++) {
      const peer = yield* network.peerOf(authority)
      const taken =
        Option.isSome(peer) &&
        (yield* network.request(Protocol.sendDispute, peer.value.id, bytes).pipe(
          Effect.as(true),
          // A peer that refuses has the votes already, or will not have them: asking again is no use.
          Effect.catch((error) => Effect.succeed(!error.retryable))
        ))
      if (taken) return
      yield* Effect.sleep(options.retryDelayMs)
    }
  })
  const send = Effect.fnUntraced(function* (request: DisputeRequest) {
    const info = yield* sessionInfo(request)
    if (Option.isNone(info)) return
    const own = new Set(yield* keystore.owned(info.value.validators))
    const bytes = encodeRequest(request)
    for (const [index, authority] of info.value.validators.entries()) {
      if (!own.has(index)) yield* Subsystem.spawn(sendTo(authority, bytes))
    }
  })
  const sending = Effect.gen(function* () {
    while (true) {
      yield* send(yield* Queue.take(outgoing))
      yield* Effect.sleep(options.sendIntervalMs)
    }
  })

  const refuse = Effect.fnUntraced(function* (peer: string, cost: number, why: string) {
    yield* Metric.update(Metrics.requestsRefused, 1)
    if (cost !== 0) yield* network.report(peer, cost, why)
    return yield* new Refusal({ why })
  })
  const receive = Effect.fn("DisputeDistribution.receive")(function* (peer: Network.Peer, bytes: Uint8Array) {
    if (peer.authority === undefined)
      return yield* refuse(peer.id, Reputation.changes.major, "only authorities raise disputes")
    const decoded = decodeRequest(bytes)
    if (decoded._tag === "Failure")
      return yield* refuse(peer.id, Reputation.changes.major, decoded.failure.message)
    const request = decoded.success
    const info = yield* sessionInfo(request)
    if (Option.isNone(info))
      return yield* refuse(peer.id, 0, `session ${request.sessionIndex} is not known here`)
    const statements = yield* check(keystore, request, info.value)
    if (statements === undefined)
      return yield* refuse(peer.id, Reputation.changes.malicious, "a vote is not signed by its validator")
    const result = yield* coordinator.ask<ImportStatementsResult>((pendingConfirmation) => ({
      _tag: "ImportStatements",
      candidateReceipt: request.candidateReceipt,
      session: request.sessionIndex,
      statements,
      pendingConfirmation
    }))
    // The cost is small: full spam slots are not the peer's fault.
    return result === "ValidImport"
      ? confirmed
      : yield* refuse(peer.id, Reputation.changes.minor, "the import was refused")
  })

  yield* Effect.orDie(
    network.serve(Protocol.sendDispute, (peer, bytes) => receiving.withPermits(1)(receive(peer, bytes)))
  )
  yield* Subsystem.spawn(sending)
  return {
    signal: (signal: Signal.Signal) =>
      Effect.sync(() => {
        if (signal._tag === "ActiveLeaves" && signal.activated !== null) leaf = signal.activated.hash
      }),
    message: DisputeDistribution.match({
      SendDispute: ({ request }) => Effect.asVoid(Queue.offer(outgoing, request))
    })
  }
})

/** The two votes of a request with their keys, or nothing if one of them is not what it says. */
const check = Effect.fnUntraced(function* (
  keystore: Keystore.Service,
  request: DisputeRequest,
  info: SessionInfo
) {
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
    if (validatorId === undefined || payload === undefined) return undefined
    if (!(yield* keystore.verify(validatorId, payload, signature))) return undefined
    checked.push({ statement, validatorIndex, validatorId, signature })
  }
  return checked
})
