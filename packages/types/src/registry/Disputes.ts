/** Disputes, their votes and what comes of them. */
import * as Dispute from "../Dispute.ts"
import * as Seed from "../SeedEra.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const disputes = family(["scale", "json"], {
  ValidDisputeStatementKind: Dispute.ValidDisputeStatementKind,
  InvalidDisputeStatementKind: Dispute.InvalidDisputeStatementKind,
  DisputeStatement: Dispute.DisputeStatement,
  ExplicitDisputeStatement: Dispute.ExplicitDisputeStatement,
  DisputeStatementSet: Dispute.DisputeStatementSet,
  MultiDisputeStatementSet: Dispute.MultiDisputeStatementSet,
  DisputeState: Dispute.DisputeState,
  "DisputeRequest(UncheckedDisputeMessage)": Dispute.DisputeRequest,
  DisputeResponse: Dispute.DisputeResponse,
  DisputeStatus: Dispute.DisputeStatus,
  "CandidateVotes(db)": Dispute.CandidateVotes,
  "CandidateVotes(seed 3)": Dispute.SeedCandidateVotes,
  "ActiveDisputes(seed 3)": Dispute.ActiveDisputes,
  "ValidDisputeStatementKind(2021)": Seed.SeedValidDisputeStatementKind,
  "CandidateVotes(2021)": Seed.SeedHashlessCandidateVotes,
  "RecentDisputes(db)": Dispute.RecentDisputes,
  DisputeGossipMessage: Dispute.DisputeGossipMessage,
  Snapshot: Dispute.Snapshot,
  DisputeOffenceKind: Dispute.DisputeOffenceKind,
  PendingSlashes: Dispute.PendingSlashes,
  DisputeProof: Dispute.DisputeProof
})
