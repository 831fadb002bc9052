/**
 * Candidate backing: seconds what selection chose, checks what peers of our group second, tallies everybody,
 * and knows which candidates have their quorum.
 *
 * One job per leaf. A validator signs at most one `Seconded` per relay parent and one statement per candidate,
 * and never about a candidate that it did not execute with success. (Overseer protocol, "Candidate Backing
 * Message".)
 */
import { Deferred, Effect, type Layer, Queue } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import {
  type AvailabilityStore,
  CandidateBacking,
  type CandidateSelection,
  type CandidateValidation,
  type CollatorProtocol,
  type GetBackedCandidates,
  type MisbehaviorArbitration,
  type Overseer,
  type PoVDistribution,
  type Provisioner,
  type RegisterBackingWatcher,
  Signal,
  type StatementDistribution
} from "@ephor/overseer"
import type { Hash } from "@ephor/types"
import { consider } from "./backing/Agreement.ts"
import { allBacked, type Job, makeJob } from "./backing/Job.ts"
import { canSecond, second } from "./backing/Seconding.ts"
import { Recent } from "./shared/Recent.ts"
import * as OwnStatements from "./statements/OwnStatements.ts"
import { repeat, type Signing } from "./statements/Tally.ts"

/** Limits of candidate backing. */
export interface Limits extends OwnStatements.Limits {
  /** How long to wait for a proof of validity from whoever has it, when its backer does not give it. */
  readonly povTimeoutMs: number
  /** Watchers of one relay parent; further ones are ended at once. */
  readonly maxWatchers: number
  /** Leaves we have left whose signatures are remembered: after a revert a leaf can become active once more. */
  readonly rememberedLeaves: number
}

/** Defaults of `Limits`. */
export const defaults: Limits = {
  ...OwnStatements.defaults,
  povTimeoutMs: 2000,
  maxWatchers: 16,
  rememberedLeaves: 256
}

const onRegister = (job: Job | undefined, { watcher }: RegisterBackingWatcher, limits: Limits) =>
  Effect.sync(() => {
    if (job === undefined || job.watchers.size >= limits.maxWatchers) return void Queue.endUnsafe(watcher)
    job.watchers.add(watcher)
    for (const candidate of allBacked(job)) Queue.offerUnsafe(watcher, candidate)
  })

const make = (limits: Limits) =>
  Effect.gen(function* () {
    const runtime = yield* RuntimeApi.RuntimeApi
    const keystore = yield* Keystore.Keystore
    const statements = OwnStatements.make(yield* Store.Store, limits)
    const signing: Signing = { keystore, statements }
    const jobs = new Map<Hash, Job>()
    const left = new Recent<Hash, Pick<Job, "agreed" | "issued" | "seconded">>(limits.rememberedLeaves)

    const start = Effect.fnUntraced(
      function* (leaf: Signal.Leaf) {
        const made = yield* makeJob(runtime, keystore, leaf)
        const job: Job = { ...made, ...left.get(leaf.hash) }
        yield* repeat(signing, job)
        jobs.set(leaf.hash, job)
      },
      Effect.catch((error) => Effect.logWarning("no backing at this leaf", error.message))
    )
    const stop = (relayParent: Hash) =>
      Effect.sync(() => {
        const job = jobs.get(relayParent)
        jobs.delete(relayParent)
        if (job === undefined) return
        left.set(relayParent, { agreed: job.agreed, issued: job.issued, seconded: job.seconded })
        for (const watcher of job.watchers) Queue.endUnsafe(watcher)
      })
    const inJob = <A, E, R>(relayParent: Hash, use: (job: Job) => Effect.Effect<A, E, R>) => {
      const job = jobs.get(relayParent)
      return job === undefined ? Effect.void : use(job)
    }

    return {
      signal: Signal.match({
        ActiveLeaves: Effect.fnUntraced(function* ({ activated, deactivated }) {
          for (const hash of deactivated) yield* stop(hash)
          if (activated !== null) yield* start(activated)
        }),
        BlockFinalized: ({ number }) =>
          statements
            .prune(number)
            .pipe(Effect.catch((error) => Effect.logError("own statements: pruning failed", error.message))),
        Conclude: () => Effect.forEach([...jobs.keys()], stop, { discard: true })
      }),
      message: CandidateBacking.match({
        Second: (message) => inJob(message.relayParent, (job) => second(signing, job, message)),
        CanSecond: ({ candidateHash, relayParent, reply }) => {
          const job = jobs.get(relayParent)
          return Effect.asVoid(Deferred.succeed(reply, job !== undefined && canSecond(job, candidateHash)))
        },
        Statement: (message) =>
          inJob(message.relayParent, (job) => consider(signing, job, message, limits.povTimeoutMs)),
        RegisterBackingWatcher: (message) => onRegister(jobs.get(message.relayParent), message, limits),
        GetBackedCandidates: ({ relayParent, reply }: GetBackedCandidates) => {
          const job = jobs.get(relayParent)
          return Effect.asVoid(Deferred.succeed(reply, job === undefined ? [] : allBacked(job)))
        }
      })
    }
  })

/** Everything candidate backing needs to run. */
export type Requirements =
  | CandidateBacking
  | AvailabilityStore
  | CandidateSelection
  | CandidateValidation
  | CollatorProtocol
  | MisbehaviorArbitration
  | PoVDistribution
  | Provisioner
  | StatementDistribution
  | Overseer.Overseer
  | RuntimeApi.RuntimeApi
  | Keystore.Keystore
  | Store.Store

/** Backs candidates. A node without a key of the validator set only tallies. */
export const layer = (options: Partial<Limits> = {}): Layer.Layer<never, never, Requirements> =>
  CandidateBacking.toLayer(make({ ...defaults, ...options }))
