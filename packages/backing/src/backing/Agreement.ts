/**
 * Agreement: what we state about candidates that peers of our group second.
 */
import { type Deferred, Effect, Option } from "effect"
import {
  AvailabilityRecovery,
  type BackingStatement,
  MisbehaviorArbitration,
  PoVDistribution,
  type RecoveryOutcome,
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
  toPlain,
  type ValidatorIndex
} from "@ephor/types"
import { verifyFullStatement } from "../shared/Session.ts"
import { issue, type Signing, tally } from "../statements/Tally.ts"
import { check, distribute, inBackground } from "./Check.ts"
import type { Job } from "./Job.ts"

const recover = (job: Job, candidate: CandidateReceipt, backer: ValidatorIndex) =>
  AvailabilityRecovery.ask((reply: Deferred.Deferred<RecoveryOutcome>) => ({
    _tag: "RecoverAvailableData",
    candidate,
    session: job.session.context.sessionIndex,
    backers: [backer],
    reply
  }))

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
  povTimeoutMs: number
) {
  const candidate = toPlain(committed)
  const seconded: Seconded = { candidate, hash: candidateHash(candidate), statement }
  const recovered = yield* recover(job, candidate, statement.validatorIndex)
  if (recovered._tag === "Recovered") return yield* agree(signing, job, seconded, recovered.data.pov)
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
