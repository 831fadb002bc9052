/** Messages of the subsystems, as they were first. */
import * as Seed from "../SeedEra.ts"
import * as SeedMessages from "../SeedMessages.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const seedMessages = family(["scale", "json"], {
  "Statement(seed 0)": Seed.SeedStatement,
  "SignedStatement(seed 0)": Seed.SeedSignedStatement,
  "BackedCandidate(seed 0)": Seed.SeedBackedCandidate,
  "OverseerSignal(seed 0)": SeedMessages.SeedOverseerSignal,
  "FromOverseer<CandidateBackingMessage>(seed 0)": SeedMessages.seedFromOverseer(
    SeedMessages.SeedCandidateBackingMessage
  ),
  "CandidateSelectionMessage(seed 0)": SeedMessages.SeedCandidateSelectionMessage,
  "CandidateBackingMessage(seed 0)": SeedMessages.SeedCandidateBackingMessage,
  "PoVOrigin(seed 0)": SeedMessages.SeedPoVOrigin,
  "CandidateValidationMessage(seed 0)": SeedMessages.SeedCandidateValidationMessage,
  "StatementDistributionMessage(seed 0)": SeedMessages.SeedStatementDistributionMessage,
  "MisbehaviorReport(seed 0)": SeedMessages.SeedMisbehaviorReport,
  "ProvisionableData(seed 0)": SeedMessages.SeedProvisionableData,
  "ProvisionerMessage(seed 0)": SeedMessages.SeedProvisionerMessage,
  "VotesDbMessage(seed 4)": SeedMessages.SeedVotesDbMessage,
  "DisputeMessage(seed 4)": SeedMessages.SeedDisputeMessage
})
