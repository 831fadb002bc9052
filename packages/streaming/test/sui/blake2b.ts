/** BLAKE2b with 32 bytes of output, after RFC 7693: for peers that share no code with us. */
const iv = [
  0x6a09e667f3bcc908n,
  0xbb67ae8584caa73bn,
  0x3c6ef372fe94f82bn,
  0xa54ff53a5f1d36f1n,
  0x510e527fade682d1n,
  0x9b05688c2b3e6c1fn,
  0x1f83d9abfb41bd6bn,
  0x5be0cd19137e2179n
]
/** The order of the words of a block in each of the ten rounds; two more begin anew. */
const sigma = [
  [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
  [14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3],
  [11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4],
  [7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8],
  [9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13],
  [2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9],
  [12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11],
  [13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10],
  [6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5],
  [10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0]
]
const mask = (1n << 64n) - 1n
const turn = (word: bigint, by: bigint) => ((word >> by) | (word << (64n - by))) & mask

const mix = (
  v: Array<bigint>,
  [a, b, c, d]: readonly [number, number, number, number],
  x: bigint,
  y: bigint
) => {
  v[a] = (v[a]! + v[b]! + x) & mask
  v[d] = turn(v[d]! ^ v[a]!, 32n)
  v[c] = (v[c]! + v[d]!) & mask
  v[b] = turn(v[b]! ^ v[c]!, 24n)
  v[a] = (v[a]! + v[b]! + y) & mask
  v[d] = turn(v[d]! ^ v[a]!, 16n)
  v[c] = (v[c]! + v[d]!) & mask
  v[b] = turn(v[b]! ^ v[c]!, 63n)
}
const places = [
  [0, 4, 8, 12],
  [1, 5, 9, 13],
  [2, 6, 10, 14],
  [3, 7, 11, 15],
  [0, 5, 10, 15],
  [1, 6, 11, 12],
  [2, 7, 8, 13],
  [3, 4, 9, 14]
] as const

const compress = (h: Array<bigint>, block: Buffer, counted: bigint, isLast: boolean) => {
  const words = Array.from({ length: 16 }, (_, i) => block.readBigUInt64LE(i * 8))
  const v = [...h, ...iv]
  v[12] = v[12]! ^ counted
  if (isLast) v[14] = v[14]! ^ mask
  for (let round = 0; round < 12; round++) {
    const order = sigma[round % 10]!
    for (const [i, place] of places.entries()) mix(v, place, words[order[i * 2]!]!, words[order[i * 2 + 1]!]!)
  }
  for (let i = 0; i < 8; i++) h[i] = h[i]! ^ v[i]! ^ v[i + 8]!
}

/** The 32 bytes. */
export const blake2b = (bytes: Uint8Array): Buffer => {
  const h = [...iv]
  h[0] = h[0]! ^ 0x01010020n
  for (let at = 0; ; at += 128) {
    const block = Buffer.alloc(128)
    block.set(bytes.subarray(at, at + 128))
    const isLast = at + 128 >= bytes.length
    compress(h, block, BigInt(isLast ? bytes.length : at + 128), isLast)
    if (isLast) break
  }
  const out = Buffer.alloc(64)
  for (const [i, word] of h.entries()) out.writeBigUInt64LE(word, i * 8)
  return out.subarray(0, 32)
}
