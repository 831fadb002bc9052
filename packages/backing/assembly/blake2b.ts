/* oxlint-disable -- AssemblyScript: its numbers and types are not those of TypeScript */
/** Unkeyed BLAKE2b with a 32-byte digest (RFC 7693), over linear memory. */

const IV = memory.data<u64>([
  0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1, 0x510e527fade682d1,
  0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179
])

const SIGMA = memory.data<u8>([
  0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3,
  11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4, 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8,
  9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13, 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9,
  12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11, 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10,
  6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5, 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0
])

const H = memory.data(64, 8)
const V = memory.data(128, 8)
const BLOCK = memory.data(128, 8)

function at(base: usize, index: usize): u64 {
  return load<u64>(base + (index << 3))
}

function mix(a: usize, b: usize, c: usize, d: usize, x: u64, y: u64): void {
  let va = at(V, a) + at(V, b) + x
  let vd = rotr<u64>(at(V, d) ^ va, 32)
  let vc = at(V, c) + vd
  let vb = rotr<u64>(at(V, b) ^ vc, 24)
  va = va + vb + y
  vd = rotr<u64>(vd ^ va, 16)
  vc = vc + vd
  vb = rotr<u64>(vb ^ vc, 63)
  store<u64>(V + (a << 3), va)
  store<u64>(V + (b << 3), vb)
  store<u64>(V + (c << 3), vc)
  store<u64>(V + (d << 3), vd)
}

function word(round: usize, index: usize): u64 {
  return at(BLOCK, load<u8>(SIGMA + (round % 10) * 16 + index))
}

function compress(counter: u64, last: bool): void {
  memory.copy(V, H, 64)
  memory.copy(V + 64, IV, 64)
  store<u64>(V + 96, at(V, 12) ^ counter)
  if (last) store<u64>(V + 112, ~at(V, 14))
  for (let round: usize = 0; round < 12; round++) {
    mix(0, 4, 8, 12, word(round, 0), word(round, 1))
    mix(1, 5, 9, 13, word(round, 2), word(round, 3))
    mix(2, 6, 10, 14, word(round, 4), word(round, 5))
    mix(3, 7, 11, 15, word(round, 6), word(round, 7))
    mix(0, 5, 10, 15, word(round, 8), word(round, 9))
    mix(1, 6, 11, 12, word(round, 10), word(round, 11))
    mix(2, 7, 8, 13, word(round, 12), word(round, 13))
    mix(3, 4, 9, 14, word(round, 14), word(round, 15))
  }
  for (let i: usize = 0; i < 8; i++) {
    store<u64>(H + (i << 3), at(H, i) ^ at(V, i) ^ at(V, i + 8))
  }
}

/** Writes the 32-byte digest of `length` bytes at `input` to `output`. */
export function blake2b256(input: usize, length: usize, output: usize): void {
  memory.copy(H, IV, 64)
  store<u64>(H, at(H, 0) ^ 0x01010020)
  let done: usize = 0
  while (length - done > 128) {
    memory.copy(BLOCK, input + done, 128)
    done += 128
    compress(done, false)
  }
  memory.fill(BLOCK, 0, 128)
  memory.copy(BLOCK, input + done, length - done)
  compress(length, true)
  memory.copy(output, H, 32)
}
