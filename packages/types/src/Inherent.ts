/**
 * What a relay-chain author puts into a block on behalf of parachains.
 */
import { Schema } from "effect"
import * as Scale from "./codec/Scale.ts"
import { Bytes, CompactU32, fixedHex, record, variants } from "./codec/Wire.ts"
import { MultiDisputeStatementSet } from "./Dispute.ts"
import { blake2b256 } from "./Hashing.ts"
import { Hash, ParaId, RelayBlockNumber } from "./Primitives.ts"
import { BackedCandidate, SignedAvailabilityBitfield } from "./Statement.ts"

/** Four bytes that name a consensus engine: `BABE`, `POL1`, ... */
export const ConsensusEngineId = fixedHex(4, "ConsensusEngineId")
export type ConsensusEngineId = typeof ConsensusEngineId.Type

const engineData = Schema.Tuple([ConsensusEngineId, Bytes])

/** A note in a header: from the runtime, for consensus, or the seal of the author. */
export const DigestItem = variants({
  Other: [0, Bytes],
  Consensus: [4, engineData],
  Seal: [5, engineData],
  PreRuntime: [6, engineData],
  RuntimeEnvironmentUpdated: [8]
})
export type DigestItem = typeof DigestItem.Type

/** Names the notes of the parachains runtime among consensus notes: `POL1`. */
export const parachainsEngineId: ConsensusEngineId = "0x504f4c31"

/**
 * A note of the parachains runtime: new code for a parachain now or at a height, or (by governance, or after a
 * dispute) that everything above a height is to be approved or reverted.
 */
export const ConsensusLog = variants({
  ParaUpgradeCode: [1, Schema.Tuple([ParaId, Hash])],
  ParaScheduleUpgradeCode: [2, Schema.Tuple([ParaId, Hash, RelayBlockNumber])],
  ForceApprove: [3, RelayBlockNumber],
  Revert: [4, RelayBlockNumber]
})
export type ConsensusLog = typeof ConsensusLog.Type

/** Header of a relay-chain block. */
export const Header = record({
  parentHash: Hash,
  number: CompactU32,
  stateRoot: Hash,
  extrinsicsRoot: Hash,
  digest: Schema.Array(DigestItem)
})
export interface Header extends Schema.Schema.Type<typeof Header> {}

/**
 * The parachains inherent (identifier `parachn0`): bitfields, backed candidates and dispute votes for one
 * block.
 */
export const InherentData = record({
  bitfields: Schema.Array(SignedAvailabilityBitfield),
  backedCandidates: Schema.Array(BackedCandidate),
  disputes: MultiDisputeStatementSet,
  parentHeader: Header
})
export interface InherentData extends Schema.Schema.Type<typeof InherentData> {}

/** Hash of the SCALE of a header: the name of its block. */
export const headerHash = (header: Header): Hash => blake2b256(Scale.encode(Header)(header))
