/** Taking gossip of other validators: bounded, authenticated and checked before anything is stored. */
import { Protocol, Refusal, Reputation, type Network } from "@ephor/network"
import type { RegisterVoteResult } from "@ephor/overseer"
import {
  candidateHash as hashOf,
  DisputeGossipMessage,
  DisputeResponse,
  Elapsed,
  Scale,
  toPlain,
  type ValidatorId
} from "@ephor/types"
import { Effect, Metric, Option } from "effect"
import * as Metrics from "../Metrics.ts"
import { Heard } from "./Heard.ts"
import type { State } from "./State.ts"

const decode = Scale.decodeResult(DisputeGossipMessage)
const confirmed = Scale.encode(DisputeResponse)({ _tag: "Confirmed" })

const { badSignature, duplicate, flood, major, minor } = Reputation.changes

type Reason = Extract<RegisterVoteResult, { _tag: "Refused" }>["reason"]

const refused = (reason: Reason, why: string): RegisterVoteResult => ({ _tag: "Refused", reason, why })

/** Whether nobody honest could have sent it. */
const isLie = (reason: Reason): boolean => reason === "InvalidSignature" || reason === "Malformed"

/** What it costs to have sent a message that was refused for this. */
const costOf = (reason: Reason): number => {
  switch (reason) {
    case "InvalidSignature":
      return badSignature
    case "Malformed":
      return major
    // Full spam slots are not the fault of whoever tells of a dispute; nor is that we are ahead, or behind.
    case "Spam":
      return minor
    case "AncientSession":
    case "UnknownCandidate":
    case "UnknownSession":
      return 0
  }
}

const refuse = Effect.fnUntraced(function* (
  { network }: State,
  peer: Network.Peer,
  outcome: string,
  cost: number,
  why: string
) {
  yield* Metric.update(Metrics.gossiped(outcome), 1)
  if (cost !== 0) yield* network.report(peer.id, cost, `dispute gossip: ${why}`)
  return yield* new Refusal({ why })
})

/** What a message that is new comes to. */
const judge = Effect.fnUntraced(function* (state: State, bytes: Uint8Array) {
  const decoded = decode(bytes)
  if (decoded._tag === "Failure") return refused("Malformed", decoded.failure.message)
  const message = decoded.success
  // Votes for a candidate cost nothing: without a vote that we know of ourselves, anybody could fill the disk with them.
  const known = yield* state.db
    .votes(message.sessionIndex, hashOf(toPlain(message.candidate)))
    .pipe(Effect.mapError(({ message }) => new Refusal({ why: message })))
  if (Option.isNone(known)) return refused("UnknownCandidate", "nothing is known here of this candidate yet")
  return yield* state.self.ask<RegisterVoteResult>((reply) => ({ _tag: "RegisterVote", message, reply }))
})

const take = Effect.fnUntraced(function* (
  state: State,
  heard: Heard,
  peer: Network.Peer,
  authority: ValidatorId,
  bytes: Uint8Array
) {
  const name = Heard.nameOf(bytes)
  switch (heard.hear(authority, name, yield* Elapsed.ms)) {
    case "flood":
      return yield* refuse(state, peer, "flood", flood, "more messages than there can be disputes")
    case "duplicate":
      return yield* refuse(state, peer, "duplicate", duplicate, "the same lie again")
    case "pending":
      return yield* refuse(state, peer, "pending", 0, "it is being checked")
    case "taken":
      yield* Metric.update(Metrics.gossiped("known"), 1)
      return confirmed
    case "new":
      break
  }
  let end: "taken" | "lie" | "refused" = "refused"
  const result = yield* judge(state, bytes).pipe(
    Effect.tap((result) =>
      Effect.sync(() => {
        if (result._tag !== "Refused") end = "taken"
        else if (isLie(result.reason)) end = "lie"
      })
    ),
    Effect.ensuring(Effect.sync(() => heard.end(authority, name, end)))
  )
  if (result._tag === "Refused")
    return yield* refuse(state, peer, result.reason, costOf(result.reason), result.why)
  yield* Metric.update(Metrics.gossiped(result._tag), 1)
  return confirmed
})

/** Serves the protocol. Nothing that a peer sends can end it. */
export const serve = (state: State) => {
  const heard = new Heard(state.limits)
  return Effect.orDie(
    state.network.serve(Protocol.disputeGossip, (peer, bytes) =>
      peer.authority === undefined
        ? refuse(state, peer, "stranger", major, "only validators tell of disputes")
        : take(state, heard, peer, peer.authority, bytes)
    )
  )
}
