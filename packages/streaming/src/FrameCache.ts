/**
 * Encodes once, whatever the number of subscribers. A response that several subscribers share is one object, and its
 * gRPC frame hangs on that object; a commit's protobuf field hangs on the commit, so that overlapping batches of
 * different subscribers are put together from the same bytes. Weak references: a frame lives as long as its response.
 */
import type { CommittedSubDag } from "@ephor/types"
import { frame as frameOf, prefixBytes, writePrefix } from "./Grpc.ts"
import {
  type BlockStreamResponse,
  type CommitStreamResponse,
  encodeBlockResponse,
  encodeCommit,
  encodeCommitResponse
} from "./Messages.ts"

const frames = new WeakMap<BlockStreamResponse | CommitStreamResponse, Uint8Array>()
const commitFields = new WeakMap<CommittedSubDag, Uint8Array>()
/** Messages that commits were decoded from: their fields are written from these, and not kept. */
const commitMessages = new WeakMap<CommittedSubDag, Uint8Array>()

const varintBytes = (value: number): number => {
  let count = 1
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 128)) count++
  return count
}

const writeVarint = (target: Uint8Array, at: number, value: number): number => {
  let rest = value
  while (rest >= 0x80) {
    target[at++] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

/** Field 1, length-delimited: both responses repeat it for their items. */
const itemKey = 0x0a
/** Field 2, varint: the highest commit index of both responses. */
const indexKey = 0x10

/** Bytes that a block takes in a response. */
export const blockBytes = (block: Uint8Array): number => 1 + varintBytes(block.length) + block.length

/** The field of a commit in a response: key, length and message; encoded on first use. */
export const commitField = (commit: CommittedSubDag): Uint8Array => {
  const known = commitFields.get(commit)
  if (known !== undefined) return known
  const message = commitMessages.get(commit) ?? encodeCommit(commit)
  const field = new Uint8Array(blockBytes(message))
  writeItem(field, 0, message)
  commitFields.set(commit, field)
  return field
}

/** Remembers the message that a commit was decoded from, so that nobody encodes it again. */
export const keepCommit = (commit: CommittedSubDag, message: Uint8Array): void => {
  commitMessages.set(commit, message)
}

/** Bytes that a commit takes in a response, without encoding it; at most a few bytes above the truth. */
export const commitBytes = (commit: CommittedSubDag): number => {
  const message = commitMessages.get(commit)
  if (message !== undefined) return blockBytes(message)
  const known = commitFields.get(commit)
  return known === undefined
    ? commit.blocks.reduce((sum, block) => sum + blockBytes(block), 80)
    : known.length
}

const writeItem = (target: Uint8Array, at: number, item: Uint8Array): number => {
  target[at++] = itemKey
  const from = writeVarint(target, at, item.length)
  target.set(item, from)
  return from + item.length
}

const assemble = (
  itemBytes: number,
  index: number,
  write: (target: Uint8Array, at: number) => number
): Uint8Array => {
  const length = itemBytes + (index === 0 ? 0 : 1 + varintBytes(index))
  const out = new Uint8Array(prefixBytes + length)
  writePrefix(out, 0, length)
  let at = write(out, prefixBytes)
  if (index !== 0) {
    out[at++] = indexKey
    writeVarint(out, at, index)
  }
  return out
}

/** The gRPC frame of a batch of blocks: the same object gives the same bytes. */
export const blockFrame = (response: BlockStreamResponse): Uint8Array => {
  const known = frames.get(response)
  if (known !== undefined) return known
  const frame =
    response.auxiliaryData === undefined ? assembleBlocks(response) : frameOf(encodeBlockResponse(response))
  frames.set(response, frame)
  return frame
}

const assembleBlocks = ({ blocks, highestCommitIndex }: BlockStreamResponse): Uint8Array => {
  const itemBytes = blocks.reduce((sum, block) => sum + blockBytes(block), 0)
  return assemble(itemBytes, highestCommitIndex, (target, at) =>
    blocks.reduce((from, block) => writeItem(target, from, block), at)
  )
}

/** The gRPC frame of a batch of commits: the same object gives the same bytes. */
export const commitFrame = (response: CommitStreamResponse): Uint8Array => {
  const known = frames.get(response)
  if (known !== undefined) return known
  const frame =
    response.certifierBlocks === undefined
      ? assembleCommits(response)
      : frameOf(encodeCommitResponse(response))
  frames.set(response, frame)
  return frame
}

const assembleCommits = ({ commits, highestCommitIndex }: CommitStreamResponse): Uint8Array => {
  const parts = commits.map((commit) => {
    const message = commitMessages.get(commit)
    return message === undefined ? { field: commitField(commit) } : { message }
  })
  const itemBytes = parts.reduce(
    (sum, part) => sum + ("field" in part ? part.field.length : blockBytes(part.message)),
    0
  )
  return assemble(itemBytes, highestCommitIndex, (target, at) =>
    parts.reduce((from, part) => {
      if ("message" in part) return writeItem(target, from, part.message)
      target.set(part.field, from)
      return from + part.field.length
    }, at)
  )
}
