/**
 * The collator protocol, on the side of a collator: declares its parachains to every validator that is connected, advertises
 * what it has, gives the proof to whoever asks, and hears what became of it.
 */
import { Effect, Metric, Option, PubSub, Result, type Scope, Stream } from "effect"
import { Keystore } from "@ephor/keystore"
import { Network, type NetworkError, Protocol, Refusal } from "@ephor/network"
import type { NewCandidate } from "@ephor/overseer"
import {
  type CandidateHash,
  candidateHash,
  collatorDeclarationPayload,
  type CollatorId,
  Elapsed,
  type Hash,
  headDataHash,
  type ParaId,
  type ValidatorId
} from "@ephor/types"
import type * as Collator from "./Collator.ts"
import * as CollationMessage from "./collators/CollationMessage.ts"
import { Kept } from "./collators/Kept.ts"
import * as Metrics from "./Metrics.ts"

/** Bounds of a collator. */
export interface Limits {
  /** Collations that are kept for validators who ask; beyond it the oldest are dropped. */
  readonly keptCollations: number
  /** Bytes of proofs that are kept for validators who ask; beyond it the oldest are dropped. */
  readonly keptBytes: number
  /** Reports that wait for a slow reader; beyond it the oldest are dropped. */
  readonly maxReports: number
  /** How long a validator that has no place for us is left alone before we declare ourselves again. Milliseconds. */
  readonly redeclareMs: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  keptCollations: 128,
  keptBytes: 64 * 1024 * 1024,
  maxReports: 256,
  redeclareMs: 60_000
}

/** Reports that a new reader hears first: the first ones may come before there is one. */
const recentReports = 16

/** Who collates for what. The key store must hold the collator's key. */
export interface Options extends Partial<Limits> {
  readonly collator: CollatorId
  readonly paras: ReadonlyArray<ParaId>
}

/** What a validator says about a candidate, or about the collator (`candidateHash` is then `null`). */
export type Report =
  | {
      readonly _tag: "Seconded"
      readonly validator: ValidatorId
      readonly candidateHash: CandidateHash
      readonly relayParent: Hash
    }
  | {
      readonly _tag: "Refused"
      readonly validator: ValidatorId
      readonly candidateHash: CandidateHash | null
      readonly why: CollationMessage.CollationRefusal
    }

/** A collator in its network. */
export interface Service {
  /** Tells a validator of a candidate; one that is not connected misses it. */
  readonly advertise: (
    target: Collator.Target,
    offer: NewCandidate,
    parentHead: Uint8Array
  ) => Effect.Effect<void>
  /** What validators say, beginning with the last few reports. */
  readonly reports: Stream.Stream<Report>
}

/** A validator that is connected, and until when it does not want to hear of a parachain. */
interface Listener {
  readonly validator: ValidatorId
  readonly deafUntilMs: Map<ParaId, number>
}

/** What a message of a validator reports, if it does. */
const reportOf = (validator: ValidatorId, message: CollationMessage.CollationMessage): Report | undefined => {
  if (message._tag === "CollationSeconded") {
    const [relayParent, { payload }] = message.value
    return { _tag: "Seconded", validator, candidateHash: payload.value, relayParent }
  }
  if (message._tag !== "CollationRefused") return undefined
  const [candidate, why] = message.value
  return { _tag: "Refused", validator, candidateHash: candidate, why }
}

/** Begins to collate, until the scope closes. One collator per network, for any number of parachains. */
export const make = Effect.fnUntraced(function* (
  options: Options
): Effect.fn.Return<Service, NetworkError, Network.Network | Keystore.Keystore | Scope.Scope> {
  const { collator, keptBytes, keptCollations, maxReports, paras, redeclareMs } = { ...defaults, ...options }
  const network = yield* Network.Network
  const keystore = yield* Keystore.Keystore
  const kept = new Kept(keptCollations, keptBytes)
  const reports = yield* PubSub.sliding<Report>({
    capacity: maxReports,
    replay: Math.min(recentReports, maxReports)
  })
  const listeners = new Map<Network.PeerId, Listener>()

  yield* network.serve(Protocol.collationFetch, (_, bytes) => {
    const query = CollationMessage.query.decode(bytes)
    const found = Result.isSuccess(query) ? kept.get(query.success.candidateHash) : undefined
    return found === undefined
      ? Effect.fail(new Refusal({ why: "this collation is not, or no longer, here" }))
      : Effect.succeed(
          CollationMessage.answer.encode({ _tag: "Collation", value: [found.candidate, found.pov] })
        )
  })
  const notify = (peer: Network.PeerId, message: CollationMessage.CollationMessage) =>
    Effect.ignore(network.notify(Protocol.collation, [peer], CollationMessage.encode(message)), {
      log: "Debug"
    })
  const payload = collatorDeclarationPayload(CollationMessage.peerBytes(network.self))
  const declare = Effect.fnUntraced(function* (peer: Network.PeerId, ids: ReadonlyArray<ParaId>) {
    // The key was named by whoever holds it: without it nothing can be collated.
    const signature = yield* Effect.orDie(keystore.sign(collator, payload))
    for (const paraId of ids) yield* notify(peer, { _tag: "Declare", value: [collator, paraId, signature] })
  })
  const meet = Effect.fnUntraced(function* (peer: Network.PeerId, validator: ValidatorId) {
    if (listeners.has(peer)) return
    listeners.set(peer, { validator, deafUntilMs: new Map() })
    yield* declare(peer, paras)
  })
  /** A validator that refuses us is not told more, which would only cost us; when the time is over we declare anew. */
  const isHeard = Effect.fnUntraced(function* (peer: Network.PeerId, paraId: ParaId) {
    const deafUntilMs = listeners.get(peer)?.deafUntilMs
    const untilMs = deafUntilMs?.get(paraId)
    if (deafUntilMs === undefined || untilMs === undefined) return true
    if ((yield* Elapsed.ms) < untilMs) return false
    deafUntilMs.delete(paraId)
    yield* declare(peer, [paraId])
    return true
  })
  const onRefusal = Effect.fnUntraced(function* (
    { deafUntilMs }: Listener,
    why: CollationMessage.CollationRefusal
  ) {
    const nowMs = yield* Elapsed.ms
    if (why._tag === "Full" && paras.includes(why.value)) deafUntilMs.set(why.value, nowMs + redeclareMs)
    if (why._tag === "Banned") for (const paraId of paras) deafUntilMs.set(paraId, nowMs + why.value * 1000)
  })
  const onMessage = Effect.fnUntraced(function* (peer: Network.PeerId, bytes: Uint8Array) {
    const listener = listeners.get(peer)
    const message = CollationMessage.decode(bytes)
    if (listener === undefined || Result.isFailure(message)) return
    const report = reportOf(listener.validator, message.success)
    if (report === undefined) return
    if (report._tag === "Refused") yield* onRefusal(listener, report.why)
    const outcome = report._tag === "Seconded" ? "Seconded" : report.why._tag
    yield* Metric.update(Metrics.collatorReports(outcome), 1)
    yield* PubSub.publish(reports, report)
  })
  yield* network.eventsOf(Protocol.collation).pipe(
    Stream.runForEach((event) => {
      switch (event._tag) {
        case "PeerConnected":
          return event.authority === undefined ? Effect.void : meet(event.peer, event.authority)
        case "PeerDisconnected":
          return Effect.sync(() => void listeners.delete(event.peer))
        case "PeerMessage":
          return onMessage(event.peer, event.bytes)
        case "PeerViewChange":
          return Effect.void
      }
    }),
    Effect.forkScoped({ startImmediately: true })
  )
  return {
    advertise: Effect.fnUntraced(function* (
      target: Collator.Target,
      offer: NewCandidate,
      parentHead: Uint8Array
    ) {
      const peer = yield* network.peerOf(target.key)
      if (Option.isNone(peer)) return
      const hash = candidateHash(offer.candidate)
      kept.add(hash, offer)
      yield* meet(peer.value.id, target.key)
      if (!(yield* isHeard(peer.value.id, offer.candidate.descriptor.paraId))) return
      const { relayParent } = offer
      yield* notify(peer.value.id, {
        _tag: "AdvertiseCollation",
        value: { relayParent, candidateHash: hash, parentHeadDataHash: headDataHash(parentHead) }
      })
    }),
    reports: Stream.fromPubSub(reports)
  }
})
