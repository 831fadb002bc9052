/**
 * The check of a candidate on behalf of a job: what must hold before we sign anything about it, and what follows when it does.
 */
import { type Deferred, Effect } from "effect"
import {
  AvailabilityStore,
  CandidateValidation,
  type Overseer,
  type OverseerError,
  PoVDistribution,
  type PoVOrigin,
  Subsystem,
  type ValidationOutcome
} from "@ephor/overseer"
import type { AvailableData, CandidateCommitments, CandidateHash, CandidateReceipt, PoV } from "@ephor/types"
import * as CandidateChecks from "../CandidateChecks.ts"
import type { Job } from "./Job.ts"

const validate = (job: Job, candidate: CandidateReceipt, povOrigin: PoVOrigin) =>
  CandidateValidation.ask((reply: Deferred.Deferred<ValidationOutcome>) => ({
    _tag: "Validate",
    candidate,
    relayParent: job.relayParent,
    povOrigin,
    kind: "Backing",
    reply
  }))

/** What came of a check. `Missing`: nobody gave the proof. `Failed`: trouble of our own. */
export type Checked =
  | { readonly _tag: "Valid"; readonly commitments: CandidateCommitments; readonly pov: PoV }
  | { readonly _tag: "Invalid" | "Failed" | "Missing" }

/** Executes, and keeps the data if the candidate holds and commits to it. */
export const check = Effect.fnUntraced(function* (
  job: Job,
  candidate: CandidateReceipt,
  hash: CandidateHash,
  origin: PoVOrigin
): Effect.fn.Return<Checked, OverseerError, CandidateValidation | AvailabilityStore | Overseer.Overseer> {
  const outcome = yield* validate(job, candidate, origin)
  if (outcome._tag === "Failed") return { _tag: outcome.missing === "PoV" ? "Missing" : "Failed" }
  if (outcome._tag === "Invalid") return outcome
  const pov = origin._tag === "Included" ? origin.pov : outcome.pov
  if (pov === undefined) return { _tag: "Failed" }
  const data: AvailableData = { pov, validationData: outcome.persistedValidationData }
  if (CandidateChecks.erasureRoot(data) !== candidate.descriptor.erasureRoot) return { _tag: "Invalid" }
  const stored = yield* AvailabilityStore.ask((reply: Deferred.Deferred<boolean>) => ({
    _tag: "StoreAvailableData",
    candidateHash: hash,
    data,
    reply
  }))
  return stored ? { _tag: "Valid", commitments: outcome.commitments, pov } : { _tag: "Failed" }
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
