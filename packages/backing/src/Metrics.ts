/**
 * What the subsystems of this package measure. Names are `<package>_<noun>_<unit>`.
 */
import { Metric } from "effect"

/** A counter with attributes that are bound once per value. */
const counterBy = <const Names extends ReadonlyArray<string>>(
  id: string,
  description: string,
  names: Names
) => {
  const base = Metric.counter(id, { description, incremental: true })
  const bound = new Map<string, typeof base>()
  return (...values: { readonly [Index in keyof Names]: string }) => {
    const key = values.join("/")
    let metric = bound.get(key)
    if (metric === undefined) {
      metric = Metric.withAttributes(
        base,
        Object.fromEntries(names.map((name, index) => [name, values[index]!]))
      ) as typeof base
      bound.set(key, metric)
    }
    return metric
  }
}

/** Executions of validation functions, by outcome. */
export const pvfExecutions = counterBy("backing_pvf_executions_total", "Executions of validation functions", [
  "outcome"
])

/** Time from request to outcome, with compilation and waiting. */
export const pvfDuration = Metric.histogram("backing_pvf_execution_seconds", {
  description: "Seconds from request to outcome of a validation function",
  boundaries: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 6, 12, 60]
})

/** CPU time of executions that answered. */
export const pvfCpuTime = Metric.histogram("backing_pvf_cpu_seconds", {
  description: "Seconds of CPU time of an execution that answered",
  boundaries: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 6, 12, 60]
})

/** Processes for validation functions, by what became of them. */
export const pvfProcesses = counterBy("backing_pvf_processes_total", "Processes for validation functions", [
  "event"
])

/** Prepared validation functions, by what was done with them. */
export const pvfArtifacts = counterBy("backing_pvf_artifacts_total", "Prepared validation functions", [
  "event"
])

/** Candidates judged, by kind and outcome. */
export const validations = counterBy("backing_validations_total", "Candidates judged", ["kind", "outcome"])

/** Statements we signed, by kind. */
export const statementsSigned = counterBy("backing_statements_signed_total", "Statements signed", [
  "statement"
])

/** Candidates that reached their quorum here. */
export const candidatesBacked = Metric.counter("backing_candidates_backed_total", {
  description: "Candidates that reached their quorum",
  incremental: true
})

/** Misbehaviours found in statements, by kind. */
export const misbehaviors = counterBy("backing_misbehaviors_total", "Misbehaviours found in statements", [
  "kind"
])

/** Candidates that came before their relay parent and gave way to newer ones. */
export const earlyDropped = Metric.counter("backing_early_candidates_dropped_total", {
  description:
    "Candidates that came before their relay parent was active, and did not fit among those that wait for theirs",
  incremental: true
})

/** Verdicts that gave way to newer ones before a block took them. */
export const verdictsDropped = Metric.counter("backing_verdicts_dropped_total", {
  description: "Verdicts of hearings that did not fit among those that wait for a block",
  incremental: true
})

/** Verdicts after hearings, by judgement. */
export const verdicts = counterBy("backing_verdicts_total", "Verdicts after all validators were heard", [
  "judgement"
])

/** What peers did in statement distribution, by conduct. */
export const conduct = counterBy("backing_peer_conduct_total", "What peers did in statement distribution", [
  "conduct"
])

/** Recoveries of available data, by outcome. */
export const recoveries = counterBy("backing_recoveries_total", "Recoveries of available data", ["outcome"])

/** Proofs that were fetched from peers to judge a candidate, by outcome. */
export const povFetches = counterBy(
  "backing_pov_fetches_total",
  "Proofs fetched from peers to judge a candidate",
  ["outcome"]
)

/** Candidates checked once more after inclusion, by outcome. */
export const approvals = counterBy("backing_approvals_total", "Included candidates checked once more", [
  "outcome"
])

/** Checks that were tried once more because the data, or our own means, were not there. */
export const approvalRetries = Metric.counter("backing_approval_retries_total", {
  description: "Checks of included candidates that were tried once more",
  incremental: true
})

/** Included candidates without a verdict. */
export const approvalsWaiting = Metric.gauge("backing_approvals_waiting", {
  description: "Included candidates that are not checked yet"
})

/** Answers to block authors. */
export const inherents = counterBy("backing_inherents_total", "Answers to block authors", ["complete"])

/** Candidates that peers announced because they are too long to be sent, by what came of asking for them. */
export const largeCandidates = counterBy(
  "backing_large_candidates_total",
  "Candidates fetched because they are too long to be sent",
  ["outcome"]
)

/** What collators did and what became of their collations, by outcome. */
export const collations = counterBy(
  "backing_collations_total",
  "Declarations, advertisements and collations of collators, by outcome",
  ["outcome"]
)

/** What validators said to the collator of this process. */
export const collatorReports = counterBy(
  "backing_collator_reports_total",
  "What validators said to our collator",
  ["outcome"]
)

/** Collators that are declared here. */
export const collators = Metric.gauge("backing_collators", {
  description: "Declarations of collators in force"
})

/** Offers of collators that were not considered, by reason. */
export const offersRefused = counterBy(
  "backing_offers_refused_total",
  "Offers of collators that were not considered",
  ["reason"]
)
