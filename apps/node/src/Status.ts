/**
 * Figures of a node that a person wants to see, kept across restarts.
 */
import { Metrics } from "@ephor/backing"
import { Chain, ChainEvent, RuntimeApi, type Standing } from "@ephor/chain"
import { Manifest, Store, Table } from "@ephor/store"
import { DevChain } from "@ephor/devchain"
import { Disputes, Metrics as DisputeMetrics } from "@ephor/disputes"
import { candidateHash, ChainId, type ValidatorIndex } from "@ephor/types"
import { Context, Effect, Layer, Metric, Option, Schema, Stream } from "effect"

/** What has happened so far. */
const Counters = Schema.Struct({
  candidatesIncluded: Schema.Int,
  disputesConcluded: Schema.Int,
  reverts: Schema.Int,
  replacedBlocks: Schema.Int
})
interface Counters extends Schema.Schema.Type<typeof Counters> {}

/** What verdicts cost the validators, as the final block has it. */
interface Consequences {
  /** How often a stake was cut. */
  readonly slashesApplied: number
  /** How often a validator was rewarded. */
  readonly rewardsPaid: number
  /** How often a validator was disabled. */
  readonly validatorsDisabled: number
}

/** What the validators of this process have done since it began. */
export interface Deeds {
  /** Candidates that they seconded. */
  readonly secondedStatements: number
  /** Candidates of others that they executed, and agreed to. */
  readonly validStatements: number
  /** Proofs of validity that they fetched from others to do so. */
  readonly fetchedProofs: number
  /** Disputes that others gossiped and that were stored. */
  readonly registeredVotes: number
  /** Snapshots taken of who voted how. */
  readonly snapshots: number
}

/** Figures as `/status` tells them. */
export interface Figures extends Counters, Consequences, Deeds {
  readonly chainId: ChainId
  readonly localUnsafe: number
  readonly crossUnsafe: number
  readonly localSafe: number
  readonly crossSafe: number
  readonly finalized: number
  /** Blocks that were to become final since the start and had to wait for validators. */
  readonly finalityWaited: number
  /** Validators that the next block is made without. */
  readonly disabledNow: ReadonlyArray<ValidatorIndex>
  /** The lowest block of the history that is kept. */
  readonly history: number
}

/** The figures of a node. */
export class Status extends Context.Service<Status, { readonly figures: Effect.Effect<Figures> }>()(
  "@ephor/node/Status"
) {}

const counters = Table.make({ name: "status", key: [Table.text], value: Counters })
/** The figures that are kept, for the manifest of a data directory. */
export const family: Manifest.Family = Manifest.family({ name: "status", version: 1, tables: [counters] })

const consequencesOf = (standings: ReadonlyArray<Standing.Standing>): Consequences => ({
  slashesApplied: standings.reduce((sum, { slashes }) => sum + slashes, 0),
  rewardsPaid: standings.reduce((sum, { rewards }) => sum + rewards, 0),
  validatorsDisabled: standings.reduce((sum, { disablings }) => sum + disablings, 0)
})

const none: Counters = { candidatesIncluded: 0, disputesConcluded: 0, reverts: 0, replacedBlocks: 0 }

/** Candidates remembered so that none is counted twice. */
const rememberedCandidates = 1024

const valueOf = (metric: Metric.Counter<number>) => Effect.map(Metric.value(metric), ({ count }) => count)

const deeds: Effect.Effect<Deeds> = Effect.all({
  secondedStatements: valueOf(Metrics.statementsSigned("Seconded")),
  validStatements: valueOf(Metrics.statementsSigned("Valid")),
  fetchedProofs: valueOf(Metrics.povFetches("Recovered")),
  registeredVotes: valueOf(DisputeMetrics.registrations("Stored")),
  snapshots: valueOf(DisputeMetrics.snapshots)
})

/** Counts what the chain and the disputes tell. */
export const layer = (
  chainId: ChainId
): Layer.Layer<
  Status,
  Store.StoreError,
  Chain.Chain | DevChain.DevChain | RuntimeApi.RuntimeApi | Disputes.Disputes | Store.Store
> =>
  Layer.effect(
    Status,
    Effect.gen(function* () {
      const chain = yield* Chain.Chain
      const runtime = yield* RuntimeApi.RuntimeApi
      const disputes = yield* Disputes.Disputes
      const devChain = yield* DevChain.DevChain
      const store = yield* Store.Store
      let current = Option.getOrElse(yield* counters.get(store, ["counters"]), () => none)
      const seen = new Set<string>()
      const once = (key: string): boolean => {
        if (seen.has(key)) return false
        seen.add(key)
        if (seen.size > rememberedCandidates) seen.delete(seen.values().next().value!)
        return true
      }
      const count = (change: Partial<Counters>) =>
        Effect.suspend(() => {
          current = {
            candidatesIncluded: current.candidatesIncluded + (change.candidatesIncluded ?? 0),
            disputesConcluded: current.disputesConcluded + (change.disputesConcluded ?? 0),
            reverts: current.reverts + (change.reverts ?? 0),
            replacedBlocks: current.replacedBlocks + (change.replacedBlocks ?? 0)
          }
          return store.batch([counters.put(["counters"], current)])
        }).pipe(
          Effect.catch((error) => Effect.logWarning("the figures of this node cannot be stored", error))
        )
      const onEvent = Effect.fnUntraced(function* (event: ChainEvent) {
        switch (event._tag) {
          case "Imported": {
            const happened = yield* runtime
              .candidateEvents(event.block.hash)
              .pipe(Effect.orElseSucceed(() => []))
            const included = happened
              .filter((candidate) => candidate._tag === "CandidateIncluded")
              .filter((candidate) => once(`included ${candidateHash(candidate.value[0])}`)).length
            return included > 0 ? yield* count({ candidatesIncluded: included }) : undefined
          }
          case "Reverted":
            return event.removed.length > 0 && !event.commanded ? yield* count({ reverts: 1 }) : undefined
          case "Replaced":
            return yield* count({ replacedBlocks: 1 })
          default:
            return undefined
        }
      })
      yield* Stream.runForEach(chain.events, onEvent).pipe(Effect.forkScoped({ startImmediately: true }))
      yield* disputes.conclusions.pipe(
        Stream.filter(({ candidateHash: candidate }) => once(`concluded ${candidate}`)),
        Stream.runForEach(() => count({ disputesConcluded: 1 })),
        Effect.forkScoped({ startImmediately: true })
      )
      return Status.of({
        figures: Effect.gen(function* () {
          const heads = yield* chain.heads
          const known = <A>(answer: Effect.Effect<ReadonlyArray<A>, RuntimeApi.RuntimeApiError>) =>
            Effect.orElseSucceed(answer, (): ReadonlyArray<A> => [])
          return {
            chainId,
            localUnsafe: heads.localUnsafe.number,
            crossUnsafe: heads.crossUnsafe.number,
            localSafe: heads.localSafe.number,
            crossSafe: heads.crossSafe.number,
            finalized: heads.finalized.number,
            history: yield* chain.history,
            finalityWaited: yield* devChain.finalityWaited,
            disabledNow: yield* known(runtime.disabledValidators(heads.localUnsafe.hash)),
            ...consequencesOf(yield* known(runtime.standings(heads.finalized.hash))),
            ...current,
            ...(yield* deeds)
          }
        })
      })
    })
  )
