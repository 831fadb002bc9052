/**
 * Seconding: the one candidate per leaf that we put forward ourselves.
 */
import { Effect } from "effect"
import { CandidateSelection, type Second } from "@ephor/overseer"
import { type CandidateHash, candidateHash } from "@ephor/types"
import { issue, type Signing } from "../statements/Tally.ts"
import { check, distribute, inBackground } from "./Check.ts"
import type { Job } from "./Job.ts"

/** Checks a candidate, and signs `Seconded` if it holds; a bad one is reported to who chose it. */
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

/** Takes up what selection chose: a candidate of our para at this leaf, unless we have seconded one. */
export const second = Effect.fnUntraced(function* (signing: Signing, job: Job, message: Second) {
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
