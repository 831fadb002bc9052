/**
 * What operators see of disputes.
 */
import { Metric } from "effect"

const imported = Metric.counter("disputes_votes_imported_total", {
  description: "Votes stored",
  incremental: true
})
/** Votes stored that say valid. */
export const importedValid = Metric.withAttributes(imported, { side: "valid" })
/** Votes stored that say invalid. */
export const importedInvalid = Metric.withAttributes(imported, { side: "invalid" })
/** Imports that were refused: too old, unknown session, spam. */
export const refused = Metric.counter("disputes_imports_refused_total", {
  description: "Imports refused",
  incremental: true
})
/** Disputes that were opened. */
export const opened = Metric.counter("disputes_opened_total", {
  description: "Disputes opened",
  incremental: true
})
const concluded = Metric.counter("disputes_concluded_total", {
  description: "Disputes concluded",
  incremental: true
})
/** Disputes concluded in favour of the candidate. */
export const concludedValid = Metric.withAttributes(concluded, { outcome: "valid" })
/** Disputes concluded against the candidate. */
export const concludedInvalid = Metric.withAttributes(concluded, { outcome: "invalid" })
/** Disputes that are open. */
export const active = Metric.gauge("disputes_active", { description: "Disputes that are open" })
/** Participations that ended without a vote, because the fault may be our own. */
export const abstained = Metric.counter("disputes_abstained_total", {
  description: "Participations without a vote",
  incremental: true
})
/** Participations that were tried once more. */
export const participationRetries = Metric.counter("disputes_participation_retries_total", {
  description: "Participations tried once more after one without a vote",
  incremental: true
})
/** Participations without a vote that are not tried again by themselves, because too many wait. */
export const participationGivenUp = Metric.counter("disputes_participation_given_up_total", {
  description: "Participations without a vote that did not fit among those to try again",
  incremental: true
})
/** Validators that wait for people. */
export const governanceMode = Metric.gauge("disputes_governance_mode", {
  description: "Validators of this process in governance mode: they wait for people to decide"
})
/** Spam slots that are taken. */
export const spamSlots = Metric.gauge("disputes_spam_slots", {
  description: "Spam slots that are taken by unconfirmed disputes"
})
/** Judgements of ours that gave way to newer ones before they could be voted. */
export const judgementsDropped = Metric.counter("disputes_judgements_dropped_total", {
  description: "Judgements that could not be voted and did not fit among those that wait",
  incremental: true
})
/** Disputes that wait for participation. */
export const participationQueue = Metric.gauge("disputes_participation_queue", {
  description: "Disputes waiting for participation"
})
/** Dispute requests from peers that were refused. */
export const requestsRefused = Metric.counter("disputes_requests_refused_total", {
  description: "Dispute requests refused",
  incremental: true
})
/** Dispute requests in which nothing was new to their batch. */
export const requestsRedundant = Metric.counter("disputes_requests_redundant_total", {
  description: "Dispute requests without anything new",
  incremental: true
})
/** Dispute requests of authorities that wait for a round. */
export const requestsQueued = Metric.gauge("disputes_requests_queued", {
  description: "Dispute requests waiting for a round"
})
const registered = Metric.counter("disputes_registrations_total", {
  description: "Gossiped votes by what became of them",
  incremental: true
})
/** Gossiped votes that were stored, came late or were refused. */
export const registrations = (outcome: "Stored" | "Late" | "Refused") =>
  Metric.withAttributes(registered, { outcome })
/** Snapshots of who voted on which side. */
export const snapshots = Metric.counter("disputes_snapshots_total", {
  description: "Snapshots taken of the votes about a candidate",
  incremental: true
})
const gossip = Metric.counter("disputes_gossip_total", {
  description: "Gossiped disputes of peers by what became of them",
  incremental: true
})
/** Gossiped disputes that came over the network. */
export const gossiped = (outcome: string) => Metric.withAttributes(gossip, { outcome })
const gossipSent = Metric.counter("disputes_gossip_sent_total", {
  description: "Disputes told to a validator by gossip, by what became of it",
  incremental: true
})
/** Gossip of ours that a validator took, or that was dropped before. */
export const gossipOut = (outcome: "taken" | "refused" | "dropped") =>
  Metric.withAttributes(gossipSent, { outcome })
/** Disputed candidates that were kept, with or without their proof. */
export const proofsKept = Metric.counter("disputes_proofs_kept_total", {
  description: "Disputed candidates kept, counted again when their proof comes",
  incremental: true
})
/** Disputed candidates that were not kept, because their session holds as many bytes as it may. */
export const proofsDropped = Metric.counter("disputes_proofs_dropped_total", {
  description: "Disputed candidates that did not fit into their session",
  incremental: true
})
/** Batches that the votes database wrote; records in them: the ratio says how much is written at a time. */
export const groupCommits = Metric.counter("disputes_db_batches_total", {
  description: "Batches written by the votes database",
  incremental: true
})
/** Records of votes that those batches wrote. */
export const groupedRecords = Metric.counter("disputes_db_records_total", {
  description: "Records of votes written",
  incremental: true
})
/** Rows that cleaning removed. */
export const rowsPruned = Metric.counter("disputes_db_pruned_rows_total", {
  description: "Rows of old sessions removed",
  incremental: true
})
/** Batches of votes that are open. */
export const batches = Metric.gauge("disputes_batches", { description: "Open batches of votes" })
/** Blocks with an invalid candidate that were final before the verdict. */
export const finalizedInvalid = Metric.counter("disputes_finalized_invalid_total", {
  description: "Final blocks with an invalid candidate",
  incremental: true
})
/** Disputes that are being told to other validators. */
export const sending = Metric.gauge("disputes_sending", { description: "Disputes being sent to validators" })
/** Disputes that were not told to others, because too many waited. */
export const sendsDropped = Metric.counter("disputes_sends_dropped_total", {
  description: "Disputes not sent",
  incremental: true
})
