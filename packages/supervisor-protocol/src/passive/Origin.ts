/**
 * Where a block of an OP chain stands on L1, by the deposit that begins each: `setL1BlockValues` of Bedrock, whose parameters
 * are words, or one of the packed forms of Ecotone, Isthmus, Jovian and Interop, which begin alike.
 */
import { type Address, type BlockId, toHex } from "@ephor/types"
import type { Transaction } from "./Transaction.ts"

/** The L1 block that a block was built upon, and how many blocks there were upon it before. */
export interface L1Position {
  readonly l1origin: BlockId
  readonly sequenceNumber: number
}

const depositor: Address = "0xdeaddeaddeaddeaddeaddeaddeaddeaddead0001"
const l1Block: Address = "0x4200000000000000000000000000000000000015"
const setL1BlockValues = "0x015d8eb9"
const wordsSize = 4 + 8 * 32
const packedSize = 164

const number64 = (bytes: Uint8Array, at: number): number | undefined => {
  const value = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(at)
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? undefined : Number(value)
}

/** The place of each part in bytes. */
const places = {
  words: { number: 4 + 24, hash: 4 + 3 * 32, sequenceNumber: 4 + 4 * 32 + 24 },
  packed: { number: 28, hash: 100, sequenceNumber: 12 }
}

/** What the first transaction of a block says; nothing if it is not that deposit. */
export const positionOf = ({ from, input, to }: Transaction): L1Position | undefined => {
  if (from !== depositor || to !== l1Block || input.length < packedSize) return undefined
  const isWords = toHex(input, 0, 4) === setL1BlockValues
  if (isWords && input.length < wordsSize) return undefined
  const place = isWords ? places.words : places.packed
  const number = number64(input, place.number)
  const sequenceNumber = number64(input, place.sequenceNumber)
  return number === undefined || sequenceNumber === undefined
    ? undefined
    : { l1origin: { hash: toHex(input, place.hash, place.hash + 32), number }, sequenceNumber }
}
