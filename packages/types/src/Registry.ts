/**
 * The nouns of this package by name, for tools that meet names at run time: a codec on the command line, a
 * message inspector, test vectors.
 */
import { Schema } from "effect"
import { Access, ExecutingDescriptor } from "./AccessList.ts"
import * as Approval from "./Approval.ts"
import * as Block from "./Block.ts"
import * as Candidate from "./Candidate.ts"
import * as Bcs from "./codec/Bcs.ts"
import * as Scale from "./codec/Scale.ts"
import * as Wire from "./codec/Wire.ts"
import * as Collation from "./Collation.ts"
import * as Dag from "./Dag.ts"
import { DagCommittee } from "./DagCommittee.ts"
import * as Dispute from "./Dispute.ts"
import * as Early from "./EarlyWire.ts"
import { ExecutingMessage, Identifier } from "./ExecutingMessage.ts"
import { executorParamsHash, ExecutorParam, ExecutorParams } from "./ExecutorParams.ts"
import { blake2b256 } from "./Hashing.ts"
import * as Inherent from "./Inherent.ts"
import { ManagedEvent, ManagedEventItem } from "./ManagedEvent.ts"
import * as Observer from "./Observer.ts"
import * as Output from "./Output.ts"
import * as Primitives from "./Primitives.ts"
import { Judgement, MisbehaviorReport, ProvisionableData, Verdict } from "./Provision.ts"
import * as Receipt from "./Receipt.ts"
import { Heads, MinimumSafety, SafetyLevel } from "./SafetyLevel.ts"
import * as Seed from "./SeedEra.ts"
import * as SeedMessages from "./SeedMessages.ts"
import * as Session from "./Session.ts"
import * as Statement from "./Statement.ts"
import * as Distribution from "./StatementDistribution.ts"
import * as Status from "./SyncStatus.ts"
import { UMPSignal } from "./UMPSignal.ts"

/** A wire form. */
export type WireName = "scale" | "bcs" | "proto" | "json"

/** What is known about a type: its schema, the wires it has, and its hash if one is defined. */
export interface RegistryEntry {
  readonly name: string
  readonly schema: Schema.Schema<any>
  readonly wires: ReadonlySet<WireName>
  /** The hash that names a value of this type, or that others commit to. */
  readonly hash?: (value: any) => Primitives.Hash
}

type Definition =
  | Schema.Schema<any>
  | readonly [schema: Schema.Schema<any>, hash: (value: any) => Primitives.Hash]

const family = (
  wires: ReadonlyArray<WireName>,
  definitions: { readonly [name: string]: Definition }
): ReadonlyArray<RegistryEntry> =>
  Object.entries(definitions).map(([name, definition]) =>
    "ast" in definition
      ? { name, schema: definition, wires: new Set(wires) }
      : { name, schema: definition[0], wires: new Set(wires), hash: definition[1] }
  )

/** The usual hash of the Polkadot family: BLAKE2b-256 of the SCALE bytes. */
const scaleHashed = (schema: Schema.Schema<any>): Definition => [
  schema,
  (value) => blake2b256(Scale.encode(schema)(value))
]

const list = (item: Schema.Schema<any>) => Schema.Array(item)

const elementary = family(["scale", "json"], {
  bool: Schema.Boolean,
  u8: Wire.U8,
  u16: Wire.U16,
  u32: Wire.U32,
  u64: Wire.U64,
  u128: Wire.U128,
  "Compact<u32>": Wire.CompactU32,
  "Compact<u64>": Wire.bigNatural("CompactU64", { bits: 64, compact: true }),
  "Compact<u128>": Wire.CompactU128,
  "Compact<uN>": Wire.CompactU128,
  Bytes: Wire.Bytes,
  String: Schema.String,
  H256: Primitives.Hash,
  "BitVec<u8,Lsb0>": Wire.Bits,
  "Option<u32>": Schema.NullOr(Wire.U32),
  "Option<Bytes>": Schema.NullOr(Wire.Bytes),
  "Vec<u32>": list(Wire.U32),
  "Vec<Bytes>": list(Wire.Bytes),
  "BTreeMap<u32,u32>": Wire.map(Wire.U32, Wire.U32),
  "(u32,H256,bool)": Schema.Tuple([Wire.U32, Primitives.Hash, Schema.Boolean])
})

const candidates = family(["scale", "json"], {
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

const statements = family(["scale", "json"], {
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
  ProvisionableData
})

const collations = family(["scale", "json"], {
  "CollatorProtocolMessage(v1)": Collation.CollatorProtocolMessageV1,
  "CollatorProtocolMessage(v2)": Collation.CollatorProtocolMessageV2,
  "CollationProtocol(v1)": Collation.CollationProtocolV1,
  "CollationProtocol(v2)": Collation.CollationProtocolV2,
  "CollationFetchingRequest(v1)": Collation.CollationFetchingRequestV1,
  "CollationFetchingRequest(v2)": Collation.CollationFetchingRequestV2,
  CollationFetchingResponse: Collation.CollationFetchingResponse,
  PoVFetchingRequest: Collation.PoVFetchingRequest,
  PoVFetchingResponse: Collation.PoVFetchingResponse,
  ChunkFetchingRequest: Collation.ChunkFetchingRequest,
  ChunkFetchingResponse: Collation.ChunkFetchingResponse,
  AvailableDataFetchingRequest: Collation.AvailableDataFetchingRequest,
  AvailableDataFetchingResponse: Collation.AvailableDataFetchingResponse
})

const early = family(["scale", "json"], {
  "View(2020)": Early.EarlyView,
  "AvailabilityDistributionMessage(2020)": Early.EarlyAvailabilityDistributionMessage,
  "BitfieldDistributionMessage(2020)": Early.EarlyBitfieldDistributionMessage,
  "PoVDistributionMessage(2020)": Early.EarlyPoVDistributionMessage,
  "StatementDistributionMessage(2020)": Early.EarlyStatementDistributionMessage,
  "ValidationProtocol(2020)": Early.EarlyValidationProtocol,
  "CollatorProtocolMessage(2020)": Early.EarlyCollatorProtocolMessage,
  "CollationProtocol(2020)": Early.EarlyCollationProtocol,
  "WireMessage<ValidationProtocol 2020>": Early.EarlyValidationWireMessage,
  "WireMessage<CollationProtocol 2020>": Early.EarlyCollationWireMessage
})

const seedMessages = family(["scale", "json"], {
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

const disputes = family(["scale", "json"], {
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

const runtime = family(["scale", "json"], {
  Header: [Inherent.Header, Inherent.headerHash],
  DigestItem: Inherent.DigestItem,
  ConsensusLog: Inherent.ConsensusLog,
  InherentData: Inherent.InherentData,
  SessionInfo: Session.SessionInfo,
  ScheduledCore: Session.ScheduledCore,
  OccupiedCore: Session.OccupiedCore,
  CoreState: Session.CoreState,
  OccupiedCoreAssumption: Session.OccupiedCoreAssumption,
  GroupRotationInfo: Session.GroupRotationInfo,
  CandidateEvent: Session.CandidateEvent,
  ScrapedOnChainVotes: Session.ScrapedOnChainVotes,
  PvfCheckStatement: Session.PvfCheckStatement,
  ExecutorParam,
  ExecutorParams: [ExecutorParams, executorParamsHash]
})

const rollup = family(["json"], {
  BlockId: Block.BlockId,
  BlockSeal: Block.BlockSeal,
  "BlockSeal(before June 2025)": Block.CapitalizedBlockSeal,
  BlockRef: Block.BlockRef,
  L2BlockRef: Block.L2BlockRef,
  DerivedBlockRefPair: Block.DerivedBlockRefPair,
  DerivedIdPair: Block.DerivedIdPair,
  BlockReplacement: Block.BlockReplacement,
  ChainId: Primitives.ChainId,
  SafetyLevel,
  MinimumSafety,
  Heads,
  ManagedEvent,
  ManagedEventItem,
  Log: Receipt.Log,
  Receipt: Receipt.Receipt,
  Receipts: list(Receipt.Receipt),
  Identifier,
  ExecutingMessage,
  Access,
  ExecutingDescriptor,
  OutputV0: [Output.OutputV0, Output.outputRoot],
  SuperV1: [Output.SuperV1, Output.superRoot],
  ChainStatus: Status.ChainStatus,
  SyncStatus: Status.SyncStatus,
  SuperRootResponse: Status.SuperRootResponse
})

const dag = family(["bcs", "json"], {
  DagCommitRef: Dag.DagCommitRef,
  DagTransactionVotes: Dag.DagTransactionVotes,
  DagMisbehaviorReport: Dag.DagMisbehaviorReport,
  DagBlock: [Dag.DagBlock, (value) => blake2b256(Bcs.encode(Dag.DagBlock)(value))],
  SignedDagBlock: [Dag.SignedDagBlock, (value) => Dag.dagBlockDigest(Bcs.encode(Dag.SignedDagBlock)(value))],
  DagCommit: [Dag.DagCommit, Dag.dagCommitDigest],
  DagCommittee
})

const streamed = [
  ...family(["bcs", "proto", "json"], { DagBlockRef: Dag.DagBlockRef }),
  ...family(["proto", "json"], {
    CommittedSubDag: Dag.CommittedSubDag,
    BlockStreamRequest: Observer.BlockStreamRequest,
    BlockStreamResponse: Observer.BlockStreamResponse,
    CommitStreamRequest: Observer.CommitStreamRequest,
    CommitStreamResponse: Observer.CommitStreamResponse,
    "BlockStreamRequest(extended)": Observer.ExtendedBlockStreamRequest,
    "BlockStreamResponse(extended)": Observer.ExtendedBlockStreamResponse,
    "CommitStreamRequest(extended)": Observer.ExtendedCommitStreamRequest,
    "CommitStreamResponse(extended)": Observer.ExtendedCommitStreamResponse,
    FetchBlocksRequest: Observer.FetchBlocksRequest,
    FetchBlocksResponse: Observer.FetchBlocksResponse,
    ReplayInfo: Observer.ReplayInfo,
    PublisherPath: Observer.PublisherPath
  })
]

/**
 * All registered types by name. Names of the Polkadot family are those of its test vectors, with type
 * parameters where Rust has them: `UncheckedSigned<AvailabilityBitfield>`, `CandidateVotes(db)`.
 */
export const types: ReadonlyMap<string, RegistryEntry> = new Map(
  [
    elementary,
    candidates,
    statements,
    collations,
    early,
    seedMessages,
    disputes,
    runtime,
    rollup,
    dag,
    streamed
  ]
    .flat()
    .map((entry) => [entry.name, entry])
)
