/**
 * The trie that commits to chunks: from the number of each, as SCALE `u32`, to the BLAKE2b-256 of its bytes. Its root is the erasure
 * root of a candidate, and the nodes on the way to a chunk are its proof. (Substrate's base-16 trie, layout V0; polkadot-sdk,
 * `erasure-coding`, `branches` and `branch_hash`.)
 */
import { blake2b256, blake2b256Bytes, type ErasureChunk, type Hash, toHex } from "@ephor/types"
import { branchNode, type Child, leafNode, nextOf, nibblesOf } from "./trie/TrieNode.ts"

/** The longest way from the root to a chunk: one node for each nibble of a number. */
export const maxProofNodes = 8

/** A trie of chunks. */
export interface ChunkTrie {
  /** The erasure root. */
  readonly root: Hash
  /** The proof of a chunk: the nodes from the root down to its leaf. Nothing for a chunk that there is not. */
  readonly proofOf: (index: number) => ReadonlyArray<Uint8Array> | undefined
}

interface Built {
  readonly bytes: Uint8Array
  readonly hash: Uint8Array
  readonly children: ReadonlyMap<number, Built>
  /** Nibbles of a number down to and with those of this node. */
  readonly depth: number
}

interface Entry {
  readonly key: ReadonlyArray<number>
  readonly hash: Uint8Array
}

const finish = (bytes: Uint8Array, depth: number, children: ReadonlyMap<number, Built>): Built => ({
  bytes,
  hash: blake2b256Bytes(bytes),
  children,
  depth
})

/** Nibbles that all keys share from `depth` on. */
const shared = (entries: ReadonlyArray<Entry>, depth: number): number => {
  const first = entries[0]!.key
  for (let at = depth; ; at++) if (entries.some(({ key }) => key[at] !== first[at])) return at - depth
}

/** Where many keys share a nibble, the way to them is one node. */
const build = (entries: ReadonlyArray<Entry>, depth: number): Built => {
  const [only] = entries
  if (entries.length === 1)
    return finish(leafNode(only!.key.slice(depth), only!.hash), only!.key.length, new Map())
  const end = depth + shared(entries, depth)
  const groups = new Map<number, Array<Entry>>()
  for (const entry of entries) {
    const nibble = entry.key[end]!
    const group = groups.get(nibble)
    if (group === undefined) groups.set(nibble, [entry])
    else group.push(entry)
  }
  const children = new Map([...groups].map(([nibble, group]) => [nibble, build(group, end + 1)]))
  const links = [...children].map(([nibble, { hash }]): Child => ({ nibble, hash }))
  return finish(branchNode(only!.key.slice(depth, end), links), end, children)
}

/** The trie of some chunks, in their order; there is at least one. */
export const make = (chunks: readonly [Uint8Array, ...ReadonlyArray<Uint8Array>]): ChunkTrie => {
  const top = build(
    chunks.map((chunk, index) => ({ key: nibblesOf(index), hash: blake2b256Bytes(chunk) })),
    0
  )
  return {
    root: toHex(top.hash),
    proofOf: (index) => {
      if (!Number.isInteger(index) || index < 0 || index >= chunks.length) return undefined
      const key = nibblesOf(index)
      const proof: Array<Uint8Array> = []
      for (
        let node: Built | undefined = top;
        node !== undefined;
        node = node.children.get(key[node.depth]!)
      ) {
        proof.push(node.bytes)
      }
      return proof
    }
  }
}

/**
 * The hash that a proof gives for a chunk, or nothing if it proves none: each node must be the one that the node before it names, and
 * nothing may be left over. Work and memory are bounded by the proof.
 */
export const provenHash = (root: Hash, index: number, proof: ReadonlyArray<Uint8Array>): Hash | undefined => {
  if (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff || proof.length > maxProofNodes)
    return undefined
  const key = nibblesOf(index)
  let depth = 0
  let expected = root
  for (const [at, node] of proof.entries()) {
    if (blake2b256(node) !== expected) return undefined
    const next = nextOf(node, key, depth)
    if (next === undefined) return undefined
    if (next._tag === "Value") return at === proof.length - 1 ? toHex(next.hash) : undefined
    depth = next.depth
    expected = toHex(next.hash)
  }
  return undefined
}

/** Whether a chunk is what the root commits to at its place. */
export const isProven = (root: Hash, { chunk, index, proof }: ErasureChunk): boolean =>
  provenHash(root, index, proof) === blake2b256(chunk)
