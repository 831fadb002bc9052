/**
 * Nodes of Substrate's base-16 trie without extensions, layout V0, as far as keys of one length and values of 32 bytes need
 * them: a branch has no value, and no node is short enough to stand inside another.
 */
import { concatBytes } from "@ephor/types"

/** A link from a branch. */
export interface Child {
  readonly nibble: number
  readonly hash: Uint8Array
}

/** Where a node leads: to the value of the key, or to another node. */
export type Next =
  | { readonly _tag: "Value"; readonly hash: Uint8Array }
  | { readonly _tag: "Node"; readonly hash: Uint8Array; readonly depth: number }

const leafKind = 0b01
const branchKind = 0b10
const hashBytes = 32
/** The SCALE length of a hash. */
const hashLength = hashBytes << 2

/** The nibbles of a number as SCALE `u32`: eight of them, the high one of each byte first. */
export const nibblesOf = (index: number): ReadonlyArray<number> =>
  [0, 8, 16, 24].flatMap((shift) => [(index >>> (shift + 4)) & 15, (index >>> shift) & 15])

/** The kind of a node with its part of the key; an odd nibble stands alone in the first byte. */
const head = (kind: number, nibbles: ReadonlyArray<number>): Uint8Array => {
  const padded = nibbles.length % 2 === 0 ? nibbles : [0, ...nibbles]
  const bytes = new Uint8Array(1 + padded.length / 2)
  bytes[0] = (kind << 6) | nibbles.length
  for (let i = 0; i < padded.length; i += 2) bytes[1 + i / 2] = (padded[i]! << 4) | padded[i + 1]!
  return bytes
}

/** A leaf with the hash of a chunk. */
export const leafNode = (nibbles: ReadonlyArray<number>, hash: Uint8Array): Uint8Array =>
  concatBytes(head(leafKind, nibbles), Uint8Array.of(hashLength), hash)

/** A branch; links go by their nibble. */
export const branchNode = (nibbles: ReadonlyArray<number>, children: ReadonlyArray<Child>): Uint8Array => {
  const sorted = children.toSorted((a, b) => a.nibble - b.nibble)
  const bitmap = sorted.reduce((bits, { nibble }) => bits | (1 << nibble), 0)
  const links = sorted.flatMap(({ hash }) => [Uint8Array.of(hashLength), hash])
  return concatBytes(head(branchKind, nibbles), Uint8Array.of(bitmap & 0xff, bitmap >> 8), ...links)
}

/** The hash at a place of a node, if its length says that it is one. */
const hashAt = (node: Uint8Array, at: number): Uint8Array | undefined =>
  node[at] === hashLength && at + 1 + hashBytes <= node.length
    ? node.subarray(at + 1, at + 1 + hashBytes)
    : undefined

const bitCount = (bits: number): number => {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count++
  return count
}

/** Where a node leads on the way of a key, of which `depth` nibbles are behind. Nothing if it does not lead there. */
export const nextOf = (node: Uint8Array, key: ReadonlyArray<number>, depth: number): Next | undefined => {
  const [first] = node
  if (first === undefined) return undefined
  const kind = first >> 6
  const count = first & 0x3f
  const end = depth + count
  if (end > key.length || (kind !== leafKind && kind !== branchKind)) return undefined
  const expected = head(kind, key.slice(depth, end))
  if (expected.some((byte, i) => node[i] !== byte)) return undefined
  if (kind === leafKind) {
    const hash =
      end === key.length && node.length === expected.length + 1 + hashBytes
        ? hashAt(node, expected.length)
        : undefined
    return hash && { _tag: "Value", hash }
  }
  const nibble = key[end]
  const bitmap = (node[expected.length] ?? 0) | ((node[expected.length + 1] ?? 0) << 8)
  if (nibble === undefined || ((bitmap >> nibble) & 1) === 0) return undefined
  const before = bitCount(bitmap & ((1 << nibble) - 1))
  const hash = hashAt(node, expected.length + 2 + before * (1 + hashBytes))
  return hash && { _tag: "Node", hash, depth: end + 1 }
}
