/**
 * Agreement: what we state about candidates that peers of our group second.
 */
import { type Deferred, Effect, Option } from "effect"
import {
  type BackingStatement,
  MisbehaviorArbitration,
  PoVDistribution,
  type PoVOrigin,
  Subsystem
} from "@ephor/overseer"
import {
  type CandidateHash,
  candidateHash,
  type CandidateReceipt,
  type CommittedCandidateReceipt,
  type PoV,
  type SignedFullStatement,
  statementCandidate,
  toPlain
} from "@ephor/types"
import { verifyFullStatement } from "../shared/Session.ts"
import { issue, type Signing, tally } from "../statements/Tally.ts"
import { check, distribute, inBackground } from "./Check.ts"
import type { Job } from "./Job.ts"

/** What a peer of our group seconded: the candidate, and the statement that began it. */
interface Seconded {
  readonly candidate: CandidateReceipt
  readonly hash: CandidateHash
  readonly statement: SignedFullStatement
}

/**
 * Checks a candidate of our group; whether its proof was there. What we find invalid we report, and sign nothing: the chain
 * knows no such statement.
 */
export const agree = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { candidate, hash, statement }: Seconded,
  origin: PoVOrigin
) {
  const { own } = job.session
  const checked = yield* check(job, candidate, hash, origin)
  if (checked._tag === "Invalid") {
    job.issued.add(hash)
    yield* MisbehaviorArbitration.sendNow({
      _tag: "CandidateValidityDisagreement",
      relayParent: job.relayParent,
      receipt: candidate,
      statements: [statement]
    })
  }
  if (checked._tag === "Missing") return false
  if (checked._tag !== "Valid" || own === undefined || job.issued.has(hash)) return true
  job.issued.add(hash)
  job.agreed = true
  yield* distribute(job, candidate, checked.pov)
  yield* issue(signing, job, own, { _tag: "Valid", value: hash })
  return true
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
  const work = agree(signing, job, seconded, { _tag: "Included", pov: pov.value })
  yield* inBackground(job, seconded.hash, Effect.asVoid(work))
})

/** Checks what a peer of our group seconded, with the proof of its backer. Without it we say nothing yet. */
const tryAgree = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  committed: CommittedCandidateReceipt,
  statement: SignedFullStatement,
  povTimeoutMs: number
) {
  const candidate = toPlain(committed)
  const seconded: Seconded = { candidate, hash: candidateHash(candidate), statement }
  // Validation fetches the proof: from whoever seconded, who has kept it, or from anybody else.
  const backers = [statement.validatorIndex]
  if (yield* agree(signing, job, seconded, { _tag: "Network", receipt: candidate, backers })) return
  yield* Subsystem.spawn(agreeLater(signing, job, seconded, povTimeoutMs), { leaf: job.relayParent })
})

/** Tallies a statement of a peer; a candidate of our para that is new to us is checked. */
export const consider = Effect.fnUntraced(function* (
  signing: Signing,
  job: Job,
  { statement }: BackingStatement,
  povTimeoutMs: number
) {
  if (job.disabled.has(statement.validatorIndex)) return
  if (!(yield* verifyFullStatement(signing.keystore, job.session, statement))) return
  if (!(yield* tally(job, statement))) return
  const hash = statementCandidate(statement.payload)
  const found = job.table.tallies.get(hash)
  if (found === undefined || found.group !== job.assignment?.core) return
  const { candidate } = found
  if (job.issued.has(hash) || job.validating.has(hash)) return
  if (candidate.descriptor.relayParent !== job.relayParent) return
  yield* inBackground(job, hash, tryAgree(signing, job, candidate, statement, povTimeoutMs))
})
