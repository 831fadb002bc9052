/**
 * What travels between publisher and observer (observer-streaming, "Protocol Buffer Definitions"; `observer.proto`
 * says the same for other languages). Rounds and commit indices are 64 bits wide on the wire and 32 bits wide in the
 * protocol behind it: positions that an observer sends saturate, whatever a publisher claims above is refused.
 */
import { Result, Schema } from "effect"
import {
  AuthorityIndex,
  AuxiliaryData,
  type CodecError,
  CommitIndex,
  CommittedSubDag,
  ExtendedBlockStreamRequest as WireBlockStreamRequest,
  ExtendedBlockStreamResponse as WireBlockStreamResponse,
  ExtendedCommitStreamRequest as WireCommitStreamRequest,
  ExtendedCommitStreamResponse as WireCommitStreamResponse,
  FetchBlocksRequest,
  FetchBlocksResponse,
  Proto,
  PublisherPath,
  ReplayInfo,
  Round
} from "@ephor/types"
import { join, type Parts } from "./Grpc.ts"
import { scanBlocks } from "./grpc/BlockScan.ts"
import { scanCommit } from "./grpc/CommitScan.ts"

const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 0xffff_ffff }))
/** What a subscriber would rather have: an extension, which publishers may leave aside. */
const wishes = {
  /** Items of a response, at most. */
  maxBatchItems: Schema.optionalKey(Count),
  /** Bytes of a response, at most; an item above it comes alone. */
  maxBatchBytes: Schema.optionalKey(Count)
}

/**
 * From which rounds on blocks are wanted: the highest accepted round per authority; empty means all zero. As an
 * extension, `authorities` are the authors whose blocks are wanted; without it, all.
 */
export const StartBlockStream = Schema.Struct({
  highestRoundPerAuthority: Schema.Array(Round),
  ...wishes,
  authorities: Schema.optionalKey(Schema.Array(AuthorityIndex))
})
export interface StartBlockStream extends Schema.Schema.Type<typeof StartBlockStream> {}

/** From which commit on commits are wanted: the last one processed; 0 means from the first. */
export const StartCommitStream = Schema.Struct({ lastCommitIndex: CommitIndex, ...wishes })
export interface StartCommitStream extends Schema.Schema.Type<typeof StartCommitStream> {}

/** A command on the block stream. `null` is a command that we do not know, or none: it is counted and ignored. */
export interface BlockStreamRequest {
  readonly command:
    | { readonly _tag: "Start"; readonly value: StartBlockStream }
    | { readonly _tag: "Stop" }
    | null
}

/** A command on the commit stream. */
export interface CommitStreamRequest {
  readonly command:
    | { readonly _tag: "Start"; readonly value: StartCommitStream }
    | { readonly _tag: "Stop" }
    | null
}

/**
 * Blocks in order of round, or of acceptance at the tip; without blocks it is a heartbeat. As an extension,
 * `auxiliaryData` tells what belongs to no block and is in no history.
 */
export const BlockStreamResponse = Schema.Struct({
  blocks: Schema.Array(Schema.Uint8Array),
  highestCommitIndex: CommitIndex,
  auxiliaryData: Schema.optionalKey(AuxiliaryData)
})
export interface BlockStreamResponse extends Schema.Schema.Type<typeof BlockStreamResponse> {}

/**
 * Commits with consecutive indices; without commits it is a heartbeat. As an extension, `certifierBlocks` are signed
 * blocks of no commit yet, whose votes certify the newest commits.
 */
export const CommitStreamResponse = Schema.Struct({
  commits: Schema.Array(CommittedSubDag),
  highestCommitIndex: CommitIndex,
  certifierBlocks: Schema.optionalKey(Schema.Array(Schema.Uint8Array))
})
export interface CommitStreamResponse extends Schema.Schema.Type<typeof CommitStreamResponse> {}

const saturate = (value: bigint): number => (value > 0xffff_ffffn ? 0xffff_ffff : Number(value))

const blockRequest = {
  encode: Proto.encode(WireBlockStreamRequest),
  decode: Proto.decodeResult(WireBlockStreamRequest)
}
const commitRequest = {
  encode: Proto.encode(WireCommitStreamRequest),
  decode: Proto.decodeResult(WireCommitStreamRequest)
}

const blockResponse = {
  encode: Proto.encode(WireBlockStreamResponse),
  decode: Proto.decodeResult(WireBlockStreamResponse)
}
const commitResponse = {
  encode: Proto.encode(WireCommitStreamResponse),
  decode: Proto.decodeResult(WireCommitStreamResponse)
}

type Wishes = Pick<StartCommitStream, "maxBatchItems" | "maxBatchBytes">

const toWire = ({ maxBatchBytes = 0, maxBatchItems = 0 }: Wishes) => ({ maxBatchItems, maxBatchBytes })
const fromWire = ({ maxBatchBytes, maxBatchItems }: Required<Wishes>): Wishes => ({
  ...(maxBatchItems === 0 ? {} : { maxBatchItems }),
  ...(maxBatchBytes === 0 ? {} : { maxBatchBytes })
})

/** The protobuf bytes of a command on the block stream; without extensions they are those of the seed. */
export const encodeBlockRequest = ({ command }: BlockStreamRequest): Uint8Array => {
  if (command?._tag !== "Start") return blockRequest.encode({ command })
  const { authorities = [], highestRoundPerAuthority: rounds } = command.value
  const highestRoundPerAuthority = rounds.map(BigInt)
  const value = { highestRoundPerAuthority, ...toWire(command.value), authorities }
  return blockRequest.encode({ command: { _tag: "Start", value } })
}

/** The command that a message on the block stream spells; rounds above 2^32 - 1 saturate. */
export const decodeBlockRequest = (bytes: Uint8Array): Result.Result<BlockStreamRequest, CodecError> =>
  Result.map(blockRequest.decode(bytes), ({ command }) => {
    if (command?._tag !== "Start") return { command }
    const { authorities, highestRoundPerAuthority: rounds } = command.value
    const value = {
      highestRoundPerAuthority: rounds.map(saturate),
      ...fromWire(command.value),
      ...(authorities.length === 0 ? {} : { authorities })
    }
    return { command: { _tag: "Start", value } }
  })

/** The protobuf bytes of a command on the commit stream; without extensions they are those of the seed. */
export const encodeCommitRequest = ({ command }: CommitStreamRequest): Uint8Array => {
  if (command?._tag !== "Start") return commitRequest.encode({ command })
  const value = { lastCommitIndex: BigInt(command.value.lastCommitIndex), ...toWire(command.value) }
  return commitRequest.encode({ command: { _tag: "Start", value } })
}

/** The command that a message on the commit stream spells; an index above 2^32 - 1 saturates. */
export const decodeCommitRequest = (bytes: Uint8Array): Result.Result<CommitStreamRequest, CodecError> =>
  Result.map(commitRequest.decode(bytes), ({ command }) => {
    if (command?._tag !== "Start") return { command }
    const value = { lastCommitIndex: saturate(command.value.lastCommitIndex), ...fromWire(command.value) }
    return { command: { _tag: "Start", value } }
  })

/** The protobuf bytes of a question for blocks by reference, and what they spell. */
export const fetchBlocksRequest = {
  encode: Proto.encode(FetchBlocksRequest),
  decode: Proto.decodeResult(FetchBlocksRequest)
}
/** The protobuf bytes of the blocks that were asked for and are held, and what they spell. */
export const fetchBlocksResponse = {
  encode: Proto.encode(FetchBlocksResponse),
  decode: Proto.decodeResult(FetchBlocksResponse)
}
/** The protobuf bytes of the identities that a publisher's blocks come through, and what they spell. */
export const publisherPath = {
  encode: Proto.encode(PublisherPath),
  decode: Proto.decodeResult(PublisherPath)
}
/** The protobuf bytes of what a publisher can replay, and what they spell. */
export const replayInfo = { encode: Proto.encode(ReplayInfo), decode: Proto.decodeResult(ReplayInfo) }

/** The protobuf bytes of a batch of blocks; without extensions they are those of the seed. */
export const encodeBlockResponse = (response: BlockStreamResponse): Uint8Array =>
  blockResponse.encode({ auxiliaryData: null, ...response })
/** The batch of blocks that a message spells; blocks are views of the message. */
export const decodeBlockResponse = (bytes: Uint8Array): Result.Result<BlockStreamResponse, CodecError> =>
  Result.map(blockResponse.decode(bytes), ({ auxiliaryData, ...response }) =>
    auxiliaryData === null ? response : { ...response, auxiliaryData }
  )
/** The same for a message in parts: blocks are views of them, and only a block that is cut between two is copied. */
export const decodeBlockParts = (parts: Parts): Result.Result<BlockStreamResponse, CodecError> => {
  const response = scanBlocks(parts)
  return response === undefined ? decodeBlockResponse(join(parts)) : Result.succeed(response)
}
/** The protobuf bytes of one committed sub-DAG. */
export const encodeCommit = Proto.encode(CommittedSubDag)
const decodeAnyCommit = Proto.decodeResult(CommittedSubDag)
/** The committed sub-DAG that bytes spell; blocks are views of them. */
export const decodeCommit = (bytes: Uint8Array): Result.Result<CommittedSubDag, CodecError> => {
  const commit = scanCommit(bytes)
  return commit === undefined ? decodeAnyCommit(bytes) : Result.succeed(commit)
}
/** The protobuf bytes of a batch of commits; without extensions they are those of the seed. */
export const encodeCommitResponse = (response: CommitStreamResponse): Uint8Array =>
  commitResponse.encode({ certifierBlocks: [], ...response })
/** The batch of commits that a message spells; blocks are views of the message. */
export const decodeCommitResponse = (bytes: Uint8Array): Result.Result<CommitStreamResponse, CodecError> =>
  Result.map(commitResponse.decode(bytes), ({ certifierBlocks, ...response }) =>
    certifierBlocks.length === 0 ? response : { ...response, certifierBlocks }
  )
