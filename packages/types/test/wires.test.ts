/**
 * Bytes of messages that no vector file has, put together by hand from the case numbers of their sources
 * (polkadot-sdk and its predecessor; the order of the text for the seeds).
 */
import { assert, describe, it } from "@effect/vitest"
import {
  ApprovalDistributionMessage,
  approvalPayload,
  AssignmentCertKind,
  AvailableDataFetchingResponse,
  ChunkFetchingResponse,
  CollationFetchingResponse,
  CollationProtocolV1,
  CollationProtocolV2,
  collatorDeclarationPayload,
  CollatorProtocolMessageV1,
  CollatorProtocolMessageV2,
  concatBytes,
  ConsensusLog,
  EarlyAvailabilityDistributionMessage,
  EarlyBitfieldDistributionMessage,
  EarlyCollationProtocol,
  EarlyCollationWireMessage,
  EarlyCollatorProtocolMessage,
  EarlyPoVDistributionMessage,
  EarlyStatementDistributionMessage,
  EarlyValidationProtocol,
  EarlyValidationWireMessage,
  ExecutorParam,
  ExecutorParams,
  executorParamsHash,
  fromHex,
  Json,
  parachainsEngineId,
  PoVFetchingResponse,
  PvfExecKind,
  PvfPrepKind,
  Registry,
  Scale,
  seedAbridged,
  SeedAbridgedCandidateReceipt,
  SeedCandidateBackingMessage,
  SeedCandidateReceipt,
  SeedCandidateSelectionMessage,
  SeedCandidateValidationMessage,
  SeedDisputeMessage,
  seedFromOverseer,
  SeedMisbehaviorReport,
  SeedOverseerSignal,
  SeedPoVOrigin,
  SeedProvisionableData,
  SeedProvisionerMessage,
  SeedStatement,
  SeedStatementDistributionMessage,
  SeedValidDisputeStatementKind,
  SeedVotesDbMessage,
  toHex,
  ValidationProtocol
} from "@ephor/types"
import type { SchemaAST } from "effect"
import { layoutOf } from "../src/layout/Layout.ts"
import { vectors } from "./support/vectors.ts"

const { seed_era, vectors: nodeSide } = vectors("polkadot/09-node-side")
const seedOf = (type: string) => seed_era.vectors.find((one: any) => one.type === type)
const receipt = seedOf("CandidateReceipt(seed 0)")
const abridged = seedOf("AbridgedCandidateReceipt(seed 0)")
const pov = nodeSide.find((one: any) => one.type === "PoV")
const chunk = nodeSide.find((one: any) => one.type === "ErasureChunk")
const current = vectors("polkadot/02-candidates").vectors.find((one: any) => one.type === "CandidateReceipt")
const signed = vectors("polkadot/03-statements").vectors.find(
  (one: any) => one.type === "UncheckedSigned<Statement,CompactStatement>"
)
const bitfield = vectors("polkadot/04-bitfields").vectors[0]

const a = `0x${"aa".repeat(32)}`
const b = `0x${"bb".repeat(32)}`
const signature = `0x${"cc".repeat(64)}`
const h = (text: string) => text.slice(2)

/** Type, JSON, and the hex that it must be. */
const rows: ReadonlyArray<readonly [type: string, value: unknown, hex: string]> = [
  ["View(2020)", [a, b], `08${h(a)}${h(b)}`],
  ["PoVDistributionMessage(2020)", { Awaiting: [a, [b]] }, `00${h(a)}04${h(b)}`],
  ["PoVDistributionMessage(2020)", { SendPoV: [a, b, pov.value] }, `01${h(a)}${h(b)}${h(pov.scale)}`],
  [
    "WireMessage<ValidationProtocol 2020>",
    { ProtocolMessage: { AvailabilityDistribution: { Chunk: [a, chunk.value] } } },
    `010000${h(a)}${h(chunk.scale)}`
  ],
  [
    "WireMessage<ValidationProtocol 2020>",
    { ProtocolMessage: { BitfieldDistribution: { Bitfield: [a, bitfield.value] } } },
    `010100${h(a)}${h(bitfield.scale)}`
  ],
  [
    "WireMessage<ValidationProtocol 2020>",
    { ProtocolMessage: { StatementDistribution: { Statement: [a, signed.value] } } },
    `010300${h(a)}${h(signed.scale)}`
  ],
  ["WireMessage<ValidationProtocol 2020>", { ViewUpdate: [] }, "0200"],
  ["CollatorProtocolMessage(2020)", { Declare: a }, `00${h(a)}`],
  ["CollatorProtocolMessage(2020)", { AdvertiseCollation: [a, 1000] }, `01${h(a)}e8030000`],
  [
    "CollatorProtocolMessage(2020)",
    { RequestCollation: ["258", a, 1000] },
    `020201000000000000${h(a)}e8030000`
  ],
  [
    "WireMessage<CollationProtocol 2020>",
    { ProtocolMessage: { CollatorProtocol: { Collation: ["1", current.value, pov.value] } } },
    `01000301000000000000 00${h(current.scale)}${h(pov.scale)}`
  ],
  ["CollationProtocol(v1)", { CollatorProtocol: { AdvertiseCollation: a } }, `0001${h(a)}`],
  [
    "CollationProtocol(v2)",
    { CollatorProtocol: { Declare: [a, 1000, signature] } },
    `0000${h(a)}e8030000${h(signature)}`
  ],
  [
    "CollationProtocol(v2)",
    {
      CollatorProtocol: {
        AdvertiseCollation: { relay_parent: a, candidate_hash: b, parent_head_data_hash: a }
      }
    },
    `0001${h(a)}${h(b)}${h(a)}`
  ],
  [
    "CollationProtocol(v2)",
    { CollatorProtocol: { CollationSeconded: [a, signed.value] } },
    `0004${h(a)}${h(signed.scale)}`
  ],
  [
    "CollationFetchingResponse",
    { CollationWithParentHeadData: { receipt: current.value, pov: pov.value, parent_head_data: "0x05" } },
    `01${h(current.scale)}${h(pov.scale)}0405`
  ],
  ["PoVFetchingResponse", { NoSuchPoV: null }, "01"],
  ["ChunkFetchingResponse", { Chunk: { chunk: "0x01", proof: ["0x02"] } }, "00040104 0402"],
  [
    "ApprovalDistributionMessage",
    {
      Assignments: [
        [
          {
            block_hash: a,
            validator: 3,
            cert: {
              kind: { RelayVRFModuloCompact: { core_bitfield: "101" } },
              vrf: { pre_output: b, proof: signature }
            }
          },
          "01"
        ]
      ]
    },
    `0004${h(a)}03000000000c05${h(b)}${h(signature)}0802`
  ],
  [
    "WireMessage<ValidationProtocol v3>",
    {
      ProtocolMessage: {
        ApprovalDistribution: {
          Approvals: [{ block_hash: a, candidate_indices: "1", validator: 3, signature }]
        }
      }
    },
    `01040104${h(a)}040103000000${h(signature)}`
  ],
  ["ConsensusLog", { ParaScheduleUpgradeCode: [1000, a, 7] }, `02e8030000${h(a)}07000000`],
  ["ConsensusLog", { Revert: 9 }, "0409000000"],
  [
    "ExecutorParams",
    [
      { MaxMemoryPages: 8192 },
      { PvfExecTimeout: [{ Approval: null }, "12000"] },
      { WasmExtBulkMemory: null }
    ],
    "0c0100200000 0601e02e000000000000 07"
  ],
  ["OverseerSignal(seed 0)", { StopWork: a }, `01${h(a)}`],
  [
    "FromOverseer<CandidateBackingMessage>(seed 0)",
    { Message: { Second: [a, receipt.value] } },
    `0101${h(a)}${h(receipt.scale)}`
  ],
  [
    "CandidateSelectionMessage(seed 0)",
    { NewCandidate: [pov.value, { block: "0x0102" }] },
    `00${h(pov.scale)}080102`
  ],
  [
    "CandidateValidationMessage(seed 0)",
    { Validate: [a, b, { Network: receipt.value }] },
    `00${h(a)}${h(b)}01${h(receipt.scale)}`
  ],
  [
    "StatementDistributionMessage(seed 0)",
    { Peer: { payload: { Invalid: a }, validator_index: 5, signature } },
    `0003${h(a)}05000000${h(signature)}`
  ],
  [
    "ProvisionerMessage(seed 0)",
    {
      ProvisionableData: {
        BackedCandidate: {
          candidate: abridged.value,
          validity_votes: [{ Explicit: signature }],
          validator_indices: "01"
        }
      }
    },
    `0101${h(abridged.scale)}0402${h(signature)}0802`
  ],
  ["ProvisionableData(seed 0)", { Dispute: [a, signature] }, `03${h(a)}${h(signature)}`],
  [
    "VotesDbMessage(seed 4)",
    { QueryByValidatorAndSessionIndex: { identification: [9, 2] } },
    "000900000002000000"
  ],
  ["DisputeMessage(seed 4)", { Resolution: { valid: true } }, "0101"],
  [
    "CandidateVotes(2021)",
    { valid: [[{ BackingValid: null }, 1, signature]], invalid: [] },
    `040201000000${h(signature)}00`
  ]
]

describe("case numbers and order of fields", () => {
  rows.forEach(([type, value, spaced], i) => {
    it(`${type}, row ${i}`, () => {
      const { schema } = Registry.types.get(type)!
      const hex = `0x${spaced.replaceAll(" ", "")}`
      const decoded = Json.decode(schema)(value)
      assert.strictEqual(toHex(Scale.encode(schema)(decoded)), hex)
      assert.deepStrictEqual<unknown>(Json.encode(schema)(Scale.decode(schema)(fromHex(hex))), value)
    })
  })
})

/** All cases of the unions above, as their sources number them. */
const numbers: ReadonlyArray<readonly [union: { readonly ast: SchemaAST.AST }, cases: string]> = [
  [EarlyAvailabilityDistributionMessage, "Chunk 0"],
  [EarlyBitfieldDistributionMessage, "Bitfield 0"],
  [EarlyPoVDistributionMessage, "Awaiting 0, SendPoV 1"],
  [EarlyStatementDistributionMessage, "Statement 0"],
  [
    EarlyValidationProtocol,
    "AvailabilityDistribution 0, BitfieldDistribution 1, PoVDistribution 2, StatementDistribution 3"
  ],
  [EarlyCollatorProtocolMessage, "Declare 0, AdvertiseCollation 1, RequestCollation 2, Collation 3"],
  [EarlyCollationProtocol, "CollatorProtocol 0"],
  [EarlyValidationWireMessage, "ProtocolMessage 1, ViewUpdate 2"],
  [EarlyCollationWireMessage, "ProtocolMessage 1, ViewUpdate 2"],
  [CollatorProtocolMessageV1, "Declare 0, AdvertiseCollation 1, CollationSeconded 4"],
  [CollatorProtocolMessageV2, "Declare 0, AdvertiseCollation 1, CollationSeconded 4"],
  [CollationProtocolV1, "CollatorProtocol 0"],
  [CollationProtocolV2, "CollatorProtocol 0"],
  [CollationFetchingResponse, "Collation 0, CollationWithParentHeadData 1"],
  [PoVFetchingResponse, "PoV 0, NoSuchPoV 1"],
  [ChunkFetchingResponse, "Chunk 0, NoSuchChunk 1"],
  [AvailableDataFetchingResponse, "AvailableData 0, NoSuchData 1"],
  [AssignmentCertKind, "RelayVRFModuloCompact 0, RelayVRFDelay 1"],
  [ApprovalDistributionMessage, "Assignments 0, Approvals 1"],
  [ValidationProtocol, "BitfieldDistribution 1, StatementDistribution 3, ApprovalDistribution 4"],
  [ConsensusLog, "ParaUpgradeCode 1, ParaScheduleUpgradeCode 2, ForceApprove 3, Revert 4"],
  [PvfPrepKind, "Precheck 0, Prepare 1"],
  [PvfExecKind, "Backing 0, Approval 1"],
  [
    ExecutorParam,
    "MaxMemoryPages 1, StackLogicalMax 2, StackNativeMax 3, PrecheckingMaxMemory 4, PvfPrepTimeout 5, PvfExecTimeout 6, WasmExtBulkMemory 7, EnabledHostFunction 8"
  ],
  [SeedStatement, "Seconded 1, Valid 2, Invalid 3"],
  [SeedValidDisputeStatementKind, "Explicit 0, BackingSeconded 1, BackingValid 2, ApprovalChecking 3"],
  [SeedOverseerSignal, "StartWork 0, StopWork 1, Conclude 2"],
  [seedFromOverseer(SeedPoVOrigin), "Signal 0, Message 1"],
  [SeedCandidateSelectionMessage, "NewCandidate 0, Invalid 1"],
  [SeedCandidateBackingMessage, "RegisterBackingWatcher 0, Second 1, Statement 2"],
  [SeedPoVOrigin, "Included 0, Network 1"],
  [SeedCandidateValidationMessage, "Validate 0"],
  [SeedStatementDistributionMessage, "Peer 0, Share 1"],
  [SeedMisbehaviorReport, "CandidateValidityDisagreement 0, SelfContradiction 1, DoubleVote 2"],
  [SeedProvisionableData, "Bitfield 0, BackedCandidate 1, MisbehaviorReport 2, Dispute 3"],
  [SeedProvisionerMessage, "RequestBlockAuthorshipData 0, ProvisionableData 1"],
  [SeedVotesDbMessage, "QueryByValidatorAndSessionIndex 0, QueryByValidatorId 1, RegisterVote 2"],
  [SeedDisputeMessage, "Detection 0, Resolution 1"]
]

describe("case numbers", () => {
  for (const [union, cases] of numbers) {
    it(cases, () => {
      const layout = layoutOf(union.ast)
      assert.strictEqual(
        layout._tag === "Enum" && layout.cases.map(({ index, name }) => `${name} ${index}`).join(", "),
        cases
      )
    })
  }
})

describe("payloads and hashes", () => {
  it("a collator declares itself over the identity of its peer", () => {
    assert.strictEqual(toHex(collatorDeclarationPayload(fromHex("0x0024"))), "0x0024434f4c4c")
  })

  it("one approved candidate is signed without a count, several with one", () => {
    const [one, other] = [a, b] as Array<`0x${string}`>
    assert.strictEqual(toHex(approvalPayload([one!], 10)), `0x41505052${h(a)}0a000000`)
    assert.strictEqual(toHex(approvalPayload([one!, other!], 10)), `0x4150505208${h(a)}${h(b)}0a000000`)
  })

  it("the parachains engine is POL1", () => {
    assert.strictEqual(new TextDecoder().decode(fromHex(parachainsEngineId)), "POL1")
  })

  it("executor parameters are hashed by their SCALE", () => {
    const entry = Registry.types.get("ExecutorParams")!
    assert.strictEqual(entry.hash!([]), executorParamsHash([]))
    assert.notStrictEqual(executorParamsHash([]), executorParamsHash([{ _tag: "WasmExtBulkMemory" }]))
    assert.deepStrictEqual(Scale.encode(ExecutorParams)([]), Uint8Array.of(0))
  })

  it("a full receipt of 2020 becomes the abridged one", () => {
    const full = Json.decode(SeedCandidateReceipt)(receipt.value)
    const short = Scale.encode(SeedAbridgedCandidateReceipt)(seedAbridged(full))
    const whole = Scale.encode(SeedCandidateReceipt)(full)
    assert.isBelow(short.length, whole.length)
    // what goes away is one run of bytes in the middle
    const tail =
      short.length -
      1 -
      [...short].findLastIndex((byte, i) => byte !== whole[i + whole.length - short.length])
    assert.deepStrictEqual(
      short,
      concatBytes(whole.subarray(0, short.length - tail), whole.subarray(whole.length - tail))
    )
  })
})
