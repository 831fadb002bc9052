/**
 * What the collator protocol knows while it runs, and how it judges a collator.
 */
import { Effect, Metric } from "effect"
import type { RuntimeApi } from "@ephor/chain"
import type { Keystore } from "@ephor/keystore"
import { type Network, Protocol, Reputation } from "@ephor/network"
import { Subsystem } from "@ephor/overseer"
import { type CandidateHash, type CollatorId, Elapsed, type Hash } from "@ephor/types"
import type { Limits } from "../CollatorProtocol.ts"
import * as Metrics from "../Metrics.ts"
import type { Recent } from "../shared/Recent.ts"
import * as CollationMessage from "./CollationMessage.ts"
import * as Declarations from "./Declarations.ts"
import * as Offers from "./Offers.ts"
import type { Standing } from "./Standing.ts"

/** An advertisement for a relay parent that is not active here yet. */
export interface Early {
  readonly peer: Network.PeerId
  readonly relayParent: Hash
  readonly candidateHash: CandidateHash
  readonly parentHeadDataHash: Hash
}

/** Who brought a candidate that was handed in. */
export interface Source {
  readonly peer: Network.PeerId
  readonly collator: CollatorId
  readonly relayParent: Hash
}

/** What the subsystem knows. */
export interface State {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly keystore: Keystore.Service
  readonly network: Network.Service
  readonly declarations: Declarations.Declarations
  readonly standing: Standing
  readonly heads: Map<Hash, Offers.Head>
  /** Relay parents that we have left: what is advertised late costs nothing. */
  readonly left: Recent<Hash>
  readonly early: Array<Early>
  readonly sources: Recent<CandidateHash, Source>
}

/** What peers do that no honest collator does, with what it costs them. */
export const costs = {
  /** What it sends is no message, no collation, or not what it advertised. */
  malformed: Reputation.changes.badSignature,
  "bad signature": Reputation.changes.badSignature,
  /** The collation names a collator that the peer has not declared to be. */
  "another collator": Reputation.changes.badSignature,
  duplicate: Reputation.changes.duplicate,
  flood: Reputation.changes.flood,
  unexpected: Reputation.changes.unexpected,
  /** What it advertised it does not give. */
  "not given": Reputation.changes.minor
} as const

export const counted = (outcome: string) => Metric.update(Metrics.collations(outcome), 1)

/** Holds something against a peer, and against the collator in whose name it did it. */
export const blame = Effect.fnUntraced(function* (
  state: State,
  peer: Network.PeerId,
  why: keyof typeof costs,
  collator?: CollatorId
) {
  yield* counted(why)
  if (collator !== undefined) state.standing.change(collator, costs[why], yield* Elapsed.ms)
  yield* state.network.report(peer, costs[why], `collator: ${why}`)
})

/** Says something to a collator; one that is gone misses it. */
export const tell = ({ network }: State, peer: Network.PeerId, message: CollationMessage.CollationMessage) =>
  Effect.ignore(network.notify(Protocol.collation, [peer], CollationMessage.encode(message)), {
    log: "Debug"
  })

/** Why a collator is not listened to now, if it is not. */
export const banOf = (state: State, collator: CollatorId) =>
  Effect.map(Elapsed.ms, (nowMs): CollationMessage.CollationRefusal | undefined => {
    const remainingMs = state.standing.banRemainingMs(collator, nowMs)
    return remainingMs > 0 ? { _tag: "Banned", value: Math.ceil(remainingMs / 1000) } : undefined
  })

/** A collator whose candidate was invalid is banned by its key, and its peer by its name once it has been told. */
export const ban = Effect.fnUntraced(function* (state: State, candidateHash: CandidateHash, source: Source) {
  const { collator, peer } = source
  yield* counted("invalid")
  yield* Effect.logInfo("a collator is banned for an invalid candidate", {
    collator,
    peer,
    candidate: candidateHash
  })
  state.standing.change(collator, Reputation.changes.malicious, yield* Elapsed.ms)
  for (const paras of state.declarations.values())
    for (const [paraId, declared] of paras) if (declared === collator) paras.delete(paraId)
  yield* Metric.update(Metrics.collators, Declarations.count(state.declarations))
  for (const head of state.heads.values())
    Offers.forget(head, (offer) => offer.collator === collator || offer.peer === peer)
  yield* tell(state, peer, { _tag: "CollationRefused", value: [candidateHash, { _tag: "Invalid" }] })
  yield* Subsystem.spawn(
    Effect.andThen(
      Effect.sleep(state.limits.farewellMs),
      state.network.report(peer, Reputation.changes.malicious, "collator: an invalid candidate")
    )
  )
})
