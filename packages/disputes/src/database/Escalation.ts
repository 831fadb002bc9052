/**
 * What the votes database does when a dispute escalates: it answers who raised it, gathers what it is about, and tells the other
 * validators of its session, if the dispute was raised by us. When it is decided, it takes a snapshot.
 */
import { Protocol } from "@ephor/network"
import { Subsystem } from "@ephor/overseer"
import {
  type CandidateHash,
  DisputeGossipMessage,
  Scale,
  type SessionIndex,
  type Snapshot,
  type ValidatorId,
  type ValidatorIndex
} from "@ephor/types"
import { Effect, Metric, Option, Stream } from "effect"
import type { DisputeConclusion, DisputeDetection } from "../Disputes.ts"
import * as GossipMessage from "../GossipMessage.ts"
import * as Metrics from "../Metrics.ts"
import * as Gathering from "./Gathering.ts"
import { isOpen, keyOf, sessionInfo, type State, stored } from "./State.ts"

const encode = Scale.encode(DisputeGossipMessage)

/** The message as it is now, with everybody else who has to hear of it; nothing while something of it is not known. */
const compose = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  { blockNumber, candidate }: Gathering.Found
) {
  const votes = yield* stored(state.db.votes(session, candidateHash))
  const info = yield* sessionInfo(state, session)
  if (Option.isNone(votes) || Option.isNone(info)) return undefined
  const { validators } = info.value
  const subject = { candidate, blockNumber, session, validatorCount: validators.length }
  const message = GossipMessage.write(subject, votes.value)
  if (message === undefined) return undefined
  const own = new Set(yield* state.keystore.owned(validators))
  return { bytes: encode(message), others: validators.filter((_, index) => !own.has(index)) }
})

/** Tells one validator; whether it is done with. Nobody is dialled. */
const tell = Effect.fnUntraced(function* ({ network }: State, validator: ValidatorId, bytes: Uint8Array) {
  const peer = yield* network.peerOf(validator)
  if (Option.isNone(peer)) return false
  const answer = yield* Effect.result(network.request(Protocol.disputeGossip, peer.value.id, bytes))
  if (answer._tag === "Success") {
    yield* Metric.update(Metrics.gossipOut("taken"), 1)
    return true
  }
  yield* Metric.update(Metrics.gossipOut("refused"), 1)
  return answer.failure.reason._tag === "TooLarge"
})

/** Tells everybody, again with longer and longer pauses until all have taken it or the dispute is over. */
const gossip = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  found: Gathering.Found
) {
  const done = new Set<ValidatorId>()
  let pauseMs = state.limits.retryDelayMs
  while (true) {
    const composed = yield* compose(state, session, candidateHash, found)
    if (composed !== undefined) {
      const { bytes, others } = composed
      yield* Effect.forEach(
        others.filter((validator) => !done.has(validator)),
        (validator) =>
          Effect.map(tell(state, validator, bytes), (is) => (is ? done.add(validator) : undefined)),
        { concurrency: state.limits.parallelGossip, discard: true }
      )
      if (others.every((validator) => done.has(validator))) return
    }
    yield* Effect.sleep(pauseMs)
    pauseMs = Math.min(pauseMs * 2, state.limits.retryLimitMs)
    if (!(yield* isOpen(state, session, candidateHash))) return
  }
})

/** Gathers what a dispute is about, and tells others of it if it is `ours`. */
export const escalate = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  candidateHash: CandidateHash,
  ours: boolean
) {
  const found = yield* Gathering.find(state, session, candidateHash)
  if (found === undefined)
    return yield* Effect.logDebug("no block has the disputed candidate", { session, candidateHash })
  yield* Gathering.gather(state, session, candidateHash, found.candidate)
  const key = keyOf(session, candidateHash)
  if (!ours || state.telling.has(key)) return
  if (state.telling.size >= state.limits.maxTelling)
    return yield* Metric.update(Metrics.gossipOut("dropped"), 1)
  state.telling.add(key)
  yield* Subsystem.spawn(
    gossip(state, session, candidateHash, found).pipe(
      Effect.ensuring(Effect.sync(() => state.telling.delete(key)))
    )
  )
})

/** Which of these validators of a session we are. */
const ownAmong = Effect.fnUntraced(function* (
  state: State,
  session: SessionIndex,
  validators: ReadonlyArray<ValidatorIndex>
) {
  const info = yield* sessionInfo(state, session)
  if (Option.isNone(info)) return []
  const own = new Set(yield* state.keystore.owned(info.value.validators))
  return validators.filter((validator) => own.has(validator))
})

const onDetection = Effect.fnUntraced(function* (
  state: State,
  { candidateHash, raisers, session }: DisputeDetection
) {
  for (const validator of raisers.slice(0, state.limits.detectionsPerDispute)) {
    const earlier = yield* state.self.ask<ReadonlyArray<CandidateHash>>((reply) => ({
      _tag: "Detection",
      identification: [session, validator],
      candidateHash,
      reply
    }))
    yield* Effect.logDebug("a validator raised a dispute", {
      candidateHash,
      validator,
      earlier: earlier.length
    })
  }
  const own = yield* ownAmong(state, session, raisers)
  yield* escalate(state, session, candidateHash, own.length > 0)
})

const onConclusion = Effect.fnUntraced(function* (
  state: State,
  { candidateHash, session, valid }: DisputeConclusion
) {
  const snapshot = yield* state.self.ask<Option.Option<Snapshot>>((reply) => ({
    _tag: "Resolution",
    session,
    candidateHash,
    valid,
    reply
  }))
  if (Option.isNone(snapshot)) return
  const { cons, pro } = snapshot.value
  yield* Effect.logDebug("who voted how", { candidateHash, valid, pro: pro.length, cons: cons.length })
})

/** Starts to follow disputes. */
export const follow = Effect.fnUntraced(function* (state: State) {
  const { conclusions, detections } = state.disputes
  yield* Subsystem.spawn(Stream.runForEach(detections, (detection) => onDetection(state, detection)))
  yield* Subsystem.spawn(Stream.runForEach(conclusions, (conclusion) => onConclusion(state, conclusion)))
})

/** Takes up what an earlier run left open: we tell others of disputes that we have voted in. */
export const resume = Effect.fnUntraced(function* (state: State) {
  for (const { candidateHash, session, status } of yield* stored(state.db.recentDisputes)) {
    if (status._tag.startsWith("Concluded")) continue
    const votes = yield* stored(state.db.votes(session, candidateHash))
    if (Option.isNone(votes)) continue
    const against = votes.value.invalid.map(([, validator]) => validator)
    const own = yield* ownAmong(state, session, against)
    yield* escalate(state, session, candidateHash, own.length > 0)
  }
})
