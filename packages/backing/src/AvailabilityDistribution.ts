/**
 * Availability distribution: every validator fetches the data of each candidate that the chain has backed, so
 * that it can say so in its bitfield, and check the candidate once it is included.
 *
 * It works on signals alone. Backers come from the votes of the block that backed the candidate.
 */
import { type Deferred, Effect, type Layer } from "effect"
import { Chain, RuntimeApi } from "@ephor/chain"
import {
  AvailabilityRecovery,
  AvailabilityStore,
  Overseer,
  type RecoveryOutcome,
  Subsystem,
  Unsettled
} from "@ephor/overseer"
import {
  type BlockRef,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type OccupiedCore,
  type ValidatorIndex
} from "@ephor/types"
import { Recent } from "./shared/Recent.ts"

/** Limits of availability distribution. Times are milliseconds. */
export interface Limits {
  /** Candidates of earlier blocks that are remembered while they wait to become available. */
  readonly maxPending: number
  /** Candidates fetched at a time at one leaf. */
  readonly concurrency: number
  /** Pause before another round of peers, while the candidate still waits. */
  readonly retryDelayMs: number
  /** Blocks below a leaf that are looked at for who backed what occupies a core: after a restart nobody tells again. */
  readonly maxBlocks: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = { maxPending: 256, concurrency: 8, retryDelayMs: 500, maxBlocks: 64 }

/** Nothing can be sent to availability distribution. */
export type AvailabilityDistributionMessage = never

/** Address of availability distribution. */
export class AvailabilityDistribution extends Subsystem.Service<
  AvailabilityDistribution,
  AvailabilityDistributionMessage
>()("@ephor/backing/AvailabilityDistribution", {
  sends: (): Subsystem.Edges => [AvailabilityRecovery, AvailabilityStore]
}) {}

interface Pending {
  readonly receipt: CandidateReceipt
  readonly backers: ReadonlyArray<ValidatorIndex>
}

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const chain = yield* Chain.Chain
    const runtime = yield* RuntimeApi.RuntimeApi
    const pending = new Recent<CandidateHash, Pending>(limits.maxPending)

    const isHere = (hash: CandidateHash) =>
      AvailabilityStore.ask((reply: Deferred.Deferred<boolean>) => ({
        _tag: "QueryDataAvailability",
        candidateHash: hash,
        reply
      }))

    const attempt = Effect.fnUntraced(function* (hash: CandidateHash, { backers, receipt }: Pending) {
      const session = yield* runtime.sessionIndexForChild(receipt.descriptor.relayParent)
      const recovered = yield* AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
        _tag: "RecoverAvailableData",
        candidate: receipt,
        session,
        backers,
        reply
      }))
      if (recovered._tag !== "Recovered") return recovered._tag === "InvalidData"
      return yield* AvailabilityStore.ask((reply: Deferred.Deferred<boolean>) => ({
        _tag: "StoreAvailableData",
        candidateHash: hash,
        data: recovered.data,
        reply
      }))
    })

    const fetch = Effect.fnUntraced(function* (hash: CandidateHash) {
      const known = pending.get(hash)
      if (known === undefined || (yield* isHere(hash))) return
      while (!(yield* attempt(hash, known))) yield* Effect.sleep(limits.retryDelayMs)
    })

    const learn = Effect.fnUntraced(function* ({ hash }: BlockRef) {
      const { backingValidatorsPerCandidate } = yield* runtime.onChainVotes(hash)
      for (const [receipt, votes] of backingValidatorsPerCandidate) {
        pending.set(candidateHash(receipt), { receipt, backers: votes.map(([index]) => index) })
      }
    })

    /** Who backed what came before this run: from the blocks since which the cores are occupied. */
    const learnEarlier = Effect.fnUntraced(function* (leaf: BlockRef, occupied: ReadonlyArray<OccupiedCore>) {
      const unknown = occupied.filter((core) => !pending.has(core.candidateHash))
      if (unknown.length === 0) return
      const since = Math.min(...unknown.map(({ occupiedSince }) => occupiedSince))
      const maxBlocks = Math.min(limits.maxBlocks, leaf.number - since + 1)
      const blocks = yield* Unsettled.at(chain, leaf, { maxBlocks, finalBlocks: limits.maxBlocks })
      yield* Effect.forEach(blocks, (block) => Effect.ignore(learn(block), { log: "Debug" }), {
        discard: true
      })
    })

    const work = Effect.fnUntraced(function* (leaf: BlockRef) {
      yield* learn(leaf)
      const cores = yield* runtime.availabilityCores(leaf.hash)
      const occupied = cores.flatMap((core) => (core._tag === "Occupied" ? [core.value] : []))
      yield* learnEarlier(leaf, occupied)
      yield* Effect.forEach(occupied, (core) => fetch(core.candidateHash), {
        concurrency: limits.concurrency,
        discard: true
      })
    })

    return {
      leaf: (leaf: BlockRef) =>
        work(leaf).pipe(
          Effect.catchTag("RuntimeApiError", (error) =>
            Effect.logWarning("no data is fetched at this leaf", error.message)
          )
        ),
      message: () => Effect.void
    }
  })

/** Everything availability distribution needs to run. */
export type Requirements =
  | AvailabilityDistribution
  | AvailabilityRecovery
  | AvailabilityStore
  | Overseer.Overseer
  | Chain.Chain
  | RuntimeApi.RuntimeApi

/** Fetches the data of backed candidates. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  AvailabilityDistribution.toLayer(make({ ...defaults, ...options }))
