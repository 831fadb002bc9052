/** Taking what others push: queues of authorities, checks, batches, imports. */
import type { Keystore, Signatures } from "@ephor/keystore"
import { type Network, Protocol, Refusal, Reputation } from "@ephor/network"
import { type ImportStatementsResult, type SignedDisputeStatement, Subsystem } from "@ephor/overseer"
import {
  Elapsed,
  candidateHash as hashOf,
  DisputeRequest,
  DisputeResponse,
  type DisputeStatement,
  disputeStatementPayload,
  Scale,
  type SessionInfo,
  type ValidatorIndex
} from "@ephor/types"
import { Deferred, Effect, Latch, Metric, Option } from "effect"
import { AuthorityQueues } from "../AuthorityQueues.ts"
import { DisputeError, InvalidSignature, Malformed, UnknownSession } from "../DisputeError.ts"
import * as Metrics from "../Metrics.ts"
import { type PreparedImport, VoteBatches } from "../VoteBatches.ts"
import { sessionInfo, type State } from "./State.ts"

const decodeRequest = Scale.decodeResult(DisputeRequest)
const confirmed = Scale.encode(DisputeResponse)({ _tag: "Confirmed" })

/** A request whose sender waits for the answer. */
interface Pending {
  readonly peer: Network.Peer
  readonly request: DisputeRequest
  readonly answer: Deferred.Deferred<Uint8Array, Refusal>
}

interface Receiver {
  readonly state: State
  readonly queues: AuthorityQueues<Pending>
  readonly batches: VoteBatches<Pending>
  /** Open while requests wait. */
  readonly waiting: Latch.Latch
}

/** What a refusal costs, and why. */
const refusal = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.Peer,
  cost: number,
  why: string
) {
  yield* Metric.update(Metrics.requestsRefused, 1)
  if (cost !== 0) yield* network.report(peer.id, cost, why)
  return new Refusal({ why })
})

const refuse = (state: State, peer: Network.Peer, cost: number, why: string) =>
  Effect.flip(refusal(state, peer, cost, why))

/** The same for a request that was queued. */
const refusePending = (state: State, { answer, peer }: Pending, cost: number, why: string) =>
  Effect.flatMap(refusal(state, peer, cost, why), (error) => Deferred.fail(answer, error))

/** Serves the protocol, and starts the rounds. Nothing that a peer sends can end it. */
export const make = Effect.fnUntraced(function* (state: State) {
  const { options } = state
  const receiver: Receiver = {
    state,
    queues: new AuthorityQueues(options.requestsPerAuthority),
    batches: new VoteBatches(options),
    waiting: yield* Latch.make(false)
  }
  const served = { ...Protocol.sendDispute, concurrency: options.requests }
  yield* Effect.orDie(state.network.serve(served, (peer, bytes) => receive(receiver, peer, bytes)))
  const rounds = Effect.gen(function* () {
    while (true) {
      yield* receiver.waiting.await
      yield* Effect.sleep(options.roundMs)
      const round = receiver.queues.round()
      if (receiver.queues.size === 0) yield* receiver.waiting.close
      yield* Metric.update(Metrics.requestsQueued, receiver.queues.size)
      yield* Effect.forEach(round, (pending) => handle(receiver, pending), {
        concurrency: options.parallelChecks,
        discard: true
      })
    }
  })
  yield* Subsystem.spawn(rounds)
})

/** Queues a request of an authority, and waits until it is answered. */
const receive = Effect.fn("DisputeDistribution.receive")(function* (
  { queues, state, waiting }: Receiver,
  peer: Network.Peer,
  bytes: Uint8Array
) {
  const { authority } = peer
  const { major } = Reputation.changes
  if (authority === undefined) return yield* refuse(state, peer, major, "only authorities raise disputes")
  const decoded = decodeRequest(bytes)
  if (decoded._tag === "Failure") {
    const error = new DisputeError({ reason: new Malformed({ why: decoded.failure.message }) })
    return yield* refuse(state, peer, major, error.message)
  }
  const answer = yield* Deferred.make<Uint8Array, Refusal>()
  if (!queues.push(authority, { peer, request: decoded.success, answer }))
    return yield* refuse(state, peer, 0, "too many requests at a time")
  yield* Metric.update(Metrics.requestsQueued, queues.size)
  yield* waiting.open
  return yield* Deferred.await(answer)
})

/** Checks a request and finds its place. */
const handle = Effect.fnUntraced(function* (receiver: Receiver, pending: Pending) {
  const { batches, state } = receiver
  const { request } = pending
  const session = request.sessionIndex
  const info = yield* sessionInfo(state, session)
  if (Option.isNone(info)) {
    const { message } = new DisputeError({ reason: new UnknownSession({ session }) })
    return yield* refusePending(state, pending, 0, message)
  }
  const candidateHash = hashOf(request.candidateReceipt)
  const statements = yield* check(state.keystore, request, info.value)
  if (!Array.isArray(statements)) {
    const reason = new InvalidSignature({ candidateHash, validatorIndex: statements })
    const { message } = new DisputeError({ reason })
    return yield* refusePending(state, pending, Reputation.changes.malicious, message)
  }
  const prepared: PreparedImport<Pending> = {
    session,
    candidateReceipt: request.candidateReceipt,
    statements,
    requesters: [pending]
  }
  const key = VoteBatches.keyOf(session, candidateHash)
  switch (batches.add(key, prepared, yield* Elapsed.ms)) {
    case "opened":
      yield* Metric.update(Metrics.batches, batches.size)
      yield* Subsystem.spawn(importVotes(state, prepared))
      return yield* Subsystem.spawn(watch(receiver, key))
    case "merged":
      return
    case "redundant":
      yield* Metric.update(Metrics.requestsRedundant, 1)
      return yield* refusePending(state, pending, 0, "nothing in the request is new")
    case "full":
      return yield* refusePending(state, pending, 0, "too many disputes at a time")
  }
})

/** Imports a batch once few new votes come, or it is old. */
const watch = Effect.fnUntraced(function* ({ batches, state }: Receiver, key: string) {
  while (true) {
    yield* Effect.sleep(state.options.batchTickMs)
    const due = batches.look(key, yield* Elapsed.ms)
    if (due === undefined) continue
    yield* Metric.update(Metrics.batches, batches.size)
    if (due.statements.length > 0) yield* importVotes(state, due)
    return
  }
})

/** Imports votes, and tells those who sent them what became of it. */
const importVotes = Effect.fnUntraced(function* (
  state: State,
  { candidateReceipt, requesters, session, statements }: PreparedImport<Pending>
) {
  const result = yield* state.coordinator.ask<ImportStatementsResult>((pendingConfirmation) => ({
    _tag: "ImportStatements",
    candidateReceipt,
    session,
    statements,
    pendingConfirmation
  }))
  yield* Effect.forEach(
    requesters,
    (pending) =>
      result === "ValidImport"
        ? Deferred.succeed(pending.answer, confirmed)
        : // The cost is small: full spam slots are not the peer's fault.
          refusePending(state, pending, Reputation.changes.minor, "the import was refused"),
    { discard: true }
  )
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
  const checks: Array<Signatures.Check> = []
  for (const [statement, { signature, validatorIndex }] of votes) {
    const validatorId = info.validators[validatorIndex]
    const payload = disputeStatementPayload(statement, candidate, request.sessionIndex)
    if (validatorId === undefined || payload === undefined) return validatorIndex
    checked.push({ statement, validatorIndex, validatorId, signature })
    checks.push({ key: validatorId, payload, signature })
  }
  const bad = checked[(yield* keystore.verifyAll(checks)).indexOf(false)]
  return bad?.validatorIndex ?? checked
})
