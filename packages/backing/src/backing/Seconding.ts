/**
 * Seconding: the one candidate per leaf that we put forward ourselves.
 */
import { Effect } from "effect"
import { CandidateSelection, CollatorProtocol, type Second } from "@ephor/overseer"
import { type CandidateHash, candidateHash } from "@ephor/types"
import { issue, type Signing } from "../statements/Tally.ts"
import { check, distribute, inBackground } from "./Check.ts"
import { agree } from "./Agreement.ts"
import { fromEntry, type Job } from "./Job.ts"

/** Checks a candidate, and signs `Seconded` if it holds; a bad one is reported to who chose it. */
const trySecond = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { candidate, pov }: Second,
  hash: CandidateHash
) {
  const { own } = job.session
  const checked = yield* check(job, candidate, hash, { _tag: "Included", pov })
  if (checked._tag === "Invalid") {
    job.issued.add(hash)
    yield* CandidateSelection.sendNow({ _tag: "Invalid", relayParent: job.relayParent, candidate })
  }
  // Execution took a while: another candidate, or a `Valid` for this one, may have been signed meanwhile.
  if (checked._tag !== "Valid" || own === undefined || job.seconded || job.issued.has(hash)) return
  job.seconded = true
  job.issued.add(hash)
  const value = { descriptor: candidate.descriptor, commitments: checked.commitments }
  yield* distribute(job, candidate, pov)
  const statement = yield* issue(signing, job, own, { _tag: "Seconded", value })
  yield* CollatorProtocol.sendNow({ _tag: "Seconded", relayParent: job.relayParent, statement })
})

/** Whether a candidate with this hash could be seconded here: nothing else was, and nobody has put it forward. */
export const canSecond = (job: Job, hash: CandidateHash): boolean =>
  job.assignment !== undefined &&
  !job.seconded &&
  !job.agreed &&
  !job.issued.has(hash) &&
  !job.table.tallies.has(hash)

/**
 * Takes up what selection chose: a candidate of our para at this leaf, unless we have seconded one, or agree to another one
 * of our group. What a peer of our group has seconded already needs our agreement only: here is its proof.
 */
export const second = Effect.fnUntraced(function* (signing: Signing, job: Job, message: Second) {
  const { assignment } = job
  if (assignment === undefined || job.seconded || job.agreed) return
  const { descriptor } = message.candidate
  const collator = descriptor._tag === "V1" ? descriptor.collator : null
  const required = assignment.requiredCollator
  if (descriptor.relayParent !== job.relayParent || descriptor.paraId !== assignment.paraId) return
  if (required !== null && collator !== required) return
  const hash = candidateHash(message.candidate)
  if (job.issued.has(hash) || job.validating.has(hash)) return
  const proposal = job.table.tallies.get(hash)
  const [statement] = proposal?.group === assignment.core ? [...proposal.votes.values()] : []
  const seconded = statement && { candidate: message.candidate, hash, statement: fromEntry(statement) }
  const work =
    seconded === undefined
      ? trySecond(signing, job, message, hash)
      : Effect.asVoid(agree(signing, job, seconded, { _tag: "Included", pov: message.pov }))
  yield* inBackground(job, hash, work)
})
