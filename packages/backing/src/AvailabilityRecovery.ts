/**
 * Availability recovery: the data of a candidate from our own store, or from peers: its backers first, then
 * everybody else.
 *
 * In development networks every holder holds all of it, so one honest peer is enough. What a peer sends counts
 * only if it is what the descriptor commits to.
 */
import { Deferred, Effect, type Layer, Metric, Option, Result, Schema } from "effect"
import { RuntimeApi } from "@ephor/chain"
import { Network, Protocol, Reputation } from "@ephor/network"
import {
  AvailabilityRecovery,
  AvailabilityStore,
  Overseer,
  type RecoverAvailableData,
  type RecoveryOutcome
} from "@ephor/overseer"
import {
  AvailableData,
  CandidateHash,
  candidateHash,
  type CandidateReceipt,
  persistedValidationDataHash,
  povHash,
  Scale,
  type ValidatorId
} from "@ephor/types"
import * as CandidateChecks from "./CandidateChecks.ts"
import * as Metrics from "./Metrics.ts"

/** Limits of availability recovery. */
export interface Limits {
  /** Recoveries at a time; others wait. */
  readonly concurrency: number
  /** Peers asked for one candidate, one after the other. */
  readonly maxPeers: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { concurrency: 16, maxPeers: 16 }

const encodeHash = Scale.encode(CandidateHash)
const decodeAnswer = Scale.decodeResult(Schema.NullOr(AvailableData))

/**
 * What data is to a candidate: the real thing, proof that the descriptor contradicts itself, or something else.
 */
export const classify = (candidate: CandidateReceipt, data: AvailableData): RecoveryOutcome => {
  const { descriptor } = candidate
  if (CandidateChecks.isDataOf(descriptor, data)) return { _tag: "Recovered", data }
  // The very PoV and validation data of the descriptor, under another root: no data can ever fit.
  const contradicts =
    povHash(data.pov) === descriptor.povHash &&
    persistedValidationDataHash(data.validationData) === descriptor.persistedValidationDataHash
  return contradicts ? { _tag: "InvalidData" } : { _tag: "Unavailable" }
}

/** What recovery asks. */
interface Services {
  readonly limits: Limits
  readonly runtime: RuntimeApi.Service
  readonly network: Network.Service
}

const unavailable: RecoveryOutcome = { _tag: "Unavailable" }

/** Connected backers, then the other connected peers. */
const sources = Effect.fnUntraced(function* (
  { limits, network, runtime }: Services,
  { backers, candidate, session }: RecoverAvailableData
) {
  const validators = yield* runtime.sessionInfo(candidate.descriptor.relayParent, session).pipe(
    Effect.map((info) => info.validators),
    Effect.orElseSucceed((): ReadonlyArray<ValidatorId> => [])
  )
  const preferred = new Set<Network.PeerId>()
  for (const backer of backers ?? []) {
    const key = validators[backer]
    const peer = key === undefined ? Option.none<Network.Peer>() : yield* network.peerOf(key)
    if (Option.isSome(peer)) preferred.add(peer.value.id)
  }
  const others = (yield* network.peers).map(({ id }) => id).filter((id) => !preferred.has(id))
  return [...preferred, ...others].slice(0, limits.maxPeers)
})

/** Asks one peer. Having nothing is no fault; sending something else is. */
const fetch = Effect.fnUntraced(
  function* ({ network }: Services, peer: Network.PeerId, candidate: CandidateReceipt, hash: CandidateHash) {
    const answer = decodeAnswer(yield* network.request(Protocol.availableData, peer, encodeHash(hash)))
    if (Result.isSuccess(answer) && answer.success === null) return unavailable
    const outcome = Result.isSuccess(answer) ? classify(candidate, answer.success!) : unavailable
    if (outcome._tag === "Unavailable") {
      yield* network.report(peer, Reputation.changes.major, "available data that is not the candidate's")
    }
    return outcome
  },
  Effect.catch((error) => Effect.as(Effect.logDebug("a peer gave no data", error.message), unavailable))
)

const local = (hash: CandidateHash) =>
  AvailabilityStore.ask((reply: Deferred.Deferred<Option.Option<AvailableData>>) => ({
    _tag: "QueryAvailableData",
    candidateHash: hash,
    reply
  }))

const recover = Effect.fnUntraced(function* (services: Services, message: RecoverAvailableData) {
  const { candidate } = message
  const hash = candidateHash(candidate)
  const held = yield* local(hash)
  if (Option.isSome(held)) {
    const outcome = classify(candidate, held.value)
    if (outcome._tag !== "Unavailable") return outcome
  }
  for (const peer of yield* sources(services, message)) {
    const outcome = yield* fetch(services, peer, candidate, hash)
    if (outcome._tag !== "Unavailable") return outcome
  }
  return unavailable
})

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const services: Services = {
      limits,
      runtime: yield* RuntimeApi.RuntimeApi,
      network: yield* Network.Network
    }
    return {
      concurrency: limits.concurrency,
      message: Effect.fnUntraced(function* (message: RecoverAvailableData) {
        const outcome = yield* recover(services, message)
        yield* Metric.update(Metrics.recoveries(outcome._tag), 1)
        yield* Deferred.succeed(message.reply, outcome)
      })
    }
  })

/** Everything availability recovery needs to run. */
export type Requirements =
  | AvailabilityRecovery
  | AvailabilityStore
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Network.Network

/** Recovers available data. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  AvailabilityRecovery.toLayer(make({ ...defaults, ...options }))
