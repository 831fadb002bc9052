/**
 * What travels between publisher and observer (observer-streaming, "Protocol Buffer Definitions"). Positions that an
 * observer sends are full 64-bit integers on the wire, so they are bigints here: a position beyond 32 bits is legal
 * and means "nothing older". What a publisher claims must fit the 32 bits that indices have.
 *
 * The seed's messages stand alone; those named `Extended...` are the same messages with fields that the seed does not
 * have. Either side may read the other's: unknown fields are skipped, and what is missing reads as not said.
 */
import { Schema } from "effect"
import { Bytes, message, U32, U64, variants } from "./codec/Wire.ts"
import { CommittedSubDag, DagBlockRef } from "./Dag.ts"
import { AuthorityIndex, CommitIndex } from "./Primitives.ts"

/** From which rounds on blocks are wanted: the highest accepted round per authority; empty means all zero. */
export const StartBlockStream = message(Schema.Struct({ highestRoundPerAuthority: Schema.Array(U64) }), {
  highestRoundPerAuthority: 1
})
export interface StartBlockStream extends Schema.Schema.Type<typeof StartBlockStream> {}

/** From which commit on commits are wanted: the last one processed; 0 means from the first. */
export const StartCommitStream = message(Schema.Struct({ lastCommitIndex: U64 }), { lastCommitIndex: 1 })
export interface StartCommitStream extends Schema.Schema.Type<typeof StartCommitStream> {}

/** A command on the block stream. `null` is a command that we do not know, or none. */
export const BlockStreamRequest = message(
  Schema.Struct({ command: Schema.NullOr(variants({ Start: [1, StartBlockStream], Stop: [2] })) }),
  { command: "oneof" }
)
export interface BlockStreamRequest extends Schema.Schema.Type<typeof BlockStreamRequest> {}

/** A command on the commit stream. `null` is a command that we do not know, or none. */
export const CommitStreamRequest = message(
  Schema.Struct({ command: Schema.NullOr(variants({ Start: [1, StartCommitStream], Stop: [2] })) }),
  { command: "oneof" }
)
export interface CommitStreamRequest extends Schema.Schema.Type<typeof CommitStreamRequest> {}

/** Blocks in order of round, or of acceptance at the tip; without blocks it is a heartbeat. */
export const BlockStreamResponse = message(
  Schema.Struct({ blocks: Schema.Array(Bytes), highestCommitIndex: CommitIndex }),
  { blocks: 1, highestCommitIndex: 2 }
)
export interface BlockStreamResponse extends Schema.Schema.Type<typeof BlockStreamResponse> {}

/** Commits with consecutive indices; without commits it is a heartbeat. */
export const CommitStreamResponse = message(
  Schema.Struct({ commits: Schema.Array(CommittedSubDag), highestCommitIndex: CommitIndex }),
  { commits: 1, highestCommitIndex: 2 }
)
export interface CommitStreamResponse extends Schema.Schema.Type<typeof CommitStreamResponse> {}

// Hints of a subscriber; 0 is none.
const hints = { maxBatchItems: U32, maxBatchBytes: U32 }

/** `StartBlockStream` with hints for batches (0: none) and the authors that are wanted (empty: all). */
export const ExtendedStartBlockStream = message(
  Schema.Struct({
    highestRoundPerAuthority: Schema.Array(U64),
    ...hints,
    authorities: Schema.Array(AuthorityIndex)
  }),
  { highestRoundPerAuthority: 1, maxBatchItems: 2, maxBatchBytes: 3, authorities: 4 }
)
export interface ExtendedStartBlockStream extends Schema.Schema.Type<typeof ExtendedStartBlockStream> {}

/** `StartCommitStream` with hints for batches (0: none). */
export const ExtendedStartCommitStream = message(Schema.Struct({ lastCommitIndex: U64, ...hints }), {
  lastCommitIndex: 1,
  maxBatchItems: 2,
  maxBatchBytes: 3
})
export interface ExtendedStartCommitStream extends Schema.Schema.Type<typeof ExtendedStartCommitStream> {}

/** `BlockStreamRequest` with extensions. */
export const ExtendedBlockStreamRequest = message(
  Schema.Struct({ command: Schema.NullOr(variants({ Start: [1, ExtendedStartBlockStream], Stop: [2] })) }),
  { command: "oneof" }
)
export interface ExtendedBlockStreamRequest extends Schema.Schema.Type<typeof ExtendedBlockStreamRequest> {}

/** `CommitStreamRequest` with extensions. */
export const ExtendedCommitStreamRequest = message(
  Schema.Struct({ command: Schema.NullOr(variants({ Start: [1, ExtendedStartCommitStream], Stop: [2] })) }),
  { command: "oneof" }
)
export interface ExtendedCommitStreamRequest extends Schema.Schema.Type<typeof ExtendedCommitStreamRequest> {}

/** What a publisher adds to blocks: signatures of a round's randomness. */
export const AuxiliaryData = message(Schema.Struct({ randomnessSignatures: Schema.Array(Bytes) }), {
  randomnessSignatures: 1
})
export interface AuxiliaryData extends Schema.Schema.Type<typeof AuxiliaryData> {}

/** `BlockStreamResponse` with extensions. */
export const ExtendedBlockStreamResponse = message(
  Schema.Struct({
    blocks: Schema.Array(Bytes),
    highestCommitIndex: CommitIndex,
    auxiliaryData: Schema.NullOr(AuxiliaryData)
  }),
  { blocks: 1, highestCommitIndex: 2, auxiliaryData: 3 }
)
export interface ExtendedBlockStreamResponse extends Schema.Schema.Type<typeof ExtendedBlockStreamResponse> {}

/** `CommitStreamResponse` with the signed blocks whose votes certify its newest commits. */
export const ExtendedCommitStreamResponse = message(
  Schema.Struct({
    commits: Schema.Array(CommittedSubDag),
    highestCommitIndex: CommitIndex,
    certifierBlocks: Schema.Array(Bytes)
  }),
  { commits: 1, highestCommitIndex: 2, certifierBlocks: 3 }
)
export interface ExtendedCommitStreamResponse extends Schema.Schema.Type<
  typeof ExtendedCommitStreamResponse
> {}

/** Asks a publisher of the extended service for blocks by reference. */
export const FetchBlocksRequest = message(Schema.Struct({ refs: Schema.Array(DagBlockRef) }), { refs: 1 })
export interface FetchBlocksRequest extends Schema.Schema.Type<typeof FetchBlocksRequest> {}

/** The signed blocks that were asked for and are held, in no particular order. */
export const FetchBlocksResponse = message(Schema.Struct({ blocks: Schema.Array(Bytes) }), { blocks: 1 })
export interface FetchBlocksResponse extends Schema.Schema.Type<typeof FetchBlocksResponse> {}

/** The commits that a publisher of the extended service can replay. */
export const ReplayInfo = message(
  Schema.Struct({ earliestCommitIndex: CommitIndex, highestCommitIndex: CommitIndex }),
  { earliestCommitIndex: 1, highestCommitIndex: 2 }
)
export interface ReplayInfo extends Schema.Schema.Type<typeof ReplayInfo> {}

/** Identities that a publisher's blocks come through: its own, then its source's, and so on to the origin. */
export const PublisherPath = message(Schema.Struct({ identities: Schema.Array(Schema.String) }), {
  identities: 1
})
export interface PublisherPath extends Schema.Schema.Type<typeof PublisherPath> {}
