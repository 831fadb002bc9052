/**
 * Candidate backing: seconds what selection chose, checks what peers of our group second, tallies everybody,
 * and knows which candidates have their quorum.
 *
 * One job per leaf. A validator signs at most one `Seconded` per relay parent and one statement per candidate,
 * and never about a candidate that it did not execute with success. (Overseer protocol, "Candidate Backing
 * Message".)
 */
import { Deferred, Effect, type Layer, Option, Queue } from "effect"
import { Keystore } from "@ephor/keystore"
import { RuntimeApi } from "@ephor/chain"
import { Store } from "@ephor/store"
import {
  AvailabilityRecovery,
  AvailabilityStore,
  type BackingStatement,
  CandidateBacking,
  CandidateSelection,
  CandidateValidation,
  type GetBackedCandidates,
  MisbehaviorArbitration,
  Overseer,
  PoVDistribution,
  Provisioner,
  type RecoveryOutcome,
  type RegisterBackingWatcher,
  type Second,
  Signal,
  StatementDistribution,
  Subsystem,
  type ValidationOutcome
} from "@ephor/overseer"
import {
  type AvailableData,
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type CommittedCandidateReceipt,
  type Hash,
  type PoV,
  type SignedFullStatement,
  statementCandidate,
  toPlain,
  type ValidatorIndex
} from "@ephor/types"
import * as CandidateChecks from "./CandidateChecks.ts"
import { allBacked, type Job, makeJob } from "./backing/Job.ts"
import { Recent } from "./shared/Recent.ts"
import { verifyFullStatement } from "./shared/Session.ts"
import * as OwnStatements from "./statements/OwnStatements.ts"
import { issue, repeat, type Signing, tally } from "./statements/Tally.ts"

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

const validate = (job: Job, candidate: CandidateReceipt, pov: PoV) =>
  CandidateValidation.ask((reply: Deferred.Deferred<ValidationOutcome>) => ({
    _tag: "Validate",
    candidate,
    relayParent: job.relayParent,
    povOrigin: { _tag: "Included", pov },
    kind: "Backing",
    reply
  }))

/** Executes, and keeps the data if the candidate holds and commits to it. */
const check = Effect.fnUntraced(function* (
  job: Job,
  candidate: CandidateReceipt,
  hash: CandidateHash,
  pov: PoV
) {
  const outcome = yield* validate(job, candidate, pov)
  if (outcome._tag !== "Valid") return outcome._tag
  const data: AvailableData = { pov, validationData: outcome.persistedValidationData }
  if (CandidateChecks.erasureRoot(data) !== candidate.descriptor.erasureRoot) return "Invalid"
  const stored = yield* AvailabilityStore.ask((reply: Deferred.Deferred<boolean>) => ({
    _tag: "StoreAvailableData",
    candidateHash: hash,
    data,
    reply
  }))
  return stored ? outcome.commitments : "Failed"
})

const trySecond = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { candidate, pov }: Second,
  hash: CandidateHash
) {
  const { own } = job.session
  const checked = yield* check(job, candidate, hash, pov)
  if (checked === "Invalid") {
    job.issued.add(hash)
    yield* CandidateSelection.sendNow({ _tag: "Invalid", relayParent: job.relayParent, candidate })
  }
  // Execution took a while: another candidate, or a `Valid` for this one, may have been signed meanwhile.
  if (typeof checked === "string" || own === undefined || job.seconded || job.issued.has(hash)) return
  job.seconded = true
  job.issued.add(hash)
  const value = { descriptor: candidate.descriptor, commitments: checked }
  yield* distribute(job, candidate, pov)
  yield* issue(signing, job, own, { _tag: "Seconded", value })
})

const recover = (job: Job, candidate: CandidateReceipt, backer: ValidatorIndex) =>
  AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
    _tag: "RecoverAvailableData",
    candidate,
    session: job.session.context.sessionIndex,
    backers: [backer],
    reply
  }))

/** Gives the proof of a candidate that holds to whoever waits for it. */
const distribute = ({ relayParent }: Job, { descriptor }: CandidateReceipt, pov: PoV) =>
  PoVDistribution.sendNow({ _tag: "DistributePoV", relayParent, descriptor, pov })

/** Runs a check beside the handlers, once at a time per candidate, and no longer than the leaf lives. */
const inBackground = <E, R>(job: Job, hash: CandidateHash, work: Effect.Effect<void, E, R>) => {
  job.validating.add(hash)
  return Subsystem.spawn(
    work.pipe(
      Effect.catch((error) => Effect.logWarning("a candidate was not checked", { candidate: hash, error })),
      Effect.ensuring(Effect.sync(() => job.validating.delete(hash)))
    ),
    { leaf: job.relayParent }
  )
}

/** What a peer of our group seconded: the candidate, and the statement that began it. */
interface Seconded {
  readonly candidate: CandidateReceipt
  readonly hash: CandidateHash
  readonly statement: SignedFullStatement
}

/** Checks a candidate of our group. What we find invalid we report, and sign nothing: the chain knows no such statement. */
const agree = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { candidate, hash, statement }: Seconded,
  pov: PoV
) {
  const { own } = job.session
  const checked = yield* check(job, candidate, hash, pov)
  if (checked === "Invalid") {
    job.issued.add(hash)
    yield* MisbehaviorArbitration.sendNow({
      _tag: "CandidateValidityDisagreement",
      relayParent: job.relayParent,
      receipt: candidate,
      statements: [statement]
    })
  }
  if (typeof checked === "string" || own === undefined || job.issued.has(hash)) return
  job.issued.add(hash)
  yield* distribute(job, candidate, pov)
  yield* issue(signing, job, own, { _tag: "Valid", value: hash })
})

/** Waits for a proof from whoever has it; a later backer may be faster. */
const agreeLater = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  seconded: Seconded,
  timeoutMs: number
) {
  const { relayParent } = job
  const { descriptor } = seconded.candidate
  const pov = yield* PoVDistribution.ask((reply: Deferred.Deferred<PoV>) => ({
    _tag: "FetchPoV",
    relayParent,
    descriptor,
    reply
  })).pipe(Effect.timeoutOption(timeoutMs))
  if (Option.isNone(pov) || job.issued.has(seconded.hash) || job.validating.has(seconded.hash)) return
  yield* inBackground(job, seconded.hash, agree(signing, job, seconded, pov.value))
})

/** Checks what a peer of our group seconded, with the proof of its backer. Without it we say nothing yet. */
const tryAgree = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  committed: CommittedCandidateReceipt,
  statement: SignedFullStatement,
  { povTimeoutMs }: Limits
) {
  const candidate = toPlain(committed)
  const seconded: Seconded = { candidate, hash: candidateHash(candidate), statement }
  const recovered = yield* recover(job, candidate, statement.validatorIndex)
  if (recovered._tag === "Recovered") return yield* agree(signing, job, seconded, recovered.data.pov)
  yield* Subsystem.spawn(agreeLater(signing, job, seconded, povTimeoutMs), { leaf: job.relayParent })
})

const onSecond = Effect.fnUntraced(function* (signing: Signing, job: Job, message: Second) {
  const { assignment } = job
  if (assignment === undefined || job.seconded) return
  const { descriptor } = message.candidate
  const collator = descriptor._tag === "V1" ? descriptor.collator : null
  const required = assignment.requiredCollator
  if (descriptor.relayParent !== job.relayParent || descriptor.paraId !== assignment.paraId) return
  if (required !== null && collator !== required) return
  const hash = candidateHash(message.candidate)
  if (job.issued.has(hash) || job.validating.has(hash)) return
  yield* inBackground(job, hash, trySecond(signing, job, message, hash))
})

const onStatement = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { statement }: BackingStatement,
  limits: Limits
) {
  if (job.disabled.has(statement.validatorIndex)) return
  if (!(yield* verifyFullStatement(signing.keystore, job.session, statement))) return
  if (!(yield* tally(job, statement))) return
  const hash = statementCandidate(statement.payload)
  const candidate = job.table.tallies.get(hash)?.candidate
  const isOurs = candidate !== undefined && candidate.descriptor.paraId === job.assignment?.paraId
  if (!isOurs || job.issued.has(hash) || job.validating.has(hash)) return
  if (candidate.descriptor.relayParent !== job.relayParent) return
  yield* inBackground(job, hash, tryAgree(signing, job, candidate, statement, limits))
})

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
    const left = new Recent<Hash, Pick<Job, "issued" | "seconded">>(limits.rememberedLeaves)

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
        left.set(relayParent, { issued: job.issued, seconded: job.seconded })
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
        Second: (message) => inJob(message.relayParent, (job) => onSecond(signing, job, message)),
        Statement: (message) =>
          inJob(message.relayParent, (job) => onStatement(signing, job, message, limits)),
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
  | AvailabilityRecovery
  | AvailabilityStore
  | CandidateSelection
  | CandidateValidation
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
