/**
 * The check of a candidate on behalf of a job: what must hold before we sign anything about it, and what follows when it does.
 */
import { type Deferred, Effect } from "effect"
import {
  AvailabilityStore,
  CandidateValidation,
  PoVDistribution,
  Subsystem,
  type ValidationOutcome
} from "@ephor/overseer"
import type { AvailableData, CandidateHash, CandidateReceipt, PoV } from "@ephor/types"
import * as CandidateChecks from "../CandidateChecks.ts"
import type { Job } from "./Job.ts"

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
export const check = Effect.fnUntraced(function* (
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

/** Gives the proof of a candidate that holds to whoever waits for it. */
export const distribute = ({ relayParent }: Job, { descriptor }: CandidateReceipt, pov: PoV) =>
  PoVDistribution.sendNow({ _tag: "DistributePoV", relayParent, descriptor, pov })

/** Runs a check beside the handlers, once at a time per candidate, and no longer than the leaf lives. */
export const inBackground = <E, R>(job: Job, hash: CandidateHash, work: Effect.Effect<void, E, R>) => {
  job.validating.add(hash)
  return Subsystem.spawn(
    work.pipe(
      Effect.catch((error) => Effect.logWarning("a candidate was not checked", { candidate: hash, error })),
      Effect.ensuring(Effect.sync(() => job.validating.delete(hash)))
    ),
    { leaf: job.relayParent }
  )
}
