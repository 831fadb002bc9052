/** What the development runtime knows after a block. */
import { Slash } from "@ephor/chain/Slash"
import { Standing } from "@ephor/chain/Standing"
import {
  CandidateEvent,
  CandidateHash,
  CandidateReceipt,
  DisputeState,
  GroupIndex,
  Hash,
  ParaId,
  RelayBlockNumber,
  ScrapedOnChainVotes,
  SessionIndex,
  Wire
} from "@ephor/types"
import { Schema } from "effect"
import { Penalty, Rewarded } from "./Accounts.ts"

/** A block that candidates may build upon. */
export const Ancestor = Wire.record({ hash: Hash, number: RelayBlockNumber, stateRoot: Hash })
export interface Ancestor extends Schema.Schema.Type<typeof Ancestor> {}

/** A candidate that is backed and waits until enough validators hold a piece of its data. */
export const PendingCandidate = Wire.record({
  candidateHash: CandidateHash,
  receipt: CandidateReceipt,
  headData: Wire.Bytes,
  newCodeHash: Schema.NullOr(Hash),
  group: GroupIndex,
  backedAt: RelayBlockNumber,
  availability: Wire.Bits
})
export interface PendingCandidate extends Schema.Schema.Type<typeof PendingCandidate> {}

/** Where a parachain stands. Its code is known by hash; whoever keeps states keeps codes beside them. */
export const ParaState = Wire.record({ id: ParaId, head: Wire.Bytes, codeHash: Hash })
export interface ParaState extends Schema.Schema.Type<typeof ParaState> {}

/** A dispute on chain, with those of its voters that are known to have backed the candidate. */
export const DisputeRecord = Wire.record({
  session: SessionIndex,
  candidateHash: CandidateHash,
  state: DisputeState,
  backers: Wire.Bits
})
export interface DisputeRecord extends Schema.Schema.Type<typeof DisputeRecord> {}

/** The state after a block. `ancestry` begins with the block itself; `events` and `votes` are of this block alone. */
export const RuntimeState = Wire.record({
  ancestry: Schema.Array(Ancestor),
  paras: Schema.Array(ParaState),
  cores: Schema.Array(Schema.NullOr(PendingCandidate)),
  disputes: Schema.Array(DisputeRecord),
  slashes: Schema.Array(Slash),
  events: Schema.Array(CandidateEvent),
  votes: ScrapedOnChainVotes,
  standings: Schema.Array(Standing),
  penalties: Schema.Array(Penalty),
  rewarded: Schema.Array(Rewarded)
})
export interface RuntimeState extends Schema.Schema.Type<typeof RuntimeState> {}
