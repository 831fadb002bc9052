/**
 * What travels over Sui's `ObserverService`, as far as it is known: numbers of fields and their types. Commits and
 * references are BCS within protobuf; nothing tells the highest commit, and nothing says that a peer is alive.
 */
import { AuxiliaryData, Bcs, DagCommit, DagBlockRef, Proto, Wire } from "@ephor/types"
import { Schema } from "effect"

const U32s = Schema.Array(Wire.U32)
const Items = Schema.Array(Wire.Bytes)

/** The full name of the service. */
export const observerService = "consensus.ObserverService"

/** Blocks above these rounds, one for each author. Earlier revisions had 64 bits for a round. */
const StreamBlocksRequest = Wire.message(
  Schema.Struct({ highestRoundPerAuthority: Schema.Array(Wire.U64) }),
  { highestRoundPerAuthority: 1 }
)
const StreamBlocksResponse = Wire.message(
  Schema.Struct({ blocks: Items, auxiliaryData: Schema.NullOr(AuxiliaryData) }),
  { blocks: 1, auxiliaryData: 2 }
)
const FetchBlocksRequest = Wire.message(
  Schema.Struct({ blockRefs: Items, fetchAfterRounds: U32s, fetchMissingAncestors: Schema.Boolean }),
  { blockRefs: 1, fetchAfterRounds: 2, fetchMissingAncestors: 3 }
)
const FetchBlocksResponse = Wire.message(Schema.Struct({ blocks: Items }), { blocks: 1 })
const StreamCommitsRequest = Wire.message(Schema.Struct({ start: Wire.U32 }), { start: 1 })
const StreamCommitsResponse = Wire.message(
  Schema.Struct({ commits: Items, blockCounts: U32s, blocks: Items, certifierBlocks: Items }),
  { commits: 1, blockCounts: 2, blocks: 3, certifierBlocks: 4 }
)
const FetchCommitsRequest = Wire.message(Schema.Struct({ start: Wire.U32, end: Wire.U32 }), {
  start: 1,
  end: 2
})
const FetchCommitsResponse = Wire.message(Schema.Struct({ commits: Items, certifierBlocks: Items }), {
  commits: 1,
  certifierBlocks: 2
})

/** A question for blocks by reference, and whether their ancestors above some rounds are wanted, too. */
export interface FetchBlocksRequest extends Schema.Schema.Type<typeof FetchBlocksRequest> {}
/** From which commit on, itself included. */
export interface StreamCommitsRequest extends Schema.Schema.Type<typeof StreamCommitsRequest> {}
/** Commits, the blocks of all of them and how many belong to each, and what certifies the last commit of a window. */
export interface StreamCommitsResponse extends Schema.Schema.Type<typeof StreamCommitsResponse> {}
/** From which commit to which, both included. */
export interface FetchCommitsRequest extends Schema.Schema.Type<typeof FetchCommitsRequest> {}
/** Commits without blocks, and what certifies the last one. */
export interface FetchCommitsResponse extends Schema.Schema.Type<typeof FetchCommitsResponse> {}

const both = <A>(schema: Schema.Codec<A, any>) => ({
  encode: Proto.encode(schema),
  decode: Proto.decodeResult(schema)
})

/** The protobuf bytes of a question for blocks, and what they spell. */
export const streamBlocksRequest = both(StreamBlocksRequest)
/** The protobuf bytes of blocks, and what comes beside them, and what they spell. */
export const streamBlocksResponse = both(StreamBlocksResponse)
/** The protobuf bytes of a question for blocks by reference, and what they spell. */
export const fetchBlocksRequest = both(FetchBlocksRequest)
/** The protobuf bytes of the blocks that answer it, and what they spell. */
export const fetchBlocksResponse = both(FetchBlocksResponse)
/** The protobuf bytes of a question for commits, and what they spell. */
export const streamCommitsRequest = both(StreamCommitsRequest)
/** The protobuf bytes of commits with their blocks, and what they spell. */
export const streamCommitsResponse = both(StreamCommitsResponse)
/** The protobuf bytes of a question for a range of commits, and what they spell. */
export const fetchCommitsRequest = both(FetchCommitsRequest)
/** The protobuf bytes of the commits that answer it, and what they spell. */
export const fetchCommitsResponse = both(FetchCommitsResponse)

/** The BCS bytes of a reference to a block, and what they spell. */
export const blockRef = { encode: Bcs.encode(DagBlockRef), decode: Bcs.decodeResult(DagBlockRef) }
/** The BCS bytes of a commit, and what they spell. */
export const commit = { encode: Bcs.encode(DagCommit), decode: Bcs.decodeResult(DagCommit) }
