/**
 * Roots over what a block of the hub holds, and the few facts of Ethereum that it needs in order to be shown as an
 * Ethereum block.
 */
import {
  Address,
  BlockNumber,
  concatBytes,
  fromHex,
  Hash,
  keccak256,
  type Receipt,
  Scale,
  Wire
} from "@ephor/types"
import { Schema } from "effect"

/** `keccak256(rlp([]))`: the uncles of a block without uncles. */
export const emptyUnclesHash = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"

/** One hash over many, in order: the root of a list where nobody asks for proofs of its items. */
export const listRoot = (hashes: ReadonlyArray<string>): Hash =>
  keccak256(concatBytes(...hashes.map(fromHex)))

const Content = Wire.record({
  transactionHash: Hash,
  type: Wire.U8,
  status: Wire.U8,
  gasUsed: BlockNumber,
  logs: Schema.Array(Wire.record({ address: Address, topics: Schema.Array(Hash), data: Wire.HexText }))
})
const encodeContent = Scale.encode(Content)

/** A root over receipts that does not depend on the block that they are in. */
export const receiptsRoot = (receipts: ReadonlyArray<Receipt>): Hash =>
  listRoot(receipts.map((receipt) => keccak256(encodeContent(receipt))))
