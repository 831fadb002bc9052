/** What validators sign, and how they tell each other. */
import * as Approval from "../Approval.ts"
import * as Evidence from "../Evidence.ts"
import { Judgement, MisbehaviorReport, ProvisionableData, Verdict } from "../Provision.ts"
import * as Seed from "../SeedEra.ts"
import * as Statement from "../Statement.ts"
import * as Distribution from "../StatementDistribution.ts"
import { family } from "./Family.ts"

/** See the head of the file. */
export const statements = family(["scale", "json"], {
  CompactStatement: Statement.CompactStatement,
  "CompactStatement(2020)": Seed.SeedCompactStatement,
  Statement: Statement.Statement,
  StatementWithPVD: Statement.StatementWithPVD,
  SigningContext: Statement.SigningContext,
  "UncheckedSigned<CompactStatement>": Statement.SignedCompactStatement,
  "UncheckedSigned<Statement,CompactStatement>": Statement.SignedFullStatement,
  "UncheckedSigned<AvailabilityBitfield>": Statement.SignedAvailabilityBitfield,
  ValidityAttestation: Statement.ValidityAttestation,
  BackedCandidate: Statement.BackedCandidate,
  StatementFilter: Distribution.StatementFilter,
  AttestedCandidateRequest: Distribution.AttestedCandidateRequest,
  AttestedCandidateResponse: Distribution.AttestedCandidateResponse,
  BackedCandidateManifest: Distribution.BackedCandidateManifest,
  BackedCandidateAcknowledgement: Distribution.BackedCandidateAcknowledgement,
  "WireMessage<ValidationProtocol v3>": Distribution.ValidationWireMessage,
  StatementDistributionMessage: Distribution.StatementDistributionMessage,
  BitfieldDistributionMessage: Distribution.BitfieldDistributionMessage,
  ApprovalDistributionMessage: Approval.ApprovalDistributionMessage,
  IndirectAssignmentCertV2: Approval.IndirectAssignmentCert,
  IndirectSignedApprovalVoteV2: Approval.IndirectSignedApprovalVote,
  ValidationProtocol: Distribution.ValidationProtocol,
  View: Distribution.View,
  MisbehaviorReport,
  Judgement,
  Verdict,
  ProvisionableData,
  Contradiction: Evidence.Contradiction,
  ProvenVerdicts: Evidence.ProvenVerdicts,
  Evidence: Evidence.Evidence
})
