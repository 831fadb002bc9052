/** Candidates and what they are made of. */
import * as Candidate from "../Candidate.ts"
import * as Seed from "../SeedEra.ts"
import { UMPSignal } from "../UMPSignal.ts"
import { family, scaleHashed } from "./Family.ts"

/** See the head of the file. */
export const candidates = family(["scale", "json"], {
  CandidateDescriptor: Candidate.CandidateDescriptor,
  CandidateDescriptorV1: Candidate.CandidateDescriptorV1,
  CandidateDescriptorV2: Candidate.CandidateDescriptorV2,
  CandidateReceipt: [Candidate.CandidateReceipt, Candidate.candidateHash],
  CommittedCandidateReceipt: [
    Candidate.CommittedCandidateReceipt,
    (value) => Candidate.candidateHash(Candidate.toPlain(value))
  ],
  CandidateCommitments: [Candidate.CandidateCommitments, Candidate.commitmentsHash],
  PersistedValidationData: [Candidate.PersistedValidationData, Candidate.persistedValidationDataHash],
  PoV: [Candidate.PoV, Candidate.povHash],
  UMPSignal,
  ParachainBlock: Candidate.ParachainBlock,
  AvailableData: Candidate.AvailableData,
  ErasureChunk: Candidate.ErasureChunk,
  ValidationParams: Candidate.ValidationParams,
  ValidationResult: Candidate.ValidationResult,
  "CandidateReceipt(seed 0)": scaleHashed(Seed.SeedCandidateReceipt),
  "AbridgedCandidateReceipt(seed 0)": scaleHashed(Seed.SeedAbridgedCandidateReceipt),
  "CandidateCommitments(seed 0)": scaleHashed(Seed.SeedCandidateCommitments),
  "GlobalValidation(seed 0)": Seed.SeedGlobalValidation,
  "LocalValidation(seed 0)": Seed.SeedLocalValidation
})
