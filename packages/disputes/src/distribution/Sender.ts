/** Telling others of our votes: one task for each pair of votes, until everybody has it or the dispute is over. */
import { type NetworkError, Protocol } from "@ephor/network"
import { Subsystem } from "@ephor/overseer"
import { candidateHash as hashOf, DisputeRequest, Scale, type ValidatorId } from "@ephor/types"
import { Deferred, Effect, Metric, Option, Queue, Semaphore } from "effect"
import * as Metrics from "../Metrics.ts"
import { sessionInfo, type State } from "./State.ts"

const encodeRequest = Scale.encode(DisputeRequest)

/** The pair of votes that a task tells of: the same one is not told twice at a time. */
const nameOf = ({ candidateReceipt, invalidVote, sessionIndex, validVote }: DisputeRequest) =>
  [sessionIndex, hashOf(candidateReceipt), validVote.validatorIndex, invalidVote.validatorIndex].join("/")

/** Starts the sender; what it gives takes a pair of votes to be told. */
export const make = Effect.fnUntraced(function* (state: State) {
  const { options } = state
  const outgoing = yield* Queue.dropping<DisputeRequest>(options.sendQueueCapacity)
  const slots = yield* Semaphore.make(options.activeSends)
  const known = new Set<string>()
  const sending = Effect.gen(function* () {
    while (true) {
      yield* Semaphore.take(slots, 1)
      const request = yield* Queue.take(outgoing)
      const ended = Effect.sync(() => void known.delete(nameOf(request)))
      yield* Metric.modify(Metrics.sending, 1)
      yield* Subsystem.spawn(
        send(state, request).pipe(
          Effect.ensuring(
            Effect.all([ended, Semaphore.release(slots, 1), Metric.modify(Metrics.sending, -1)])
          )
        )
      )
      yield* Effect.sleep(options.sendIntervalMs)
    }
  })
  yield* Subsystem.spawn(sending)
  return Effect.fnUntraced(function* (request: DisputeRequest) {
    const name = nameOf(request)
    if (known.has(name)) return
    if (yield* Queue.offer(outgoing, request)) return void known.add(name)
    yield* Metric.update(Metrics.sendsDropped, 1)
  })
})

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

type Delivery = "taken" | "later" | "never"

const outcomeOf = ({ reason }: NetworkError): Delivery => (reason._tag === "TooLarge" ? "never" : "later")

/** Nobody is dialled: who is not connected is asked again with the next leaf. */
const sendTo = Effect.fnUntraced(function* ({ network }: State, authority: ValidatorId, bytes: Uint8Array) {
  const peer = yield* network.peerOf(authority)
  if (Option.isNone(peer)) return "later"
  return yield* network.request(Protocol.sendDispute, peer.value.id, bytes).pipe(
    Effect.as<Delivery>("taken"),
    Effect.catch((error) => Effect.succeed(outcomeOf(error)))
  )
})

/** Until the next leaf, or the end of the pause where one is set. */
const nextTry = ({ options }: State, nextLeaf: Deferred.Deferred<void>) =>
  Number.isFinite(options.retryDelayMs)
    ? Effect.raceFirst(Deferred.await(nextLeaf), Effect.sleep(options.retryDelayMs))
    : Deferred.await(nextLeaf)

/** Sends one pair of votes to everybody, again with each leaf until all have it or the dispute is over. */
const send = Effect.fnUntraced(function* (state: State, request: DisputeRequest) {
  const candidate = hashOf(request.candidateReceipt)
  const bytes = encodeRequest(request)
  const done = new Set<ValidatorId>()
  const attempt = Effect.fnUntraced(function* (authority: ValidatorId) {
    if ((yield* sendTo(state, authority, bytes)) !== "later") done.add(authority)
  })
  while (true) {
    const { nextLeaf } = state
    const receivers = Option.map(yield* receiversOf(state, request.sessionIndex), (all) =>
      all.filter((authority) => !done.has(authority))
    )
    if (Option.isSome(receivers)) {
      yield* Effect.forEach(receivers.value, attempt, {
        concurrency: state.options.parallelRequests,
        discard: true
      })
      if (receivers.value.every((authority) => done.has(authority))) return
    }
    yield* nextTry(state, nextLeaf)
    const open = (yield* state.disputes.active).some(
      (dispute) => dispute.candidateHash === candidate && dispute.session === request.sessionIndex
    )
    if (!open) return
  }
})
