/**
 * What travels between publisher and observer (observer-streaming, "Protocol Buffer Definitions"; `observer.proto`
 * says the same for other languages). Rounds and commit indices are 64 bits wide on the wire and 32 bits wide in the
 * protocol behind it: positions that an observer sends saturate, whatever a publisher claims above is refused.
 */
import { Result, Schema } from "effect"
import {
  BlockStreamRequest as WireBlockStreamRequest,
  BlockStreamResponse,
  type CodecError,
  CommitIndex,
  CommitStreamRequest as WireCommitStreamRequest,
  CommitStreamResponse,
  CommittedSubDag,
  Proto,
  Round
} from "@ephor/types"
import { join, type Parts } from "./Grpc.ts"
import { scanBlocks } from "./internal/scanBlocks.ts"

/** From which rounds on blocks are wanted: the highest accepted round per authority; empty means all zero. */
export const StartBlockStream = Schema.Struct({ highestRoundPerAuthority: Schema.Array(Round) })
export interface StartBlockStream extends Schema.Schema.Type<typeof StartBlockStream> {}

/** From which commit on commits are wanted: the last one processed; 0 means from the first. */
export const StartCommitStream = Schema.Struct({ lastCommitIndex: CommitIndex })
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

export { BlockStreamResponse, CommitStreamResponse }

const saturate = (value: bigint): number => (value > 0xffff_ffffn ? 0xffff_ffff : Number(value))

const blockRequest = {
  encode: Proto.encode(WireBlockStreamRequest),
  decode: Proto.decodeResult(WireBlockStreamRequest)
}
const commitRequest = {
  encode: Proto.encode(WireCommitStreamRequest),
  decode: Proto.decodeResult(WireCommitStreamRequest)
}

/** The protobuf bytes of a command on the block stream. */
export const encodeBlockRequest = ({ command }: BlockStreamRequest): Uint8Array =>
  blockRequest.encode({
    command:
      command?._tag === "Start"
        ? {
            _tag: "Start",
            value: { highestRoundPerAuthority: command.value.highestRoundPerAuthority.map(BigInt) }
          }
        : command
  })

/** The command that a message on the block stream spells; rounds above 2^32 - 1 saturate. */
export const decodeBlockRequest = (bytes: Uint8Array): Result.Result<BlockStreamRequest, CodecError> =>
  Result.map(blockRequest.decode(bytes), ({ command }) => ({
    command:
      command?._tag === "Start"
        ? {
            _tag: "Start",
            value: { highestRoundPerAuthority: command.value.highestRoundPerAuthority.map(saturate) }
          }
        : command
  }))

/** The protobuf bytes of a command on the commit stream. */
export const encodeCommitRequest = ({ command }: CommitStreamRequest): Uint8Array =>
  commitRequest.encode({
    command:
      command?._tag === "Start"
        ? { _tag: "Start", value: { lastCommitIndex: BigInt(command.value.lastCommitIndex) } }
        : command
  })

/** The command that a message on the commit stream spells; an index above 2^32 - 1 saturates. */
export const decodeCommitRequest = (bytes: Uint8Array): Result.Result<CommitStreamRequest, CodecError> =>
  Result.map(commitRequest.decode(bytes), ({ command }) => ({
    command:
      command?._tag === "Start"
        ? { _tag: "Start", value: { lastCommitIndex: saturate(command.value.lastCommitIndex) } }
        : command
  }))

/** The protobuf bytes of a batch of blocks. */
export const encodeBlockResponse = Proto.encode(BlockStreamResponse)
/** The batch of blocks that a message spells; blocks are views of the message. */
export const decodeBlockResponse = Proto.decodeResult(BlockStreamResponse)
/** The same for a message in parts: blocks are views of them, and only a block that is cut between two is copied. */
export const decodeBlockParts = (parts: Parts): Result.Result<BlockStreamResponse, CodecError> => {
  const response = scanBlocks(parts)
  return response === undefined ? decodeBlockResponse(join(parts)) : Result.succeed(response)
}
/** The protobuf bytes of one committed sub-DAG. */
export const encodeCommit = Proto.encode(CommittedSubDag)
/** The protobuf bytes of a batch of commits. */
export const encodeCommitResponse = Proto.encode(CommitStreamResponse)
/** The batch of commits that a message spells; blocks are views of the message. */
export const decodeCommitResponse = Proto.decodeResult(CommitStreamResponse)
