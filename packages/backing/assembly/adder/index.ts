/* oxlint-disable -- AssemblyScript: its numbers and types are not those of TypeScript */
/**
 * The adder parachain: its state is one number, a block adds another one to it.
 *
 * Head data: number u64, parent_hash 32, post_state 32 (the hash of the state as u64). Block data: state u64,
 * add u64. Hashes are BLAKE2b-256, integers little-endian. A block that does not follow from its parent traps.
 */
import { blake2b256 } from "../blake2b"

const HEAD_SIZE: u32 = 72
const BLOCK_SIZE: u32 = 16
/** Compact(72) and the head, then: no code, no messages, two u32. */
const RESULT_SIZE: usize = 2 + 72 + 1 + 1 + 1 + 4 + 4

let cursor: usize = 0
let end: usize = 0

/** Where the host writes the parameters. */
export function alloc(length: u32): usize {
  return heap.alloc(length)
}

function take(length: u32): usize {
  const at = cursor
  assert(<usize>length <= end - at)
  cursor = at + length
  return at
}

/** A compact length in one, two or four bytes: nothing longer is a length of this parachain. */
function takeLength(): u32 {
  const mode = load<u8>(take(1)) & 3
  cursor -= 1
  if (mode == 0) return load<u8>(take(1)) >> 2
  if (mode == 1) return load<u16>(take(2)) >> 2
  assert(mode == 2)
  return load<u32>(take(4)) >> 2
}

/**
 * Takes SCALE ValidationParams; the result is SCALE ValidationResult, its place in the low and its length in
 * the high 32 bits.
 */
export function validate_block(params: usize, length: u32): u64 {
  cursor = params
  end = params + length
  assert(takeLength() == HEAD_SIZE)
  const parent = take(HEAD_SIZE)
  assert(takeLength() == BLOCK_SIZE)
  const block = take(BLOCK_SIZE)
  const relayParentNumber = load<u32>(take(4))
  take(32)
  assert(cursor == end)

  const hash = heap.alloc(32)
  blake2b256(block, 8, hash)
  assert(memory.compare(hash, parent + 40, 32) == 0)
  const state = heap.alloc(8)
  store<u64>(state, load<u64>(block) + load<u64>(block + 8))

  const result = heap.alloc(RESULT_SIZE)
  store<u16>(result, ((<u16>HEAD_SIZE) << 2) | 1)
  const head = result + 2
  store<u64>(head, load<u64>(parent) + 1)
  blake2b256(parent, HEAD_SIZE, head + 8)
  blake2b256(state, 8, head + 40)
  memory.fill(head + HEAD_SIZE, 0, 7)
  store<u32>(head + HEAD_SIZE + 7, relayParentNumber)
  return ((<u64>RESULT_SIZE) << 32) | <u64>result
}
