/**
 * Counting what validators state about candidates, and stating something ourselves.
 */
import type { Keystore } from "@ephor/keystore"
import { MisbehaviorArbitration, Provisioner, StatementDistribution } from "@ephor/overseer"
import {
  type CandidateHash,
  type CommittedCandidateReceipt,
  type SignedFullStatement,
  type Statement,
  statementCandidate,
  toPlain
} from "@ephor/types"
import { Effect, Metric, Queue } from "effect"
import { fromEntry, type Job, toBacked, toEntry } from "../backing/Job.ts"
import { type Session, signStatement } from "../shared/Session.ts"
import * as Metrics from "../Metrics.ts"
import * as StatementTable from "../StatementTable.ts"
import type * as OwnStatements from "./OwnStatements.ts"

/** What it takes to sign. */
export interface Signing {
  readonly keystore: Keystore.Service
  readonly statements: OwnStatements.OwnStatements
}

/** The proof of a misbehaviour, once per validator and relay parent. */
const report = Effect.fnUntraced(function* (
  job: Job,
  found: StatementTable.Misbehavior<CommittedCandidateReceipt>
) {
  yield* Metric.update(Metrics.misbehaviors(found.kind), 1)
  const kind = StatementTable.reportOf(found.kind)
  if (kind === undefined || found.first === undefined || job.reported.has(found.validatorIndex)) return
  const tally = job.table.tallies.get(found.first.candidateHash)
  if (tally === undefined) return
  job.reported.add(found.validatorIndex)
  yield* MisbehaviorArbitration.sendNow({
    _tag: kind,
    relayParent: job.relayParent,
    receipt: toPlain(tally.candidate),
    first: fromEntry(found.first),
    second: fromEntry(found.second)
  })
})

const announce = Effect.fnUntraced(function* (job: Job, hash: CandidateHash) {
  const attested = StatementTable.attested(job.table, hash)
  if (attested === undefined) return
  const candidate = toBacked(attested)
  yield* Metric.update(Metrics.candidatesBacked, 1)
  yield* Effect.logDebug("candidate is backed", { candidate: hash, core: attested.group })
  for (const watcher of job.watchers) Queue.offerUnsafe(watcher, candidate)
  yield* Provisioner.sendNow({
    _tag: "ProvisionableData",
    relayParent: job.relayParent,
    data: { _tag: "BackedCandidate", candidate }
  })
})

/** Tallies a statement whose signature is known to be good; answers whether it counted. */
export const tally = Effect.fnUntraced(function* (job: Job, statement: SignedFullStatement) {
  const outcome = StatementTable.importStatement(job.table, toEntry(job, statement))
  if (outcome._tag === "Misbehaved") yield* report(job, outcome.misbehavior)
  if (outcome._tag !== "Counted") return false
  if (outcome.attested) yield* announce(job, outcome.tally.candidateHash)
  return true
})

/** Tallies and shares what we signed. */
const say = Effect.fnUntraced(function* (job: Job, statement: SignedFullStatement) {
  yield* tally(job, statement)
  yield* StatementDistribution.send({ _tag: "Share", relayParent: job.relayParent, statement })
})

/** Signs, writes down, tallies and shares; gives what was signed. What must never be signed twice has been noted as issued before. */
export const issue = Effect.fnUntraced(function* (
  { keystore, statements }: Signing,
  job: Job,
  own: NonNullable<Session["own"]>,
  payload: Statement
) {
  const statement = yield* signStatement(keystore, own, job.session.context, payload)
  // Not on disk, it could be contradicted after a restart: then it is better not said.
  yield* statements.add({ hash: job.relayParent, number: job.number }, statement)
  yield* Metric.update(Metrics.statementsSigned(payload._tag), 1)
  yield* say(job, statement)
  return statement
})

/** Says again what was said at this relay parent before it was left, or before a restart. */
export const repeat = Effect.fnUntraced(function* ({ statements }: Signing, job: Job) {
  for (const statement of yield* statements.at({ hash: job.relayParent, number: job.number })) {
    job.issued.add(statementCandidate(statement.payload))
    if (statement.payload._tag === "Seconded") job.seconded = true
    else job.agreed = true
    yield* say(job, statement)
  }
})
