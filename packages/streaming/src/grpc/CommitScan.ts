/**
 * Reads a commit as every publisher writes it: fields in their order, numbers in their shortest form. Anything else is
 * left to the codec, which also knows what is wrong with it.
 */
import { type CommittedSubDag, toHex } from "@ephor/types"

const keys = {
  index: 0x08,
  leader: 0x12,
  block: 0x1a,
  timestamp: 0x20,
  author: 0x08,
  round: 0x10,
  digest: 0x1a
}
const digestBytes = 32
const u32 = 0xffff_ffff

/** The number that was read last, and where it ended; a number that is none ends nowhere. */
let value = 0
const varint = (bytes: Uint8Array, from: number): number => {
  let scale = 1
  value = 0
  for (let at = from; at < bytes.length && at < from + 8; at++) {
    const byte = bytes[at]!
    value += (byte & 0x7f) * scale
    // A last byte of zero is no shortest form, and zero itself is not written.
    if (byte < 0x80) return byte === 0 || value > Number.MAX_SAFE_INTEGER ? -1 : at + 1
    scale *= 128
  }
  return -1
}

/** The commit, with blocks that are views of the bytes; nothing if it is not written as usual. */
export const scanCommit = (bytes: Uint8Array): CommittedSubDag | undefined => {
  if (bytes[0] !== keys.index) return undefined
  let at = varint(bytes, 1)
  const commitIndex = value
  if (at < 0 || commitIndex > u32 || bytes[at] !== keys.leader) return undefined
  at = varint(bytes, at + 1)
  const leaderEnd = at + value
  if (at < 0 || leaderEnd > bytes.length) return undefined
  let author = 0
  if (bytes[at] === keys.author) {
    at = varint(bytes, at + 1)
    author = value
    if (at < 0 || author > u32) return undefined
  }
  if (bytes[at] !== keys.round) return undefined
  at = varint(bytes, at + 1)
  const round = value
  if (at < 0 || round > u32 || bytes[at] !== keys.digest || bytes[at + 1] !== digestBytes) return undefined
  at += 2
  if (at + digestBytes !== leaderEnd) return undefined
  const leader = { round, author, digest: toHex(bytes.subarray(at, leaderEnd)) }
  at = leaderEnd
  const blocks: Array<Uint8Array> = []
  while (bytes[at] === keys.block) {
    at = varint(bytes, at + 1)
    if (at < 0 || at + value > bytes.length) return undefined
    blocks.push(new Uint8Array(bytes.buffer, bytes.byteOffset + at, value))
    at += value
  }
  if (bytes[at] !== keys.timestamp) return undefined
  at = varint(bytes, at + 1)
  return at === bytes.length ? { commitIndex, leader, blocks, timestampMs: value } : undefined
}
