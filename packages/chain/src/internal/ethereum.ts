/**
 * The few facts of Ethereum that a block needs in order to be shown as an Ethereum block.
 */
import { concatBytes, fromHex, type Hash, keccak256 } from "@ephor/types"

/** `keccak256(rlp([]))`: the uncles of a block without uncles. */
export const emptyUnclesHash = "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"

/** One hash over many, in order: the root of a list where nobody asks for proofs of its items. */
export const listRoot = (hashes: ReadonlyArray<string>): Hash =>
  keccak256(concatBytes(...hashes.map(fromHex)))
